"""The documents that the gateway serves without a key: the OpenAPI document, and a page that shows it.

Envoy copies the body of a direct response for each request, so that clients that do not read could fill its memory.
Hence these are served by an internal listener behind a cluster that allows few requests at a time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "docs"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_COMPRESSED = ".gz"

Route = Mapping[str, Any]


@dataclass(frozen=True)
class Document:
    """A file that the gateway serves.

    Attributes:
        path: Its path in URLs.
        file: Its name. What it is compressed with is its content-encoding: every browser accepts gzip.
        content_type: Its media type.
    """

    path: str
    file: str
    content_type: str

    @property
    def source(self) -> Path:
        """Where the file is."""
        return _FOLDER / self.file


DOCUMENTS = (
    Document("/openapi.json", "openapi.json", "application/json"),
    Document("/docs", "index.html", "text/html; charset=utf-8"),
    Document("/docs/start.js", "start.js", "text/javascript; charset=utf-8"),
    Document("/docs/swagger-ui-bundle.js", "swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"),
    Document("/docs/swagger-ui.css", "swagger-ui.css.gz", "text/css; charset=utf-8"),
)


def write_documents(out_dir: Path) -> None:
    """Copies the files into `docs` in a folder.

    Raises:
        OSError: They cannot be written.
    """
    folder = out_dir / _FOLDER.name
    folder.mkdir(exist_ok=True)
    for document in DOCUMENTS:
        (folder / document.file).write_bytes(document.source.read_bytes())


def largest_document() -> int:
    """Returns the size of the largest file in bytes."""
    return max(document.source.stat().st_size for document in DOCUMENTS)


def outer_routes(refused_filters: Route) -> list[Route]:
    """Returns the routes for clients: to the internal listener, or 405.

    Args:
        refused_filters: The filters of a route to which the gateway responds itself.
    """
    routes: list[Route] = []
    for document in DOCUMENTS:
        shown: Route = {"metadata": {"filter_metadata": {"arouter": {"path": document.path}}}}
        match = {"safe_regex": {"regex": f"{re.escape(document.path)}/?"}}
        reading = {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
        routes += [
            {
                "match": {**match, "headers": [reading]},
                "route": {"cluster": "documents", "timeout": "30s", "prefix_rewrite": document.path},
                "request_body_buffer_limit": 0,
                **shown,
            },
            {
                "match": match,
                "direct_response": {"status": 405},
                "typed_per_filter_config": refused_filters,
                "response_headers_to_add": [_header("allow", "GET, HEAD")],
                **shown,
            },
        ]
    return routes


def inner_routes(run_dir: Path) -> list[Route]:
    """Returns the routes of the internal listener, whose files Envoy reads from `run_dir` when it starts."""
    return [route for document in DOCUMENTS for route in _responses(document, run_dir)]


def _responses(document: Document, run_dir: Path) -> Sequence[Route]:
    tag = f'"{hashlib.sha256(document.source.read_bytes()).hexdigest()[:32]}"'
    headers = [
        _header("etag", tag),
        _header("cache-control", "no-cache"),  # that is: ask whether it has changed
        _header("content-security-policy", _POLICY),
        _header("x-content-type-options", "nosniff"),
        _header("referrer-policy", "no-referrer"),
    ]
    known = {"name": "if-none-match", "string_match": {"contains": tag}}
    content = [_header("content-type", document.content_type)]
    if document.file.endswith(_COMPRESSED):
        content.append(_header("content-encoding", "gzip"))
    return [
        {
            "match": {"path": document.path, "headers": [known]},
            "direct_response": {"status": 304},
            "response_headers_to_add": headers,
            "response_headers_to_remove": ["location"],
        },
        {
            "match": {"path": document.path},
            "direct_response": {"status": 200, "body": {"filename": str(run_dir / _FOLDER.name / document.file)}},
            "response_headers_to_add": [*headers, *content],
        },
    ]


def _header(name: str, value: str) -> Route:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
