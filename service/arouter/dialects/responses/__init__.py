"""OpenAI's Responses API for clients: pure translation to and from the canonical chat."""
