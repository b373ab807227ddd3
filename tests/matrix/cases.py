"""The table: what the client asks, what the provider must be asked, what it answers and the client must hear."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from matrix.conversation import Failed, JsonObject, Said, ToolCall, Used

# One transparent pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

WEATHER: JsonObject = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
TIME: JsonObject = {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]}
PERSON: JsonObject = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
GET_WEATHER = ToolCall("call_1", "get_weather", {"city": "Zürich", "days": 3})
GET_TIME = ToolCall("call_2", "get_time", {"zone": "Europe/Zurich"})


class Case(NamedTuple):
    """A row of the matrix.

    Attributes:
        asking: The arguments of the SDK's `create`, the model apart.
        asked: The fields of `Asked` that the case is about.
        answer: The provider's.
    """

    asking: JsonObject
    asked: JsonObject
    answer: Said | Failed


def user(content: Any, **more: Any) -> JsonObject:
    """Returns the arguments of `create` with one message of a user."""
    return {"messages": [{"role": "user", "content": content}], **more}


def function(name: str, parameters: JsonObject) -> JsonObject:
    """Returns a tool as OpenAI declares it."""
    return {"type": "function", "function": {"name": name, "description": f"{name}.", "parameters": parameters}}


def called(call: ToolCall) -> JsonObject:
    """Returns a call in an earlier answer, as OpenAI writes it."""
    written = {"name": call.name, "arguments": json.dumps(call.arguments)}
    return {"id": call.id, "type": "function", "function": written}


TOOLS = [function("get_weather", WEATHER), function("get_time", TIME)]
HI = user("Say hello.")

CASES: dict[str, Case] = {
    "text": Case(
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]},
        {"instructions": ["Be brief."], "texts": ["Say hello."], "images": [], "tools": {}, "schema": None},
        Said("Hello: grüße, 你好, 🙂."),
    ),
    "vision": Case(
        user(
            [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ]
        ),
        {"texts": ["What is it?"], "images": [("image/png", PNG)]},
        Said("A pixel."),
    ),
    "tool_call": Case(
        user("Weather?", tools=TOOLS[:1], tool_choice="required"),
        {"texts": ["Weather?"], "tools": {"get_weather": WEATHER}, "must_call": True},
        Said(calls=(GET_WEATHER,), finish="tool_calls"),
    ),
    "two_parallel_tool_calls": Case(
        user("Weather and time?", tools=TOOLS),
        {"tools": {"get_weather": WEATHER, "get_time": TIME}, "must_call": False},
        Said("Let me look.", calls=(GET_WEATHER, GET_TIME), finish="tool_calls"),
    ),
    "tool_result_turn": Case(
        {
            "messages": [
                {"role": "user", "content": "Weather and time?"},
                {"role": "assistant", "content": None, "tool_calls": [called(GET_WEATHER), called(GET_TIME)]},
                {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21}'},
                {"role": "tool", "tool_call_id": "call_2", "content": "half past nine"},
            ],
            "tools": TOOLS,
        },
        {"calls": [GET_WEATHER, GET_TIME], "results": [("call_1", {"celsius": 21}), ("call_2", "half past nine")]},
        Said("21 degrees at half past nine."),
    ),
    "structured_output": Case(
        user(
            "Who?",
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "person", "strict": True, "schema": PERSON},
            },
        ),
        {"schema": PERSON, "instructions": []},
        Said('{"name": "Ada", "age": 36}'),
    ),
    "reasoning": Case(
        user("Think.", reasoning_effort="high"),
        {"effort": "high"},
        Said("42.", reasoning="Let me think: 6 times 7.", used=Used(20, 9, cached=8, reasoning=5)),
    ),
    "stop": Case(
        user("Count.", stop=["END", "four"]), {"stop": ["END", "four"]}, Said("one two three ", stopped_at="four")
    ),
    "length": Case(
        user("Count.", max_completion_tokens=5), {"limit": 5}, Said("one two th", finish="length", used=Used(9, 5))
    ),
    "refusal": Case(
        user("How?"), {"texts": ["How?"]}, Said(finish="content_filter", refusal="This is not safe to answer.")
    ),
    "cached_usage": Case(HI, {}, Said("Again.", used=Used(110, 3, cached=80, cache_written=20))),
    "error_400": Case(
        HI, {}, Failed("bad_request", "temperature: must be at most 1.", 400, "invalid_request_error", None)
    ),
    "error_401": Case(
        HI,
        {},
        Failed(
            "bad_key",
            "Your key is not valid.",
            502,
            "server_error",
            "provider_credentials",
            "The provider rejected ARouter's own credentials. The operator of this router must correct them.",
        ),
    ),
    "error_429": Case(
        HI, {}, Failed("limit", "Too fast.", 429, "rate_limit_error", "rate_limit_exceeded", retry_after="17")
    ),
    "error_500": Case(
        HI,
        {},
        Failed(
            "defect",
            "Something broke.",
            502,
            "server_error",
            "provider_error",
            "The provider failed with status {status}: {message}",
        ),
    ),
    "error_overloaded": Case(
        HI,
        {},
        Failed(
            "overload",
            "Overloaded.",
            502,
            "server_error",
            "provider_error",
            "The provider failed with status {status}: {message}",
            in_stream=True,
        ),
    ),
}
