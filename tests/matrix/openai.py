"""A provider that speaks OpenAI's protocol."""

from __future__ import annotations

import json

from openai.types import CompletionUsage
from openai.types.shared import ErrorObject

from emulator import Call, answers, wire
from judges.openai import faults
from matrix.conversation import Asked, Failed, JsonObject, Protocol, Said, ToolCall, Used, WireError, pieces, texts_of

_ERRORS: dict[str, tuple[int, JsonObject]] = {
    "bad_request": (400, {"type": "invalid_request_error", "param": "temperature", "code": None}),
    "bad_key": (401, {"type": "invalid_request_error", "param": None, "code": "invalid_api_key"}),
    "limit": (429, {"type": "requests", "param": None, "code": "rate_limit_exceeded"}),
    "defect": (500, {"type": "server_error", "param": None, "code": None}),
    "overload": (503, {"type": "server_error", "param": None, "code": "503"}),
}


def read(call: Call) -> Asked:
    """Reads a chat request."""
    body = call.json
    assert faults(body) == []
    assert call.wants_usage == call.wants_stream
    messages = body["messages"]
    parts = [part for each in messages if isinstance(each["content"], list) for part in each["content"]]
    said = [(each["role"], each["content"]) for each in messages if isinstance(each["content"], str)]
    images = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    called = [each for message in messages for each in message.get("tool_calls") or ()]
    return Asked(
        instructions=[text for role, text in said if role == "system"],
        texts=[text for role, text in said if role == "user"] + texts_of(parts),
        images=[_image(url) for url in images],
        calls=[
            ToolCall(each["id"], each["function"]["name"], json.loads(each["function"]["arguments"])) for each in called
        ],
        results=[(each["tool_call_id"], result(each["content"])) for each in messages if each["role"] == "tool"],
        tools={each["function"]["name"]: each["function"]["parameters"] for each in body.get("tools", ())},
        must_call=body.get("tool_choice") == "required",
        schema=body["response_format"]["json_schema"]["schema"] if "response_format" in body else None,
        effort=body.get("reasoning_effort"),
        stop=body.get("stop", []),
        limit=body.get("max_completion_tokens"),
    )


def result(text: str) -> object:
    """Returns a tool's result; the JSON where it is such."""
    return json.loads(text) if text.startswith("{") else text


def _image(url: str) -> tuple[str, str]:
    head, _, data = url.removeprefix("data:").partition(";base64,")
    return head, data


def whole(model: str, said: Said) -> JsonObject:
    """Writes a completion."""
    return answers.completion(
        model,
        said.text or None,
        tool_calls=_calls(said),
        reasoning=said.reasoning or None,
        refusal=said.refusal,
        finish_reason=said.finish,
        usage=_usage(said.used),
    )


def stream(model: str, said: Said) -> list[bytes]:
    """Writes its chunks."""
    deltas: list[JsonObject] = [
        {"role": "assistant", "content": None},
        *({"reasoning_content": piece} for piece in pieces(said.reasoning)),
        *({"content": piece} for piece in pieces(said.text)),
        *({"refusal": piece} for piece in pieces(said.refusal or "")),
        *answers.call_deltas(_calls(said)),
    ]
    return wire.events(answers.chunks(model, deltas, said.finish, _usage(said.used)))


def _calls(said: Said) -> list[tuple[str, str, str]]:
    return [(call.id, call.name, json.dumps(call.arguments)) for call in said.calls]


def _usage(used: Used) -> CompletionUsage:
    return CompletionUsage.model_validate(
        {
            "prompt_tokens": used.prompt,
            "completion_tokens": used.completion,
            "total_tokens": used.prompt + used.completion,
            "prompt_tokens_details": {"cached_tokens": used.cached, "cache_write_tokens": used.cache_written},
            "completion_tokens_details": {"reasoning_tokens": used.reasoning},
        }
    )


def fail(failed: Failed) -> WireError:
    """Writes an error."""
    status, fields = _ERRORS[failed.kind]
    error = ErrorObject.model_validate({"message": failed.message, **fields}).model_dump(exclude_unset=True)
    headers = {"retry-after": failed.retry_after} if failed.retry_after else None
    return WireError(status, {"error": error}, headers, param=fields["param"])


def fail_in_stream(model: str, error: WireError) -> list[bytes]:
    """Writes an error where the first chunk with content should be."""
    opening = answers.chunks(model, [{"role": "assistant", "content": ""}], "stop", None)[0]
    return [wire.event(opening), wire.event(error.body)]


OPENAI = Protocol(
    "openai",
    "gpt-5",
    "authorization",
    unsaid=(),
    read=read,
    whole=whole,
    stream=stream,
    fail=fail,
    fail_in_stream=fail_in_stream,
)
