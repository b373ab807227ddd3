"""The reported cases of `tests/wire/reports`, and the provider that answers with them.

Each folder holds `request.json`, what the provider answers (`upstream.json` or `upstream.sse`, byte for byte), and
`expect.json`, which says what must come of it; `tests/wire/reports/README.md` describes its fields.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from support.ports import HOST

REPORTS = Path(__file__).parents[1] / "wire" / "reports"
KEY = "sk-reports"
OWN_ROW = "up"
"""The provider of a request that is meant for a server of one's own, without a preset."""

_ORDINARY = {"openai": "ordinary.json", "anthropic": "ordinary.anthropic.json", "gemini": "ordinary.gemini.json"}
_STEP = re.compile(r"\[(-?\d+|\*)\]|\.?([^.\[\]]+)")


class Case:
    """One reported case.

    Attributes:
        name: Its folder's.
        expected: Its `expect.json`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = REPORTS / name
        self.expected: dict[str, Any] = json.loads((self.folder / "expect.json").read_text("utf-8"))
        self._request: dict[str, Any] = json.loads((self.folder / "request.json").read_text("utf-8"))

    @property
    def provider(self) -> str:
        """The provider's id: a preset's, or the case's own name."""
        provider = self._request["model"].partition("/")[0]
        return self.name if provider == OWN_ROW else provider

    @property
    def native_model(self) -> str:
        return self._request["model"].partition("/")[2]

    @property
    def request(self) -> dict[str, Any]:
        return {**self._request, "model": f"{self.provider}/{self.native_model}"}

    @property
    def row(self) -> dict[str, Any]:
        """What `arouter.yaml` says of the provider beside its address and models."""
        return self.expected.get("row", {})

    def answer(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Returns what the provider answers to a request: status, headers and body."""
        upstream = self.expected.get("upstream", {})
        refuses = upstream.get("refuses")
        if refuses and find(asked, refuses):
            body = (self.folder / "upstream.json").read_bytes()
            return 400, {"content-type": "application/json"}, body
        streamed = self.folder / "upstream.sse"
        whole = self.folder / "upstream.json"
        if streamed.exists():
            headers, body = {"content-type": "text/event-stream"}, streamed.read_bytes()
        else:
            ordinary = REPORTS / _ORDINARY[protocol_of(self.provider)]
            headers = {"content-type": "application/json"}
            body = (whole if whole.exists() else ordinary).read_bytes()
        headers |= upstream.get("headers", {})
        if headers.get("content-encoding") == "gzip":
            body = gzip.compress(body)
        return upstream.get("status", 200), headers, body


def cases() -> list[str]:
    """Returns the names of all cases."""
    return sorted(path.parent.name for path in REPORTS.glob("*/expect.json"))


def protocol_of(provider: str) -> str:
    return {"anthropic": "anthropic", "google": "gemini"}.get(provider, "openai")


class ReportedProvider:
    """A server that answers with one case at a time.

    Attributes:
        case: The one.
        seen: The bodies that it was sent since `case` was set.
    """

    def __init__(self) -> None:
        self.case: Case | None = None
        self.seen: list[Any] = []
        handler = type("Handler", (_Handler,), {"provider": self})
        self._server = ThreadingHTTPServer((HOST, 0), handler)
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

    def turn_to(self, case: Case) -> None:
        """Answers with this case from now on."""
        self.case, self.seen = case, []

    def rows(self) -> list[dict[str, Any]]:
        """Returns the configuration of the providers of all cases."""
        rows: dict[str, dict[str, Any]] = {}
        for case in map(Case, cases()):
            row = rows.setdefault(
                case.provider,
                {"id": case.provider, "base_url": self._base_url(case), "api_keys": [KEY], "models": [], **case.row},
            )
            if case.native_model not in row["models"]:
                row["models"].append(case.native_model)
        return list(rows.values())

    def _base_url(self, case: Case) -> str:
        root = f"http://{HOST}:{self._server.server_port}"
        return root if protocol_of(case.provider) != "openai" else f"{root}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider: ReportedProvider

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.provider.seen.append(asked)
        assert self.provider.case is not None
        status, headers, body = self.provider.case.answer(asked)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def find(document: Any, path: str) -> list[Any]:
    """Returns what a document has at a path: `messages[-1].content`, `tools[*].function.name`, `**.cache_control`."""
    found = [document]
    for place, name in _STEP.findall(path):
        if name == "**":
            found = [inner for value in found for inner in _all_within(value)]
        elif name:
            found = [value[name] for value in found if isinstance(value, dict) and name in value]
        elif place == "*":
            found = [item for value in found if isinstance(value, list) for item in value]
        else:
            index = int(place)
            found = [value[index] for value in found if isinstance(value, list) and -len(value) <= index < len(value)]
    return found


def unmet(document: Any, checks: dict[str, dict[str, Any]]) -> list[str]:
    """Returns which checks a document does not pass, by path."""
    return [
        f"{path}: {kind} {wanted!r}, but found {found!r}"
        for path, kinds in checks.items()
        for found in [find(document, path)]
        for kind, wanted in kinds.items()
        if not _holds(document, found, kind, wanted)
    ]


def _holds(document: Any, found: list[Any], kind: str, wanted: Any) -> bool:
    match kind:
        case "absent":
            return (not found) == wanted
        case "equal":
            return found == [wanted]
        case "all":
            return found == wanted
        case "same_as":
            return bool(found) and found == find(document, wanted)
        case "distinct":
            return (len(set(map(json.dumps, found))) == len(found)) is wanted
        case "matches":
            return bool(found) and all(isinstance(value, str) and re.search(wanted, value) for value in found)
        case "contains":
            return any(wanted in json.dumps(value, ensure_ascii=False) for value in found)
    raise ValueError(kind)


def _all_within(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _all_within(item)
