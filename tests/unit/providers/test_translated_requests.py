"""What a client dialect has translated, for servers of OpenAI's protocol."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.chat.native import NativeRequest
from arouter.chat.request import ChatRequest
from arouter.providers.openai import OpenAIAdapter

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
TEXT = {"type": "text", "text": "t"}
HI = {"role": "user", "content": "hi"}


def encode(without: frozenset[str] = frozenset(), **members: Any) -> Any:
    native = NativeRequest("messages", {})
    request = ChatRequest({"model": "m", "messages": [HI], **members}, stream=False, include_usage=False, native=native)
    wire = OpenAIAdapter().encode(request, "m", without=without)
    body = orjson.loads(wire.body or b"")
    return {name: value for name, value in body.items() if name != "model"}, wire


EFFORTS = [
    ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
    ({"reasoning": {"max_tokens": 1024}}, {"reasoning_effort": "low"}),
    ({"reasoning": {"exclude": True}, "reasoning_effort": "high"}, {"reasoning_effort": "high"}),
    ({"reasoning": {"exclude": True}}, {}),
]


@pytest.mark.parametrize(("asked", "sent"), EFFORTS)
def test_servers_get_the_effort_alone(asked: dict[str, Any], sent: dict[str, Any]) -> None:
    assert encode(**asked)[0] == {"messages": [HI], **sent}


def test_what_a_server_refuses_is_left_out_and_named() -> None:
    asked = {"reasoning_effort": "high", "top_k": 4, "temperature": 0}
    assert encode(**asked)[1].added == {"reasoning_effort", "top_k"}

    body, wire = encode(without=frozenset({"reasoning_effort"}), **asked)
    assert body == {"messages": [HI], "top_k": 4, "temperature": 0}
    assert (wire.added, wire.dropped) == ({"top_k"}, ("reasoning_effort",))


def test_images_of_results_follow_in_a_message_of_the_user() -> None:
    def result(id_: str, *parts: Any) -> dict[str, Any]:
        return {"role": "tool", "tool_call_id": id_, "content": list(parts)}

    body, _ = encode(messages=[HI, result("a", TEXT, IMAGE), result("b", IMAGE), result("c", TEXT), HI])

    [_, first, second, third, images, last] = body["messages"]
    assert (first["content"], third["content"], last) == ([TEXT], [TEXT], HI)
    assert isinstance(second["content"], str)
    headings = ["Content of the result of the tool call a:", "Content of the result of the tool call b:"]
    a, b = ({"type": "text", "text": heading} for heading in headings)
    assert images == {"role": "user", "content": [a, IMAGE, b, IMAGE]}


def test_that_a_result_is_an_error_is_named() -> None:
    body, wire = encode(messages=[HI, {"role": "tool", "tool_call_id": "a", "content": "x", "is_error": True}])

    assert body["messages"][1] == {"role": "tool", "tool_call_id": "a", "content": "x"}
    assert wire.dropped == ("messages[].is_error",)
