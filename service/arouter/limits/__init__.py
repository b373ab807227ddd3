"""The limits of API keys: usage is reserved before a call and settled after it (docs/limits.md)."""
