"""The matrix: every protocol, whole and streamed, in every case. `tests/gateway/test_matrix.py` runs it.

- `conversation`: what is asked and said, in no protocol's words
- `cases`: the table: what the client asks, what the provider must be asked, what it answers
- `openai`, `anthropic`, `gemini`: a provider of each protocol, in the words of its vendor's SDK
- `provider`: the three of them as scenarios of the emulator
- `client`: what OpenAI's SDK hears, as a conversation again
- `table`: the outcome of a run
"""
