"""The judge of answers in OpenAI's shape can say no, and reads along unasked."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest

from judges.openai_answers import accumulated, answer_faults, error_faults, stream_faults
from support.rest import CHAT
from support.sdk_answers import SdkAnswers

Json = dict[str, Any]

SAME: Json = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE: Json = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
WHOLE: Json = {
    **SAME,
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
ERROR: Json = {"error": {"message": "m", "type": "server_error", "param": None, "code": "provider_error"}}
DONE = b"[DONE]"


def chunk(delta: Json, finish: str | None = None, index: int = 0, **more: Any) -> Json:
    return {**SAME, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def call(index: int, id_: str | None = None, name: str | None = None, arguments: str = "") -> Json:
    opened = {"id": id_, "type": "function"} if id_ else {}
    return {"index": index, **opened, "function": {**({"name": name} if name else {}), "arguments": arguments}}


def written(*chunks: Json, end: bytes = DONE) -> list[bytes]:
    return [*(json.dumps(each).encode() for each in chunks), end]


FIRST = chunk({"role": "assistant", "content": "hi"})
LAST = chunk({}, "stop")
COUNTED = {**SAME, "choices": [], "usage": USAGE}
CALLED = [
    chunk({"role": "assistant", "tool_calls": [call(0, "a", "f")]}),
    chunk({"tool_calls": [call(0, None, None, "{}")]}),
]


def changed(path: str, value: Any) -> Json:
    """Returns a whole answer with another value at a path; without it where the value is `...`."""
    answer = json.loads(json.dumps(WHOLE))
    *steps, last = path.split(".")
    holder = answer
    for step in steps:
        holder = holder[int(step) if step.isdecimal() else step]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return answer


def test_a_right_answer_has_no_faults() -> None:
    assert answer_faults(WHOLE) == []
    assert answer_faults(changed("choices.0.message.tool_calls", [call(0, "a", "f", "{}")])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        changed("id", ...),
        changed("object", "chat.completion.chunk"),
        changed("created", "1"),
        changed("created", 1.5),
        changed("choices", None),
        changed("choices", []),
        changed("choices.0.index", ...),
        changed("choices.0.index", 1.0),
        changed("choices.0.finish_reason", "eos"),
        changed("choices.0.finish_reason", None),
        changed("choices.0.message.role", "user"),
        changed("choices.0.message.content", [{"type": "text", "text": "hi"}]),
        changed("choices.0.message.tool_calls", [call(0, "", "f")]),
        changed("choices.0.message.tool_calls", [call(0, "a", "f"), call(1, "a", "f")]),
        changed(
            "choices.0.message.tool_calls",
            [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}],
        ),
        changed("usage.total_tokens", None),
        changed("usage.prompt_tokens", "1"),
    ],
)
def test_a_wrong_answer_has_faults(wrong: Any) -> None:
    assert answer_faults(wrong) != []


@pytest.mark.parametrize(
    "right",
    [
        written(FIRST, LAST),
        written(FIRST, LAST, COUNTED),
        written(FIRST, chunk({"role": "assistant"}, index=1), chunk({}, "stop", 1), LAST),
        written(*CALLED, chunk({}, "tool_calls")),
        written(FIRST, end=json.dumps(ERROR).encode()),
        [json.dumps(ERROR).encode()],
    ],
)
def test_a_right_stream_has_no_faults(right: list[bytes]) -> None:
    assert stream_faults(right) == []


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [DONE],
        written(FIRST),
        written(LAST),
        written(FIRST, FIRST, LAST),
        written(FIRST, {**LAST, "id": "d"}),
        written(FIRST, {**LAST, "created": 2}),
        written(FIRST, {**LAST, "model": "n"}),
        written(FIRST, chunk({}, "eos")),
        written(FIRST, chunk({}, "")),
        written(FIRST, LAST, chunk({"content": "more"})),
        written(FIRST, LAST, LAST),
        written(FIRST, COUNTED, LAST),
        written(FIRST, {**LAST, "usage": USAGE}),
        written(FIRST, LAST, {**SAME, "choices": []}),
        written(FIRST, {**SAME, "choices": None}, LAST),
        written(FIRST, {**SAME, "choices": [{"index": 0, "finish_reason": "stop"}]}),
        written(FIRST, chunk({"tool_calls": [call(1, "a", "f")]}), LAST),
        written(FIRST, chunk({"tool_calls": [call(0, "a")]}), LAST),
        written(FIRST, chunk({"tool_calls": [call(0, "a", "f"), call(1, "a", "f")]}), LAST),
        written(*CALLED, chunk({"tool_calls": [call(0, "a", "f")]}), LAST),
        written(FIRST, LAST, end=b'{"error": "broken"}'),
        [b"not JSON", DONE],
    ],
)
def test_a_wrong_stream_has_faults(wrong: list[bytes]) -> None:
    assert stream_faults(wrong) != []


@pytest.mark.parametrize("wrong", [None, {}, {"error": "x"}, {**ERROR, "more": 1}, {"error": {"message": "x"}}])
def test_a_wrong_error_has_faults(wrong: Any) -> None:
    assert error_faults(ERROR) == []
    assert error_faults(wrong) != []


def test_what_the_sdk_adds_up() -> None:
    assert accumulated([]) == {"choices": []}
    assert accumulated([*CALLED, chunk({}, "tool_calls")])["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("streamed", [False, True])
def test_what_the_sdk_receives_is_judged_unasked(sdk_answers: SdkAnswers, streamed: bool) -> None:
    body = (
        b"data: " + json.dumps(LAST).encode() + b"\n\ndata: [DONE]\n\n"
        if streamed
        else json.dumps(changed("choices.0.finish_reason", "eos")).encode()
    )
    kind = "text/event-stream" if streamed else "application/json"

    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == CHAT
        return httpx2.Response(200, headers={"content-type": kind}, stream=httpx2.ByteStream(body))

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        openai.OpenAI(base_url="http://x/v1", api_key="x", http_client=http) as client,
    ):
        said: Any = client.chat.completions.create(model="m", messages=[], stream=streamed)
        if streamed:
            list(said)

    assert len(sdk_answers.faults) == 1
    sdk_answers.faults.clear()
