"""What a client sees of a provider that fails, in each way that providers do."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from emulator import Emulator
from emulator.scenarios import RETRY_AFTER
from support.rest import Answer, Rest, events

REFUSED, LIMITED, SERVER = "invalid_request_error", "rate_limit_error", "server_error"


def request(model: str, *, stream: bool) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}


class Fault(NamedTuple):
    """A fault that shows before the answer's first word, and what the client is told."""

    model: str
    status: int
    kind: str
    code: str | None


BEFORE_THE_ANSWER = [
    Fault("refusing/text", 502, SERVER, "provider_unreachable"),
    Fault("silent/text", 504, SERVER, "provider_timeout"),
    Fault("hasty/hang", 504, SERVER, "provider_timeout"),
    Fault("emu/status-400", 400, REFUSED, "emulated_code"),
    Fault("emu/status-404", 404, REFUSED, "emulated_code"),
    Fault("emu/status-413", 413, REFUSED, "emulated_code"),
    Fault("emu/status-422", 422, REFUSED, "emulated_code"),
    Fault("emu/status-429", 429, LIMITED, "emulated_code"),
    Fault("emu/status-401", 502, SERVER, "provider_credentials"),
    Fault("emu/status-402", 502, SERVER, "provider_credentials"),
    Fault("emu/status-403", 403, "permission_error", "emulated_code"),
    Fault("emu/status-408", 504, SERVER, "provider_timeout"),
    Fault("emu/status-500", 502, SERVER, "provider_error"),
    Fault("emu/status-503", 502, SERVER, "provider_error"),
    Fault("emu/redirect", 502, SERVER, "provider_error"),
    Fault("emu/error-first", 502, SERVER, "provider_error"),
    Fault("emu/error-first-429", 429, LIMITED, "rate_limit_exceeded"),
    Fault("emu/garbage", 502, SERVER, "provider_bad_response"),
    Fault("emu/wrong-json", 502, SERVER, "provider_bad_response"),
    Fault("emu/not-utf8", 502, SERVER, "provider_bad_response"),
    Fault("emu/empty", 502, SERVER, "provider_bad_response"),
    Fault("emu/only-done", 502, SERVER, "provider_bad_response"),
    Fault("emu/cut-first-event", 502, SERVER, "provider_bad_response"),
    Fault("emu/no-answer", 502, SERVER, "provider_bad_response"),
    Fault("emu/not-http", 502, SERVER, "provider_bad_response"),
]
IDS = [fault.model for fault in BEFORE_THE_ANSWER]


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("fault", BEFORE_THE_ANSWER, ids=IDS)
def test_a_fault_before_the_answer_is_an_http_error(rest: Rest, fault: Fault, stream: bool) -> None:
    answer = rest.chat(request(fault.model, stream=stream))

    error = answer.error
    assert (answer.status, error["type"], error["code"]) == (fault.status, fault.kind, fault.code)
    assert answer.headers["x-request-id"]
    assert rest.chat(request("emu/text", stream=stream)).status == 200


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_refusal_keeps_the_providers_words(rest: Rest, stream: bool) -> None:
    error = rest.chat(request("emu/status-400", stream=stream)).error

    assert error["message"] == "emulated failure 400"
    assert error["param"] == "temperature"


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "stream"])
def test_a_rate_limit_keeps_retry_after(rest: Rest, stream: bool) -> None:
    answer = rest.chat(request("emu/status-429", stream=stream))

    assert answer.headers["retry-after"] == RETRY_AFTER
    assert answer.error["message"] == "emulated failure 429"


def test_a_redirect_is_not_followed(rest: Rest, emulator: Emulator) -> None:
    rest.chat(request("emu/redirect", stream=False))

    assert len(emulator.calls) == 1


def test_a_refused_credential_does_not_look_like_the_clients(rest: Rest) -> None:
    error = rest.chat(request("emu/status-401", stream=False)).error

    assert error["message"] != "emulated failure 401"
    assert error["param"] is None


AMID_THE_ANSWER = [
    ("hasty/hang-midstream", "provider_timeout"),
    ("hasty/drip", "provider_timeout"),
    ("emu/error-midstream", "provider_error"),
    ("emu/garbage-midstream", "provider_bad_response"),
    ("emu/cut-later-event", "provider_bad_response"),
    ("emu/no-finish", "provider_bad_response"),
    ("emu/done-without-finish", "provider_bad_response"),
]


@pytest.mark.parametrize(("model", "code"), AMID_THE_ANSWER, ids=[model for model, _ in AMID_THE_ANSWER])
def test_a_fault_amid_the_answer_is_the_last_event(rest: Rest, model: str, code: str) -> None:
    answer = rest.chat(request(model, stream=True))

    assert answer.status == 200
    *chunks, last = map(json.loads, events(answer.body))
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks).startswith("Hello")
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in chunks)
    error = Answer(200, {"content-type": "application/json"}, json.dumps(last).encode()).error
    assert (error["type"], error["code"], error["param"]) == ("server_error", code, None)
    assert rest.chat(request("emu/text", stream=True)).status == 200


@pytest.mark.parametrize(
    "model",
    ["emu/garbage-midstream", "emu/cut-later-event", "emu/no-finish", "emu/done-without-finish"],
)
def test_an_answer_that_is_not_streamed_and_broken_is_a_bad_response(rest: Rest, model: str) -> None:
    answer = rest.chat(request(model, stream=False))

    assert (answer.status, answer.error["code"]) == (502, "provider_bad_response")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_nested_too_deeply_is_a_bad_response(rest: Rest, *, stream: bool) -> None:
    answer = rest.chat(request("emu/too-deep", stream=stream))

    assert (answer.status, answer.error["code"]) == (502, "provider_bad_response")


def test_an_event_over_the_limit_is_a_bad_response(rest: Rest) -> None:
    answer = rest.chat(request("emu/11mb", stream=True))

    assert (answer.status, answer.error["code"]) == (502, "provider_bad_response")


def test_a_failed_call_leaves_no_connection_open(rest: Rest, emulator: Emulator) -> None:
    rest.chat(request("emu/text", stream=False))
    emulator.wait_idle()
    before = emulator.open_connections

    for model in ("hasty/hang", "emu/cut-first-event", "emu/garbage", "emu/11mb", "emu/not-http"):
        assert rest.chat(request(model, stream=True)).status >= 500

    emulator.wait_for(lambda: emulator.open_connections <= before)
