"""OpenAI's older API for completions of a text."""
