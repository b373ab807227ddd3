"""Answers of `openai` servers in OpenAI's shape: what servers really send, by the reports that show it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.errors import Failure, ProviderError
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.sse import ServerSentEvent

Json = dict[str, Any]

ADAPTER = OpenAIAdapter()
END: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def choice(delta: Json | None, finish: Any = None, **more: Any) -> Json:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish, **more}]}


def calls(*pieces: Json) -> Json:
    return choice({"tool_calls": list(pieces)})


def stream(*events: Json | bytes, done: bool = True) -> list[Json]:
    """Returns the choices of the chunks that a stream becomes, all of them in one list."""
    decoder = ADAPTER.stream_decoder()
    chunks: list[Json] = []
    for event in (*events, *([b"[DONE]"] if done else [])):
        decoded = decoder.feed(ServerSentEvent(event if isinstance(event, bytes) else orjson.dumps(event)))
        chunks += decoder.joiner.join(decoded) if decoder.joiner.active else decoded
    if not decoder.done:
        chunks += decoder.finish()
    return [each for chunk in chunks for each in chunk["choices"]]


def called(choices: list[Json]) -> list[tuple[int, str, str, str]]:
    """Returns the calls as a client adds them up by index: index, id, name, arguments."""
    found: dict[int, list[str]] = {}
    for each in choices:
        for piece in each["delta"].get("tool_calls", ()):
            if piece["index"] not in found:
                assert piece["id"]
                assert piece["type"] == "function"
            known = found.setdefault(piece["index"], ["", "", ""])
            known[0] += piece.get("id", "")
            known[1] += piece["function"].get("name", "")
            known[2] += piece["function"].get("arguments", "")
    return [(index, *known) for index, known in sorted(found.items())]


def function(name: str | None, arguments: Any, **more: Any) -> Json:
    return {**more, "function": {"arguments": arguments, **({} if name is None else {"name": name})}}


def test_a_clean_stream_is_not_touched() -> None:
    events = [
        choice({"role": "assistant", "content": ""}),
        choice({"content": "hi"}),
        calls({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}),
        calls({"index": 0, "function": {"arguments": '{"p":'}}),
        calls({"index": 0, "function": {"arguments": "1}"}}),
        choice({}, "tool_calls"),
    ]

    assert stream(*events) == [event["choices"][0] for event in events]


@pytest.mark.parametrize(
    "pieces",
    [
        # Without an index (openai/openai-python#2806), or null.
        [function("f", '{"p":1}', id="a"), function("g", '{"p":2}', id="b")],
        [function("f", '{"p":', id="a", index=None), function(None, "1}", id="a"), function("g", '{"p":2}', id="b")],
        # One index for all (BerriAI/litellm#5231), a text, and a number that does not begin at 0.
        [function("f", '{"p":1}', id="a", index=0), function("g", '{"p":2}', id="b", index=0)],
        [function("f", '{"p":1}', id="a", index="0"), function("g", '{"p":2}', id="b", index="1")],
        [function("f", '{"p":1}', id="a", index=1), function("g", '{"p":2}', id="b", index=2)],
        # Id, type and name again in each piece (sgl-project/sglang#3912).
        [
            function("f", '{"p":', id="a", index=0, type="function"),
            function("f", "1}", id="a", index=0, type="function"),
            function("g", '{"p":', id="b", index=1, type="function"),
            function("g", "2}", id="b", index=1, type="function"),
        ],
        # Pieces of two calls in turn.
        [
            function("f", "", id="a", index=0),
            function("g", "", id="b", index=1),
            function(None, '{"p":1}', index=0),
            function(None, '{"p":2}', index=1),
        ],
        # An empty id, null name and null arguments in the pieces that follow.
        [
            function("f", None, id="a", index=0),
            {"index": 0, "id": "", "function": {"name": None, "arguments": '{"p":1}'}},
            function("g", '{"p":2}', id="b", index=1),
        ],
        # Arguments as an object (ollama/ollama#7881), name and arguments beside the id.
        [function("f", {"p": 1}, id="a"), {"id": "b", "name": "g", "arguments": {"p": 2}}],
    ],
)
def test_pieces_of_tool_calls_are_numbered(pieces: list[Json]) -> None:
    one_by_one = stream(*[calls(piece) for piece in pieces], END)
    at_once = stream(calls(*pieces), END)

    expected = [(0, "a", "f", '{"p":1}'), (1, "b", "g", '{"p":2}')]
    assert called(one_by_one) == expected
    assert called(at_once) == expected
    assert one_by_one[-1]["finish_reason"] == "tool_calls"


def test_calls_without_ids_get_distinct_ones() -> None:
    found = called(stream(calls(function("f", "{}"), function("f", "{}"), function("f", "{}", id="")), END))

    assert [(index, name, arguments) for index, _, name, arguments in found] == [(n, "f", "{}") for n in range(3)]
    assert len({id_ for _, id_, _, _ in found}) == 3


def test_calls_with_one_id_get_distinct_ones() -> None:
    found = called(stream(calls(function("f", "1", id="x", index=0), function("f", "2", id="x", index=1)), END))

    assert [arguments for _, _, _, arguments in found] == ["1", "2"]
    assert len({id_ for _, id_, _, _ in found}) == 2


def test_a_call_without_arguments_gets_an_empty_object() -> None:
    assert called(stream(calls(function("f", "", id="a", index=0)), END)) == [(0, "a", "f", "{}")]
    assert called(stream(calls({"index": 0, "id": "a", "function": {"name": "f"}}), END)) == [(0, "a", "f", "{}")]


@pytest.mark.parametrize("lacking", [[], [{"finish_reason": None, "index": 0, "content_filter_results": {}}], [{}]])
def test_choices_without_a_delta_add_and_end_nothing(lacking: list[Json]) -> None:
    found = stream(choice({"role": "assistant", "content": "a"}), {"choices": lacking}, END, {"choices": lacking})

    assert "".join(each["delta"].get("content") or "" for each in found) == "a"
    assert [each["finish_reason"] for each in found if each["finish_reason"]] == ["stop"]


def test_each_choice_has_its_role_once() -> None:
    two = {"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"role": None, "content": "a"}}]}
    again = {"choices": [{"index": 1, "delta": {"role": "assistant", "content": "c"}}]}
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}, {"delta": {}, "finish_reason": "stop"}]}

    found = stream(two, again, end)

    assert [(each["index"], each["delta"].get("role")) for each in found] == [
        (1, "assistant"),
        (0, "assistant"),
        (1, None),
        (0, None),
        (1, None),
    ]


@pytest.mark.parametrize("none_yet", ["", None, "null"])
def test_a_stream_whose_reason_says_nothing_is_cut(none_yet: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        stream(choice({"content": "hi"}, none_yet), choice({"content": "hi"}, none_yet), done=False)

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("STOP", "stop"),
        ("eos", "stop"),
        ("MAX_TOKENS", "length"),
        ("tool_use", "tool_calls"),
        ("SAFETY", "content_filter"),
        (24, "stop"),
    ],
)
def test_finish_reasons_are_openais(theirs: Any, ours: str) -> None:
    assert stream(choice({"content": "a"}), choice({}, theirs))[-1]["finish_reason"] == ours
    assert whole({"content": "a"}, finish_reason=theirs)["finish_reason"] == ours


@pytest.mark.parametrize("reason", ["error", "network_error", "insufficient_system_resource", "abort"])
def test_a_reason_that_says_that_the_answer_broke_off_is_an_error(reason: str) -> None:
    with pytest.raises(ProviderError, match="aborted"):
        stream(choice({"content": "a"}), choice({}, reason))
    with pytest.raises(ProviderError, match="aborted"):
        whole({"content": "a"}, finish_reason=reason)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([rb"Hi \ud83d", rb"\ude00"], "Hi 😀"),
        ([rb"Hi \ud83d\ude00"], "Hi 😀"),
        ([rb"Hi \ud83d", b"x"], "Hi \ufffdx"),
        ([rb"\ude00", b"x"], "\ufffdx"),
        ([rb"x\ud83d"], "x\ufffd"),
        # The halves in the bytes themselves (CESU-8), a byte that is not UTF-8, a line break that is not escaped.
        ([b"\xed\xa0\xbd", b"\xed\xb8\x80"], "😀"),
        ([b"a\xffb"], "a\ufffdb"),
        ([b"a\nb"], "a\nb"),
    ],
)
def test_texts_are_valid_unicode(parts: list[bytes], text: str) -> None:
    events = [b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}' % part for part in parts]

    found = stream(*events, END)

    assert "".join(each["delta"].get("content") or "" for each in found) == text
    assert ADAPTER.decode(b'{"choices":[{"message":{"content":"%b"}}]}' % parts[0])["choices"][0]["message"]["content"]


def test_halves_are_joined_in_the_arguments_of_a_call() -> None:
    begin, then = calls(function("f", "half", id="a", index=0)), calls(function(None, "half", index=0))
    halves = [orjson.dumps(piece).replace(b"half", half) for piece, half in ((begin, rb"\ud83d"), (then, rb"\ude00"))]

    assert called(stream(*halves, END)) == [(0, "a", "f", "😀")]


def test_json_that_most_readers_accept_is_read() -> None:
    more = b'"logprobs":NaN}],"n":1e999,"i":123456789012345678901234}'
    odd = b'\xef\xbb\xbf{"choices":[{"index":0,"delta":{"content":"a"},' + more

    assert stream(odd, END, b" [DONE] ", done=False)[0]["delta"]["content"] == "a"


@pytest.mark.parametrize(
    "event", [b"", b"  ", b"{}", b'{"type":"ping"}', b'{"choices":null,"usage":{"prompt_tokens":1}}']
)
def test_events_without_choices_are_passed_over(event: bytes) -> None:
    assert len(stream(event, choice({"content": "a"}), event, END, event)) == 2


@pytest.mark.parametrize(
    ("error", "failure", "message"),
    [
        ({"error": {"message": "slow", "code": 429}}, Failure.RATE_LIMITED, "slow"),
        ({"error": {"message": "slow", "code": "429"}}, Failure.RATE_LIMITED, "slow"),
        ({"error": {"message": "slow", "type": "rate_limit_error"}}, Failure.RATE_LIMITED, "slow"),
        ({"error": {"message": "long", "code": "context_length_exceeded"}}, Failure.CONTEXT_LENGTH_EXCEEDED, "long"),
        ({"object": "error", "message": "bad", "code": 400}, Failure.INVALID_REQUEST, "bad"),
        ({"detail": "bad", "status": 422}, Failure.UNPROCESSABLE, "bad"),
        ({"error_code": 400, "error_msg": "bad"}, Failure.INVALID_REQUEST, "bad"),
        ({"error": "it broke"}, Failure.PROVIDER_ERROR, "The provider failed with status 500: it broke"),
        (
            {"error": True, "message": "it broke"},
            Failure.PROVIDER_ERROR,
            "The provider failed with status 500: it broke",
        ),
        ({"choices": [], "error": {"message": "gone", "code": 404}}, Failure.NOT_FOUND, "gone"),
        (
            {"choices": [{"index": 0, "delta": {}}], "error": {"message": "slow", "code": 429}},
            Failure.RATE_LIMITED,
            "slow",
        ),
    ],
)
def test_errors_with_status_200_keep_what_they_say(error: Json, failure: Failure, message: str) -> None:
    with pytest.raises(ProviderError) as of_stream:
        stream(choice({"content": "a"}), error)
    with pytest.raises(ProviderError) as of_whole:
        ADAPTER.decode(orjson.dumps(error))

    for caught in (of_stream, of_whole):
        assert (caught.value.failure, caught.value.message) == (failure, message)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"error":{"message":"slow","code":429}}', "slow"),
        (b'{"message":"slow","code":429}', "slow"),
        (b"it broke", "The provider failed with status 500: it broke"),
    ],
)
def test_an_event_named_error_is_one(data: bytes, message: str) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.stream_decoder().feed(ServerSentEvent(data, b"error"))

    assert caught.value.message == message


def whole(message: Json, **more: Any) -> Json:
    found: Json = ADAPTER.decode(orjson.dumps({"choices": [{"message": message, **more}]}))["choices"][0]
    return found


def test_a_whole_answer_is_complete() -> None:
    call = {"function": {"name": "f", "arguments": {"p": 1}}}

    found = whole({"tool_calls": [call, call]}, index=None, finish_reason="stop")

    ids = [each["id"] for each in found["message"]["tool_calls"]]
    assert found == {
        "index": 0,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": id_, "type": "function", "function": {"name": "f", "arguments": '{"p":1}'}} for id_ in ids
            ],
        },
    }
    assert len(set(ids)) == 2


@pytest.mark.parametrize("nothing", [{"tool_calls": None}, {"tool_calls": []}, {"function_call": None}])
def test_a_whole_answer_has_no_empty_calls(nothing: Json) -> None:
    assert whole({"content": "a", **nothing}) == {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": "a"},
    }


DEEP = b"[" * 900 + b"]" * 900


@pytest.mark.parametrize(
    "message",
    [
        b'{"content": "\\ud83d", "more": %b}' % DEEP,  # half a surrogate pair: the strings inside are repaired
        b'{"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"a": %b}}}]}' % DEEP,
    ],
    ids=["surrogate", "arguments"],
)
def test_an_answer_nested_too_deeply_is_an_error_of_the_provider(message: bytes) -> None:
    with pytest.raises(ProviderError, match="nested too deeply"):
        ADAPTER.decode(b'{"choices": [{"index": 0, "message": %b, "finish_reason": "stop"}]}' % message)
    with pytest.raises(ProviderError, match="nested too deeply"):
        stream(b'{"choices": [{"index": 0, "delta": %b}]}' % message)
