"""An LLM router: every model behind one OpenAI-compatible URL and one typed gRPC API."""

__version__ = "0.1.0"
