"""The spans of a call and its attempts. They contain no text of prompts or completions.

https://github.com/open-telemetry/semantic-conventions-genai (client inference spans)
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from arouter.calls.call_record import Attempt, CallRecord, Status
from arouter.chat.chunks import Chunk
from arouter.chat.request import Operation
from arouter.telemetry import genai
from arouter.telemetry.spans import Span

_PORTS = {"http": 80, "https": 443}
_FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})


def start_attempt(call: Span, operation: Operation, attempt: Attempt) -> None:
    """Starts the span of an attempt."""
    if not call.recorded:
        # The call's own span still has the headers that pass the trace's id on.
        attempt.span = call
        return
    provider = attempt.endpoint.provider
    url = urlsplit(provider.base_url)
    attempt.span = call.child(
        _name(operation, attempt.endpoint.native_name),
        {
            genai.OPERATION_NAME: operation,
            genai.PROVIDER_NAME: genai.provider_name(provider.id),
            genai.REQUEST_MODEL: attempt.endpoint.native_name,
            genai.SERVER_ADDRESS: url.hostname or "",
            genai.SERVER_PORT: url.port or _PORTS[url.scheme],
            "arouter.endpoint": attempt.endpoint.id,
        },
    )


def end_spans(record: CallRecord) -> None:
    """Ends the spans of a call that has ended and of its attempts."""
    call, ended, stream = record.span, record.ended, record.request.stream
    operation = record.request.operation
    if not call.recorded:
        call.end(operation, {}, ended=ended)
        return
    last = record.last
    for attempt in record.attempts:
        attributes: dict[str, Any] = {genai.REQUEST_STREAM: stream}
        if attempt.failure is not None:
            attributes |= {genai.ERROR_TYPE: attempt.result}
        elif attempt is last:
            attributes |= _answer(record, attempt.started)
        attempt.span.end(
            _name(operation, attempt.endpoint.native_name),
            attributes,
            ended=attempt.ended or ended,
            failed=attempt.failure is not None,
        )
    model = _model(record)
    attributes = {
        genai.OPERATION_NAME: operation,
        genai.REQUEST_STREAM: stream,
        "arouter.request_id": record.request_id,
        "arouter.status": record.status.value,
    }
    if model:
        attributes[genai.REQUEST_MODEL] = model
    if last is not None and last.failure is None and (record.complete or record.first_token is not None):
        attributes |= {
            **_answer(record, record.started),
            genai.PROVIDER_NAME: genai.provider_name(last.endpoint.provider.id),
            genai.RESPONSE_ID: record.id,
            genai.RESPONSE_MODEL: last.model,
        }
    if operation == "embeddings":
        attributes |= _embeddings(record.request.body)
    if record.failure is not None:
        attributes[genai.ERROR_TYPE] = record.failure.lower()
    call.end(_name(operation, model), attributes, ended=ended, failed=record.status is Status.FAILED)


def finish_reasons(document: Chunk) -> list[str]:
    """Returns the finish reasons of those choices of a completion or a chunk that have ended.

    Accepts malformed documents; values other than OpenAI's finish reasons are skipped.
    """
    choices = document.get("choices")
    reasons = [
        choice.get("finish_reason") for choice in (choices if type(choices) is list else ()) if type(choice) is dict
    ]
    return [reason for reason in reasons if type(reason) is str and reason in _FINISH_REASONS]


def _answer(record: CallRecord, started: float) -> dict[str, Any]:
    """Returns the attributes of the response for the call or its last attempt, which started at `started`."""
    attributes: dict[str, Any] = {}
    if record.finish_reasons:
        attributes[genai.RESPONSE_FINISH_REASONS] = record.finish_reasons
    if record.first_token is not None:
        attributes[genai.RESPONSE_TIME_TO_FIRST_CHUNK] = record.first_token - started
    usage = record.usage
    if usage is not None and record.exact:
        attributes[genai.USAGE_INPUT_TOKENS] = usage.prompt_tokens
        if record.request.operation != "embeddings":
            attributes[genai.USAGE_OUTPUT_TOKENS] = usage.completion_tokens
        if usage.cached_tokens:
            attributes[genai.USAGE_CACHE_READ_INPUT_TOKENS] = usage.cached_tokens
        if usage.reasoning_tokens:
            attributes[genai.USAGE_REASONING_OUTPUT_TOKENS] = usage.reasoning_tokens
    return attributes


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """Returns the attributes that only requests for embeddings have."""
    attributes: dict[str, Any] = {}
    if body.get("dimensions") is not None:
        attributes[genai.EMBEDDINGS_DIMENSION_COUNT] = body["dimensions"]
    if body.get("encoding_format") is not None:
        attributes[genai.REQUEST_ENCODING_FORMATS] = [body["encoding_format"]]
    return attributes


def _model(record: CallRecord) -> str:
    """Returns the requested model if it exists; an unknown name is the client's text and is not exported."""
    plan = record.plan
    if plan is None or not plan.candidates:
        return ""
    return "auto" if plan.difficulty else plan.candidates[0].model.id


def _name(operation: Operation, model: str) -> str:
    return f"{operation} {model}" if model else operation
