"""An LLM router: every model behind one OpenAI-compatible URL and one typed gRPC API."""
