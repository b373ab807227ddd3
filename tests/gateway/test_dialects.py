"""What does not depend on the API that a client speaks: records, costs, limits, fallbacks, breakers, `auto`, ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from arouter.chat.usage import Usage
from emulator import Emulator
from matrix.provider import PROTOCOLS, native_name
from support.dialects import DIALECTS, Dialect, Json, responses_of
from support.keys import add_key
from support.log import chat
from support.rest import Answer, Rest
from support.stack import PROVIDER_KEY, Stack, running

NOTICED = 1.0
"""Seconds in which the provider must see its connection closed."""

CASE = "reasoning"
RECORD = Usage(prompt_tokens=20, completion_tokens=9, cached_tokens=8, reasoning_tokens=5)
PRICES = {"prompt": 1, "completion": 10}

each_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
each_mode = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def ask(rest: Rest, dialect: Dialect, model: str, *, stream: bool, **more: Any) -> Answer:
    body = {**dialect.body(model, stream), **more}
    return rest.request("POST", dialect.path(model, stream), body)


@pytest.fixture(scope="module")
def priced(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with prices, whose breakers open after two failures."""
    names = ("text", "gated", "hang", "error-midstream", "status-429", *(f"status-{code}" for code in (400, 500, 503)))
    row = {
        "id": "emu",
        "base_url": provider.base_url,
        "api_keys": [PROVIDER_KEY],
        "models": [{"name": name, "prices": PRICES} for name in names],
    }
    config = {"providers": [row], "routing": {"breaker": {"failures": 2}}}
    with running(tmp_path_factory.mktemp("priced"), config) as stack:
        yield stack


@each_mode
@pytest.mark.parametrize("protocol", PROTOCOLS)
@each_dialect
def test_the_same_record(translated: Stack, dialect: Dialect, protocol: str, stream: bool) -> None:
    model = f"{protocol}/{native_name(PROTOCOLS[protocol], CASE)}"

    with translated.rest() as rest:
        answer = ask(rest, dialect, model, stream=stream)

    assert answer.status == 200, answer.body
    told = responses_of(answer.body, stream=stream)
    assert dialect.model(told) == model
    assert dialect.used(told) == (RECORD.prompt_tokens, RECORD.completion_tokens)
    fields = chat(translated.process, answer.headers["x-request-id"])
    assert (fields["model"], fields["stream"], fields["status"]) == (model, stream, "ok")
    assert {name: fields[name] for name in Usage._fields if name in fields} == {
        name: count for name, count in RECORD._asdict().items() if count
    }


@each_mode
@each_dialect
def test_the_same_cost(priced: Stack, emulator: Emulator, dialect: Dialect, stream: bool) -> None:
    secret = add_key(priced.folder / "state")
    with Rest(priced.port, secret) as rest:
        priced.process.wait_until(lambda: rest.get("/v1/models").status == 200, "with the key")
        answer = ask(rest, dialect, "emu/text", stream=stream)
        assert answer.status == 200, answer.body
        prompt, completion = dialect.used(responses_of(answer.body, stream=stream))

        priced.process.wait_until(lambda: rest.get("/v1/key").json["data"]["usage"] > 0, "with the cost")

        expected = (prompt * PRICES["prompt"] + completion * PRICES["completion"]) / 1e6
        assert rest.get("/v1/key").json["data"]["usage"] == pytest.approx(expected)


