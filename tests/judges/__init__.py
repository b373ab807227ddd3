"""The vendors' official SDKs as judges: of what is sent, by their request types; of what is answered, by the others.

- `anthropic`, `gemini`, `openai`: one vendor's
- `typed_dicts`: how a TypedDict is held against a request, for the vendors whose request types are that
"""
