"""Providers of every protocol that answer with the golden files of `tests/wire`."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.ports import HOST

WIRE = Path(__file__).parents[1] / "wire"
KEY = "sk-golden"


def cases(protocol: str, file: str) -> list[str]:
    """Returns the names of a protocol's cases that have this file."""
    return sorted(path.parent.name for path in (WIRE / protocol).glob(f"*/{file}"))


class Golden:
    """A server at which each protocol has a base URL of its own.

    Attributes:
        seen: The path, headers and body of every request.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self._server = ThreadingHTTPServer((HOST, 0), type("Handler", (_Handler,), {"seen": self.seen}))
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def row(self, protocol: str) -> dict[str, Any]:
        """Returns the configuration of a provider, whose models are the protocol's cases."""
        return {
            "id": protocol,
            "protocol": protocol,
            "base_url": f"http://{HOST}:{self._server.server_port}/{protocol}",
            "api_keys": [KEY],
            "models": sorted({*cases(protocol, "response.wire.json"), *cases(protocol, "error.wire.json")}),
        }


class _Handler(BaseHTTPRequestHandler):
    """Answers with a golden case, which the model's name chooses: `/<protocol>/…` is the base URL."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, dict[str, str], dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        protocol = self.path.split("/")[1]
        case = body.get("model") or self.path.split("/models/")[1].partition(":")[0]
        if case.startswith("error_"):
            error = json.loads((WIRE / protocol / case / "error.wire.json").read_text("utf-8"))
            return self._answer(error["status"], "application/json", json.dumps(error["body"]).encode())
        streamed = body.get("stream") or "alt=sse" in self.path
        name, kind = (
            ("stream.wire.txt", "text/event-stream") if streamed else ("response.wire.json", "application/json")
        )
        return self._answer(200, kind, (WIRE / protocol / case / name).read_bytes())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...
