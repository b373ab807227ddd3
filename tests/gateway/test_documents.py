"""The OpenAPI document and its page are served without a key, and hold little memory for clients that do not read."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

from arouter_gateway.documents import DOCUMENTS, Document
from judges.rest_document import document
from support.edge import edge
from support.http2 import Http2
from support.rest import Rest
from support.stack import Stack

AT_ONCE = 32
"""The requests for documents that are served at a time; as many may wait."""

REQUESTS = 300
WORKERS = 2
SIZE = max(each.source.stat().st_size for each in DOCUMENTS)

OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in document()["paths"].items()
    for method, operation in operations.items()
}
EACH = pytest.mark.parametrize("each", DOCUMENTS, ids=lambda each: each.path)


@EACH
def test_a_document_needs_no_key(stack: Stack, each: Document) -> None:
    with Rest(stack.port) as rest:
        answer = rest.get(each.path)
        slashed = rest.get(f"{each.path}/?a=b")

    assert (answer.status, answer.body) == (200, each.source.read_bytes())
    assert slashed.body == answer.body
    assert answer.headers["content-type"] == each.content_type
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]


@EACH
def test_a_document_is_sent_again_only_if_it_has_changed(stack: Stack, each: Document) -> None:
    with Rest(stack.port) as rest:
        first = rest.get(each.path)
        tag = first.headers["etag"]
        known = rest.get(each.path, {"if-none-match": f'"another", {tag}'})
        changed = rest.get(each.path, {"if-none-match": '"another"'})

    assert first.headers["cache-control"] == "no-cache"
    assert (known.status, known.body, known.headers["etag"]) == (304, b"", tag)
    assert "location" not in known.headers
    assert (changed.status, changed.body) == (200, first.body)


@EACH
def test_other_methods(stack: Stack, each: Document) -> None:
    with stack.rest() as rest:
        head = rest.request("HEAD", each.path)
        refused = [rest.request(method, each.path) for method in ("POST", "PUT", "DELETE")]

    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) == each.source.stat().st_size
    assert {(answer.status, answer.headers["allow"]) for answer in refused} == {(405, "GET, HEAD")}


def test_the_document_is_the_one_of_this_version(stack: Stack) -> None:
    with Rest(stack.port) as rest:
        assert rest.get("/openapi.json").json == document()


def test_compressed_files_say_so(stack: Stack) -> None:
    with Rest(stack.port) as rest:
        for each in DOCUMENTS:
            answer = rest.get(each.path)
            if each.file.endswith(".gz"):
                assert answer.headers["content-encoding"] == "gzip"
                assert gzip.decompress(answer.body)
            else:
                assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/docs/index.html", "/docs/../openapi", "/docs/README.md", "/openapi.yaml", "/doc"])
def test_nothing_else_is_there(stack: Stack, path: str) -> None:
    with Rest(stack.port) as rest:
        answer = rest.get(path)

    assert answer.status == 404
    assert answer.error["type"] == "invalid_request_error"


def test_the_documents_contain_no_key_and_need_no_service(stack: Stack) -> None:
    with Rest(stack.port, "no-such-key") as rest:
        assert rest.get("/openapi.json").status == 200
        assert stack.key.encode() not in rest.get("/openapi.json").body


def test_clients_that_do_not_read_hold_few_documents(stack: Stack, tmp_path: Path) -> None:
    headers = {":method": "GET", ":scheme": "http", ":path": "/docs/swagger-ui-bundle.js", ":authority": "x"}
    with edge(stack, tmp_path) as front:
        before = front.memory()
        # Its window, which is never opened further, is a seventh of the file.
        with Http2(front.port) as hoarder:
            streams = [hoarder.open(headers, end=True) for _ in range(REQUESTS)]
            # Those that are neither served nor wait get a 503 at once.
            while not hoarder.answered.issuperset(streams[-AT_ONCE:]):
                assert hoarder.read(30.0)
            served = front.admin.stat("cluster.documents.upstream_rq_active")
            refused = front.admin.stat("cluster.documents.upstream_rq_pending_overflow")
            grown = front.memory() - before
            with front.rest() as rest:
                assert rest.get("/v1/models").status == 200

        assert served <= AT_ONCE + WORKERS
        assert refused >= REQUESTS - 2 * (AT_ONCE + WORKERS)
        assert grown < REQUESTS * SIZE // 2


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_responds_as_documented(stack: Stack, name: str) -> None:
    """`Rest` compares the responses with the document."""
    method, path = name.split()
    target = re.sub(r"{[^}]*}", "emu/text" if "models" in path else "nothing", path)
    body = {} if "requestBody" in OPERATIONS[name] else None
    needs_key = OPERATIONS[name].get("security") != []
    management = OPERATIONS[name].get("x-arouter-key") == "management"
    with Rest(stack.port) as rest:
        refused = rest.request(method, target, body)
    with Rest(stack.port, stack.management_key if management else stack.key) as rest:
        answer = rest.request(method, target, body)

    assert (refused.status == 401) is needs_key
    assert answer.status in {200, 400, 404}
    assert b"nothing at this path" not in answer.body


def test_the_document_is_json(stack: Stack) -> None:
    with Rest(stack.port) as rest:
        assert json.loads(rest.get("/openapi.json").body)["openapi"].startswith("3.1")
