"""An emulated provider, which does well or badly as the model's name says. Its own scenarios speak OpenAI's protocol.

- `scenarios`: the table: model name -> what happens
- `answers`: right answers, built from the official SDK's own types
- `wire`: how an answer is put on the connection, also wrongly
- `call`: one request as the provider saw it, and the test's hold on its answer
- `server`: the server in its thread, with its records and gauges
"""

from emulator.call import Call
from emulator.server import Emulator

__all__ = ["Call", "Emulator"]
