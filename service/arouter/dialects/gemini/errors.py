"""Google's error envelope: `google.rpc.Status` as JSON, with the details that its clients read."""

from __future__ import annotations

from typing import Any

from arouter.errors import ARouterError

Json = dict[str, Any]

_DOMAIN = "arouter"
_TYPE = "type.googleapis.com/google.rpc."

_PATHS = {
    "audio": "generationConfig.speechConfig",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "logprobs": "generationConfig.responseLogprobs",
    "max_completion_tokens": "generationConfig.maxOutputTokens",
    "max_tokens": "generationConfig.maxOutputTokens",
    "messages": "contents",
    "modalities": "generationConfig.responseModalities",
    "n": "generationConfig.candidateCount",
    "presence_penalty": "generationConfig.presencePenalty",
    "reasoning": "generationConfig.thinkingConfig",
    "reasoning_effort": "generationConfig.thinkingConfig",
    "response_format": "generationConfig.responseJsonSchema",
    "seed": "generationConfig.seed",
    "service_tier": "serviceTier",
    "stop": "generationConfig.stopSequences",
    "temperature": "generationConfig.temperature",
    "tool_choice": "toolConfig.functionCallingConfig",
    "top_k": "generationConfig.topK",
    "top_logprobs": "generationConfig.logprobs",
    "top_p": "generationConfig.topP",
    "web_search_options": "tools",
}
"""Gemini's members by the canonical parameters that a provider may refuse."""


def encode_error(error: ARouterError) -> Json:
    """Returns the envelope: `code` is the HTTP status, `status` the gRPC code.

    `details` has `ErrorInfo` with the reason of the error table; `BadRequest` if a field is at fault; and `RetryInfo`
    if a retry makes sense.
    """
    metadata = {"code": error.code} if error.code else {}
    details: list[Json] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": error.failure.name, "domain": _DOMAIN, "metadata": metadata}
    ]
    if error.param:
        violation = {"field": field_of(error.param), "description": error.message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after}s"})
    fields = {
        "code": error.failure.http_status,
        "message": error.message,
        "status": error.failure.grpc_code,
        "details": details,
    }
    return {"error": fields}


def field_of(param: str) -> str:
    """Returns the client's path for a canonical one. The indices of messages and tools differ from the client's."""
    name = param.partition(".")[0].partition("[")[0]
    return _PATHS.get(name, param)
