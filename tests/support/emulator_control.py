"""Lets tests in other languages see and release the calls that the emulated provider answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

from emulator import Emulator

_NOTICED = 5.0
"""Seconds in which the provider must see its connection closed."""


@contextmanager
def emulator_control(emulator: Emulator) -> Iterator[str]:
    """Serves the control of an emulator, and yields its URL.

    `POST /<action>/<user>` waits for the call of that user, and answers 200 with the body of the call if the action
    succeeded: `arrived` does nothing more, `release` releases the call once, `disconnected` waits until its connection
    is closed.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _, action, user = self.path.split("/")
            call = emulator.call(unquote(user))
            done = True
            if action == "release":
                call.release()
            elif action == "disconnected":
                done = call.disconnected.wait(_NOTICED)
            self.send_response(200 if done else 504)
            self.end_headers()
            self.wfile.write(call.raw)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
