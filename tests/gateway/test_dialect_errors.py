"""What the gateway refuses itself is in the envelope of the client's dialect."""

from __future__ import annotations

from typing import Any

import pytest

from support.rest import Rest
from support.stack import Stack

MESSAGES = "/v1/messages"
GEMINI = "/v1beta/models/emu/text:generateContent"
GENAI = "/v1/models/emu/text:generateContent"
RESPONSES = "/v1/responses"

REFUSALS = {
    "no key": ("POST", {"authorization": None}, b"{}", 401, "authentication_error", "UNAUTHENTICATED"),
    "another method": ("PUT", {}, b"{}", 405, "invalid_request_error", "INVALID_ARGUMENT"),
    "compressed": ("POST", {"content-encoding": "br"}, b"{}", 415, "invalid_request_error", "INVALID_ARGUMENT"),
    "too long": ("POST", {"content-length": "11000000"}, b"", 413, "request_too_large", "INVALID_ARGUMENT"),
}


def refused(rest: Rest, path: str, row: tuple[Any, ...]) -> dict[str, Any]:
    method, headers, body, status, *_ = row
    answer = rest.request(method, path, body, headers)
    assert answer.status == status, answer.body
    envelope: dict[str, Any] = answer.json
    return envelope


@pytest.mark.parametrize("row", REFUSALS.values(), ids=REFUSALS)
def test_anthropics_envelope(stack: Stack, row: tuple[Any, ...]) -> None:
    with stack.rest() as rest:
        envelope = refused(rest, MESSAGES, row)

    assert envelope == {"type": "error", "error": {"type": row[4], "message": envelope["error"]["message"]}}
    assert envelope["error"]["message"]


@pytest.mark.parametrize("path", [GEMINI, GENAI])
@pytest.mark.parametrize("row", REFUSALS.values(), ids=REFUSALS)
def test_googles_envelope(stack: Stack, row: tuple[Any, ...], path: str) -> None:
    with stack.rest() as rest:
        envelope = refused(rest, path, row)

    assert envelope == {"error": {"code": row[3], "message": envelope["error"]["message"], "status": row[5]}}
    assert envelope["error"]["message"]


def test_an_unknown_path_below_a_dialect(stack: Stack) -> None:
    with stack.rest() as rest:
        assert rest.get("/v1/messages/batches").json["type"] == "error"
        assert rest.get("/v1beta/nothing").json["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize("header", ["x-goog-api-key", "x-api-key"])
def test_a_key_in_the_header_of_the_vendor(stack: Stack, header: str) -> None:
    with stack.rest() as rest:
        assert rest.get("/v1/models", {"authorization": None, header: stack.key}).status == 200
        assert rest.get("/v1/models", {"authorization": None, header: "lr_live_unknown"}).status == 401


def test_a_websocket_is_refused_so_that_clients_use_http(stack: Stack) -> None:
    upgrade = {"connection": "upgrade", "upgrade": "websocket"}
    with stack.rest() as rest:
        answer = rest.get(RESPONSES, upgrade)

        assert answer.status == 426
        assert "POST" in answer.json["error"]["message"]
        assert rest.get(RESPONSES).status == 405
