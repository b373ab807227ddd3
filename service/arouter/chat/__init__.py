"""The canonical form of a chat: OpenAI's request, completion and chunk as JSON objects, lossless."""
