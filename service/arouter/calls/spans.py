"""What a trace shows of a call and its attempts: how it went, and nothing that anybody wrote.

https://github.com/open-telemetry/semantic-conventions-genai (client inference spans)
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from arouter.calls.call_record import Attempt, CallRecord, Status
from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.telemetry import genai
from arouter.telemetry.spans import Span

_PORTS = {"http": 80, "https": 443}
_FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "function_call", "content_filter"})


def start_attempt(call: Span, attempt: Attempt) -> None:
    """Starts the span of an attempt."""
    if not call.recorded:
        # It says at least, in its headers, to which trace the request belongs.
        attempt.span = call
        return
    provider = attempt.endpoint.provider
    url = urlsplit(provider.base_url)
    attempt.span = call.child(
        _name(attempt.endpoint.native_name),
        {
            genai.OPERATION_NAME: genai.CHAT,
            genai.PROVIDER_NAME: genai.provider_name(provider.id),
            genai.REQUEST_MODEL: attempt.endpoint.native_name,
            genai.SERVER_ADDRESS: url.hostname or "",
            genai.SERVER_PORT: url.port or _PORTS[url.scheme],
            "arouter.endpoint": attempt.endpoint.id,
        },
    )


def end_call(outcome: CallRecord, request: ChatRequest, request_id: str, ended: float) -> None:
    """Ends a call's span and those of its attempts.

    Args:
        outcome: Of the call.
        request: What was asked.
        request_id: As in the log.
        ended: When, by the monotonic clock.
    """
    call = outcome.span
    if not call.recorded:
        call.end(genai.CHAT, {}, ended=ended)
        return
    last = outcome.last
    for attempt in outcome.attempts:
        said: dict[str, Any] = {genai.REQUEST_STREAM: request.stream}
        if attempt.failure is not None:
            said |= {genai.ERROR_TYPE: attempt.result}
        elif attempt is last:
            said |= _answer(outcome, attempt.started)
        attempt.span.end(
            _name(attempt.endpoint.native_name),
            said,
            ended=attempt.ended or ended,
            failed=attempt.failure is not None,
        )
    model = _model(outcome)
    said = {
        genai.OPERATION_NAME: genai.CHAT,
        genai.REQUEST_STREAM: request.stream,
        "arouter.request_id": request_id,
        "arouter.status": outcome.status.value,
    }
    if model:
        said[genai.REQUEST_MODEL] = model
    if last is not None and last.failure is None and (outcome.complete or outcome.first_token is not None):
        said |= {
            **_answer(outcome, outcome.started),
            genai.PROVIDER_NAME: genai.provider_name(last.endpoint.provider.id),
            genai.RESPONSE_ID: outcome.id,
            genai.RESPONSE_MODEL: last.model,
        }
    if outcome.failure is not None:
        said[genai.ERROR_TYPE] = outcome.failure.lower()
    call.end(_name(model), said, ended=ended, failed=outcome.status is Status.FAILED)


def finish_reasons(document: Chunk) -> list[str]:
    """Returns why the choices of an answer, or a piece of one, have ended, those that have.

    Takes whatever a provider sends; only OpenAI's reasons are reasons.
    """
    choices = document.get("choices")
    reasons = [
        choice.get("finish_reason") for choice in (choices if type(choices) is list else ()) if type(choice) is dict
    ]
    return [reason for reason in reasons if type(reason) is str and reason in _FINISH_REASONS]


def _answer(outcome: CallRecord, started: float) -> dict[str, Any]:
    """Returns what is known of the answer, for the call or its last attempt, whichever has `started` then."""
    said: dict[str, Any] = {}
    if outcome.finish_reasons:
        said[genai.RESPONSE_FINISH_REASONS] = outcome.finish_reasons
    if outcome.first_token is not None:
        said[genai.RESPONSE_TIME_TO_FIRST_CHUNK] = outcome.first_token - started
    usage = outcome.usage
    if usage is not None and outcome.exact:
        said[genai.USAGE_INPUT_TOKENS] = usage.prompt_tokens
        said[genai.USAGE_OUTPUT_TOKENS] = usage.completion_tokens
        if usage.cached_tokens:
            said[genai.USAGE_CACHE_READ_INPUT_TOKENS] = usage.cached_tokens
        if usage.reasoning_tokens:
            said[genai.USAGE_REASONING_OUTPUT_TOKENS] = usage.reasoning_tokens
    return said


def _model(outcome: CallRecord) -> str:
    """Returns what was asked for, if there is such a thing: anything else is the client's text."""
    plan = outcome.plan
    if plan is None or not plan.candidates:
        return ""
    return "auto" if plan.difficulty else plan.candidates[0].model.id


def _name(model: str) -> str:
    return f"{genai.CHAT} {model}" if model else genai.CHAT
