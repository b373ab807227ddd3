"""The wire formats of clients other than OpenAI's chat completions: pure translation to and from the canonical chat."""