@each_dialect
def test_the_same_limits(priced: Stack, emulator: Emulator, dialect: Dialect) -> None:
    secret = add_key(priced.folder / "state", requests_per_minute=2)
    with Rest(priced.port, secret) as rest:
        priced.process.wait_until(lambda: rest.get("/v1/models").status == 200, "with the key")
        answers = [ask(rest, dialect, "emu/text", stream=stream) for stream in (False, True, False)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert dialect.error(answers[-1].json)[1] == dialect.types[429]


@each_mode
@each_dialect
def test_the_same_fallbacks(priced: Stack, emulator: Emulator, dialect: Dialect, stream: bool) -> None:
    with priced.rest() as rest:
        answer = ask(rest, dialect, "emu/status-429", stream=stream, models=["emu/text"])

    assert answer.status == 200, answer.body
    assert "emu/text=ok" in answer.headers["x-arouter-route"]
    assert dialect.model(responses_of(answer.body, stream=stream)) == "emu/text"


def test_the_same_breakers(priced: Stack, emulator: Emulator) -> None:
    """Failures through any API are evidence for all."""
    with priced.rest() as rest:
        for dialect in DIALECTS.values():
            ask(rest, dialect, "emu/status-500", stream=False, models=["emu/text"])
        calls = len(emulator.calls)
        routes = [
            ask(rest, dialect, "emu/status-500", stream=False, models=["emu/text"]).headers["x-arouter-route"]
            for dialect in DIALECTS.values()
        ]

    assert set(routes) == {"emu/text=ok"}
    assert len(emulator.calls) == calls + len(DIALECTS)


@each_mode
@each_dialect
def test_auto_names_the_model_it_chose(priced: Stack, emulator: Emulator, dialect: Dialect, stream: bool) -> None:
    with priced.rest() as rest:
        answer = ask(
            rest, dialect, "auto", stream=stream, plugins=[{"id": "auto-router", "allowed_models": ["emu/text"]}]
        )

    assert answer.status == 200, answer.body
    assert answer.headers["x-arouter-route"].startswith("auto=")
    assert dialect.model(responses_of(answer.body, stream=stream)) == "emu/text"


ERRORS: dict[str, tuple[int, str, Any]] = {
    "not JSON": (400, "emu/text", b"{"),
    "not an object": (400, "emu/text", b"[]"),
    "an empty body": (400, "emu/text", b" "),
    "no messages": (400, "emu/text", {"model": "emu/text"}),
    "unknown model": (404, "emu/nothing", None),
    "refused by the provider": (400, "emu/status-400", None),
    "limited by the provider": (429, "emu/status-429", None),
    "a failure of the provider": (502, "emu/status-503", None),
}
"""Status, model, and a body in place of the dialect's own."""


@pytest.mark.parametrize("error", ERRORS)
@each_dialect
def test_errors_are_in_the_envelope(priced: Stack, emulator: Emulator, dialect: Dialect, error: str) -> None:
    status, model, body = ERRORS[error]
    with priced.rest() as rest:
        answer = rest.request("POST", dialect.path(model, False), body or dialect.body(model, False))

    assert answer.status == status, answer.body
    message, kind = dialect.error(answer.json)
    assert message
    assert kind == dialect.types[status]


@each_dialect
def test_a_stream_that_fails_says_so_in_its_last_event(priced: Stack, emulator: Emulator, dialect: Dialect) -> None:
    with priced.rest() as rest:
        answer = ask(rest, dialect, "emu/error-midstream", stream=True)

    assert answer.status == 200
    last = responses_of(answer.body, stream=True)[-1]
    assert "error" in json.dumps(last)
    fields = chat(priced.process, answer.headers["x-request-id"])
    assert fields["status"] == "failed"


def before_the_first_byte(rest: Rest, dialect: Dialect) -> None:
    rest.send("POST", dialect.path("emu/hang", True), dialect.body("emu/hang", True))


def amid_the_stream(rest: Rest, dialect: Dialect) -> None:
    response = rest.open("POST", dialect.path("emu/gated", True), dialect.body("emu/gated", True))
    received = b""
    while b"Hello" not in received:
        received += response.readline()


def not_streaming(rest: Rest, dialect: Dialect) -> None:
    rest.send("POST", dialect.path("emu/gated", False), dialect.body("emu/gated", False))


WINDOWS = [before_the_first_byte, amid_the_stream, not_streaming]


@pytest.mark.parametrize("window", WINDOWS, ids=[window.__name__ for window in WINDOWS])
@each_dialect
def test_a_client_that_leaves_ends_the_provider_call(
    priced: Stack, emulator: Emulator, dialect: Dialect, window: Callable[[Rest, Dialect], None]
) -> None:
    with priced.rest() as rest:
        window(rest, dialect)
        [call] = emulator.wait_for(lambda: emulator.calls)
        rest.vanish()

        assert call.disconnected.wait(NOTICED)
    emulator.wait_idle()
    assert emulator.open_calls == 0


def test_the_request_reaches_a_provider_of_its_own_dialect_unchanged(translated: Stack, speakers: Emulator) -> None:
    model = native_name(PROTOCOLS["anthropic"], CASE)
    sent: Json = {
        **DIALECTS["messages"].body(f"anthropic/{model}", False),
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "a_member_of_tomorrow": {"kept": [1, None, 2.5]},
    }
    with translated.rest() as rest:
        answer = rest.request("POST", "/v1/messages", sent)

    assert answer.status == 200, answer.body
    [call] = speakers.calls
    assert call.json == {**sent, "model": model}
    assert "x-arouter-dropped-params" not in answer.headers


def test_a_streamed_array_arrives_in_pieces(priced: Stack, emulator: Emulator) -> None:
    """Google's API without `alt=sse`."""
    path = "/v1beta/models/emu/gated:streamGenerateContent"
    with priced.rest() as rest:
        response = rest.open("POST", path, DIALECTS["gemini"].body("emu/gated", True))
        received = b""
        while b"Hello" not in received:
            received += response.read1(65536)
        [call] = emulator.calls
        assert not call.ended.is_set()
        call.release()
        received += response.read()

    assert response.headers["content-type"] == "application/json"
    assert len(json.loads(received)) > 1


LISTS = {
    "anthropic": {"anthropic-version": "2023-06-01"},
    "google": {"x-goog-api-key": "{key}", "authorization": None},
    "openai": {},
}


@pytest.mark.parametrize("vendor", LISTS)
def test_no_metadata_of_grpc_reaches_clients(priced: Stack, vendor: str) -> None:
    headers: Any = {name: value and value.format(key=priced.key) for name, value in LISTS[vendor].items()}
    with priced.rest() as rest:
        for path in ("/v1/models", "/v1/models/emu/text", "/v1/models/emu/nothing"):
            answer = rest.get(path, headers)
            assert answer.status in (200, 404)
            internal = ("x-arouter-error", "x-arouter-status", "x-arouter-not-begun")
            assert [name for name in answer.headers if name.startswith("grpc-") or name in internal] == []
