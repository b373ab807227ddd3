"""A provider that speaks Gemini's protocol."""

from __future__ import annotations

import base64
import json

from google.genai import types
from google.genai.errors import APIError

from emulator import Call, wire
from judges.gemini import GenerateContentRequest, read_request, read_response, write_response
from matrix.conversation import Asked, Failed, JsonObject, Protocol, Said, ToolCall, Used, WireError, pieces

_FINISHES = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_GOOGLE = "type.googleapis.com/google.rpc"
_ERRORS: dict[str, tuple[int, str, JsonObject]] = {
    "bad_request": (
        400,
        "INVALID_ARGUMENT",
        {"@type": f"{_GOOGLE}.BadRequest", "fieldViolations": [{"field": "generation_config.temperature"}]},
    ),
    # Not 401: that is Google's for a token. Of a wrong key it says this.
    "bad_key": (
        400,
        "INVALID_ARGUMENT",
        {"@type": f"{_GOOGLE}.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"},
    ),
    "limit": (429, "RESOURCE_EXHAUSTED", {"@type": f"{_GOOGLE}.RetryInfo"}),
    "defect": (500, "INTERNAL", {"@type": f"{_GOOGLE}.DebugInfo"}),
    "overload": (503, "UNAVAILABLE", {"@type": f"{_GOOGLE}.DebugInfo"}),
}


def read(call: Call) -> Asked:
    """Reads a generateContent request."""
    method = "streamGenerateContent?alt=sse" if call.wants_stream else "generateContent"
    assert call.path == f"/v1beta/models/{call.model}:{method}"
    request = read_request(call.raw)
    parts = [part for content in request.contents for part in content.parts or []]
    config = request.generationConfig or types.GenerationConfig()
    blobs = [part.inline_data for part in parts if part.inline_data]
    calls = [part.function_call for part in parts if part.function_call]
    results = [part.function_response for part in parts if part.function_response]
    # Each result must be in one content right behind the calls, and repeat the function's name.
    assert [(each.id, each.name) for each in results] in ([], [(each.id, each.name) for each in calls])
    signed = next((part.thought_signature for part in parts if part.function_call), b"")
    assert signed is not None, "Gemini 3 refuses a call without a signature"
    declared = [each for tool in request.tools or [] for each in tool.function_declarations or []]
    return Asked(
        instructions=[part.text for part in (request.systemInstruction or types.Content()).parts or [] if part.text],
        texts=[part.text for part in parts if part.text],
        images=[(str(blob.mime_type), base64.b64encode(blob.data or b"").decode()) for blob in blobs],
        calls=[ToolCall(str(each.id), str(each.name), each.args or {}) for each in calls],
        results=[(str(each.id), _result(each.response or {})) for each in results],
        tools={str(each.name): each.parameters_json_schema for each in declared},
        must_call=_mode(request) == "ANY",
        schema=_schema(config),
        effort=_effort(config),
        stop=config.stop_sequences or [],
        limit=config.max_output_tokens,
    )


def _result(response: JsonObject) -> object:
    return response["output"] if list(response) == ["output"] else response


def _mode(request: GenerateContentRequest) -> str | None:
    calling = request.toolConfig and request.toolConfig.function_calling_config
    return calling.mode.value if calling and calling.mode else None


def _schema(config: types.GenerationConfig) -> JsonObject | None:
    if config.response_json_schema is None:
        return None
    assert config.response_mime_type == "application/json"
    assert isinstance(config.response_json_schema, dict)
    return config.response_json_schema


def _effort(config: types.GenerationConfig) -> str | None:
    thinking = config.thinking_config
    if thinking is None:
        return None
    assert thinking.include_thoughts
    return thinking.thinking_level.value.lower() if thinking.thinking_level else None


def whole(model: str, said: Said) -> JsonObject:
    """Writes an answer."""
    return _answer(model, _thoughts(said.reasoning) + _texts(said.text) + _calls(said), said)


def stream(model: str, said: Said) -> list[bytes]:
    """Writes its pieces. Calls come whole; the end comes with the last of them, or alone."""
    parts = [part for piece in pieces(said.reasoning) for part in _thoughts(piece)]
    parts += [part for piece in pieces(said.text) for part in _texts(piece)]
    answers = [_answer(model, [part], None) for part in parts]
    return [wire.event(each) for each in [*answers, _answer(model, _calls(said), said)]]


def _thoughts(text: str) -> list[JsonObject]:
    return [{"text": text, "thought": True}] if text else []


def _texts(text: str) -> list[JsonObject]:
    return [{"text": text}] if text else []


def _calls(said: Said) -> list[JsonObject]:
    parts: list[JsonObject] = [
        {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}} for call in said.calls
    ]
    if parts:
        parts[0]["thoughtSignature"] = "c2lnbmVk"  # Gemini signs the first of parallel calls
    return parts


def _answer(model: str, parts: list[JsonObject], ended: Said | None) -> JsonObject:
    candidate: JsonObject = {"index": 0, **({"content": {"role": "model", "parts": parts}} if parts else {})}
    answer: JsonObject = {"candidates": [candidate], "modelVersion": model, "responseId": "emulated"}
    if ended is not None:
        candidate["finishReason"] = _FINISHES[ended.finish]
        if ended.refusal:
            candidate["finishMessage"] = ended.refusal
        answer["usageMetadata"] = _usage(ended.used)
    return json.loads(write_response(read_response(answer)))


def _usage(used: Used) -> JsonObject:
    return {
        "promptTokenCount": used.prompt,
        "cachedContentTokenCount": used.cached,
        "candidatesTokenCount": used.completion - used.reasoning,
        "thoughtsTokenCount": used.reasoning,
        "totalTokenCount": used.prompt + used.completion,
    }


def fail(failed: Failed) -> WireError:
    """Writes an error."""
    status, word, detail = _ERRORS[failed.kind]
    if failed.retry_after:
        detail = {**detail, "retryDelay": f"{failed.retry_after}s"}
    body = {"error": {"code": status, "message": failed.message, "status": word, "details": [detail]}}
    read = APIError(status, body)
    assert (read.code, read.status, read.message) == (status, word, failed.message)
    blamed = failed.kind == "bad_request"
    return WireError(status, body, param="temperature" if blamed else None, code="INVALID_ARGUMENT" if blamed else None)


def fail_in_stream(model: str, error: WireError) -> list[bytes]:
    """Writes an error as the first event."""
    return [wire.event(error.body)]


GEMINI = Protocol(
    "gemini",
    "gemini-3.6-flash",
    "x-goog-api-key",
    unsaid=("cache_written",),
    read=read,
    whole=whole,
    stream=stream,
    fail=fail,
    fail_in_stream=fail_in_stream,
)
