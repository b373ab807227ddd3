"""The adapter of the `openai` protocol: pure, so tables are enough."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.adapter import ListedModel, ModelPage
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.sse import ServerSentEvent

ADAPTER = OpenAIAdapter()
BODY: dict[str, Any] = {"vendor": {"b": 1, "a": 2}, "model": "p/m", "messages": [{"role": "user", "content": "x"}]}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "created": 1, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def decode(*events: dict[str, Any] | bytes, ended: bool = True) -> list[dict[str, Any]]:
    """Decodes a stream and, unless it said so itself, its end."""
    decoder = ADAPTER.stream_decoder()
    chunks = []
    for event in events:
        chunks += decoder.feed(ServerSentEvent(event if isinstance(event, bytes) else orjson.dumps(event)))
    if ended and not decoder.done:
        chunks += decoder.finish()
    return chunks


def test_encodes_the_request_as_it_is_under_the_native_name() -> None:
    wire = ADAPTER.encode(ChatRequest(BODY, stream=False, include_usage=False), "m-1")

    assert wire.path == "/chat/completions"
    assert wire.body == b'{"vendor":{"b":1,"a":2},"model":"m-1","messages":[{"role":"user","content":"x"}]}'


@pytest.mark.parametrize("options", [{}, {"stream_options": None}, {"stream_options": {"include_usage": False}}])
def test_always_asks_a_stream_for_its_usage(options: dict[str, Any]) -> None:
    body = {**BODY, **options}

    wire = orjson.loads(ADAPTER.encode(ChatRequest(body, stream=True, include_usage=False), "m").body)

    assert (wire["stream"], wire["stream_options"]) == (True, {"include_usage": True})
    assert body == {**BODY, **options}


@pytest.mark.parametrize("nothing", [b"null", b" null ", b"", b" "])
def test_an_event_with_nothing_in_it_is_passed_over(nothing: bytes) -> None:
    chunks = decode(chunk({"content": "a"}), nothing, chunk({}, "stop"), nothing, b"[DONE]")

    assert len(chunks) == 2


def test_refuses_a_body_nested_deeper_than_json_can_be_written() -> None:
    deep: Any = []
    for _ in range(300):
        deep = [deep]

    with pytest.raises(ARouterError) as caught:
        ADAPTER.encode(ChatRequest({**BODY, "deep": deep}, stream=False, include_usage=False), "m")

    assert caught.value.failure is Failure.INVALID_REQUEST


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": [1]}',
        b'{"choices": [{"message": "x"}]}',
    ],
)
def test_refuses_an_answer_that_is_none(answer: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.decode(answer)

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE


def test_ends_a_stream_with_its_usage_wherever_the_provider_put_it() -> None:
    text, end = chunk({"role": "assistant", "content": "hi"}), chunk({}, "stop")
    last = {"id": "c", "created": 1, "choices": [], "usage": USAGE}

    assert decode(text, end, last, b"[DONE]") == [text, end, last]
    assert decode({**text, "usage": None}, {**end, "usage": USAGE}, b"[DONE]") == [text, end, last]
    assert decode({**text, "usage": {"prompt_tokens": 3}}, {**end, "usage": USAGE}) == [text, end, last]


def test_adds_the_finish_reason_that_non_final_chunks_lack() -> None:
    first = {"choices": [{"index": 0, "delta": {"content": "hi"}}]}

    assert decode(first, chunk({}, "stop"))[0]["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize(
    "events",
    [
        [],
        [b"[DONE]"],
        [chunk({"content": "hi"})],
        [chunk({"content": "hi"}), b"[DONE]"],
        [chunk({}, "stop"), {"choices": [{"index": 1, "delta": {"content": "x"}}]}],
        [b"{"],
        [b"null"],
        [{"ok": True}],
        [{"choices": [{"index": 0}]}],
        [{"choices": ["x"]}],
        [{"choices": [{"index": [], "delta": {}}]}],
    ],
)
def test_refuses_a_stream_that_is_cut_or_wrong(events: list[Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        decode(*events)

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE


def test_done_ends_a_stream_although_one_choice_has_no_finish() -> None:
    unfinished = {"choices": [{"index": 1, "delta": {"role": "assistant", "content": "x"}, "finish_reason": None}]}

    assert decode(chunk({}, "stop"), unfinished, b"[DONE]")[-1] == unfinished


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.INVALID_REQUEST),
        (401, Failure.PROVIDER_CREDENTIALS),
        (402, Failure.PROVIDER_CREDENTIALS),
        (403, Failure.PERMISSION_DENIED),
        (404, Failure.NOT_FOUND),
        (408, Failure.PROVIDER_TIMEOUT),
        (413, Failure.PAYLOAD_TOO_LARGE),
        (405, Failure.INVALID_REQUEST),
        (409, Failure.INVALID_REQUEST),
        (418, Failure.INVALID_REQUEST),
        (424, Failure.INVALID_REQUEST),
        (431, Failure.INVALID_REQUEST),
        (451, Failure.INVALID_REQUEST),
        (407, Failure.PROVIDER_CREDENTIALS),
        (421, Failure.PROVIDER_ERROR),
        (425, Failure.PROVIDER_ERROR),
        (422, Failure.UNPROCESSABLE),
        (429, Failure.RATE_LIMITED),
        (500, Failure.PROVIDER_ERROR),
        (504, Failure.PROVIDER_TIMEOUT),
        (307, Failure.PROVIDER_ERROR),
    ],
)
def test_maps_a_status_to_what_it_means_for_the_client(status: int, failure: Failure) -> None:
    error = ADAPTER.decode_error(status, b'{"error": {"message": "why", "param": "top_p", "code": "c"}}', None)

    assert error.failure is failure
    if failure is Failure.PROVIDER_CREDENTIALS:
        assert "why" not in error.message
    elif error.failure.http_status < 500:
        assert (error.message, error.param, error.code) == ("why", "top_p", "c")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 5}', b'{"error": {"message": 5}}', b"\xff"])
def test_makes_do_with_an_error_body_that_says_nothing(body: bytes) -> None:
    assert ADAPTER.decode_error(400, body, None).message == "The provider rejected the request with status 400."


def test_reads_an_error_that_is_a_plain_string() -> None:
    assert ADAPTER.decode_error(400, b'{"error": "too hot"}', None).message == "too hot"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"object": "error", "message": "no such role", "type": "invalid_request_error"}, "no such role"),
        ({"detail": "too hot"}, "too hot"),
        ({"detail": [{"loc": ["body", "n"], "msg": "too many"}, {"msg": "and late"}]}, "body.n: too many; and late"),
        ({"object": "error", "message": {"detail": [{"loc": ["body", "x"], "msg": "extra"}]}}, "body.x: extra"),
        ({"detail": [5, {"msg": 5}]}, "The provider rejected the request with status 422."),
    ],
)
def test_reads_an_error_without_the_envelope(body: Any, message: str) -> None:
    assert ADAPTER.decode_error(422, orjson.dumps(body), None).message == message


@pytest.mark.parametrize(("asked", "told"), [(17, 17), (None, 1)])
def test_a_429_always_says_when_to_retry(asked: int | None, told: int) -> None:
    assert ADAPTER.decode_error(429, b"", asked).retry_after == told


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (429, Failure.RATE_LIMITED),
        ("400", Failure.INVALID_REQUEST),
        ("overloaded", Failure.PROVIDER_ERROR),
        ("٤٢٩", Failure.PROVIDER_ERROR),
        ("9" * 5000, Failure.PROVIDER_ERROR),
    ],
)
def test_reads_an_error_that_came_with_200(code: Any, failure: Failure) -> None:
    error = {"error": {"message": "why", "code": code}}

    with pytest.raises(ProviderError) as unary:
        ADAPTER.decode(orjson.dumps(error))
    with pytest.raises(ProviderError) as streamed:
        decode(error)

    assert (unary.value.failure, streamed.value.failure) == (failure, failure)


def test_reads_a_model_list_and_skips_what_is_no_model() -> None:
    listed = {"data": [{"id": "a", "created": 5}, {"id": "b"}, {"id": "c", "created": "x"}]}
    listed["data"] += [{"id": "d", "created": 2**32}, {"id": "e\n"}, {"id": ""}, {"id": 5}, {}, "f"]

    assert ADAPTER.decode_models(orjson.dumps(listed)) == ModelPage(
        [ListedModel("a", 5), ListedModel("b", None), ListedModel("c", None), ListedModel("d", None)]
    )


def test_refuses_a_model_list_without_data() -> None:
    with pytest.raises(ProviderError):
        ADAPTER.decode_models(b'{"models": []}')


def test_reads_a_model_list_that_is_a_bare_array() -> None:
    assert ADAPTER.decode_models(b'[{"id": "a", "type": "chat"}]') == ModelPage([ListedModel("a", None)])


@pytest.mark.parametrize(
    ("said", "chats"),
    [
        ({"type": "moderation"}, False),
        ({"type": "language"}, True),
        ({"type": ["embedding"]}, True),
        ({"supports_chat": False}, False),
        ({"supports_chat": True}, True),
        ({"capabilities": {"completion_chat": False}}, False),
        ({"capabilities": {"completion_chat": True}}, True),
        ({"capabilities": ["completion"]}, True),
        ({"architecture": {"output_modalities": ["image"]}}, False),
        ({"architecture": {"output_modalities": ["image", "text"]}}, True),
    ],
)
def test_leaves_out_what_is_said_not_to_chat(said: dict[str, Any], chats: bool) -> None:
    page = ADAPTER.decode_models(orjson.dumps({"data": [{"id": "a", **said}]}))

    assert [model.name for model in page.models] == (["a"] if chats else [])
