"""What a call is charged for: the usage that its provider reported, or an estimate. There is one record per attempt."""

from __future__ import annotations

import time

from arouter.accounts.units import NANOS
from arouter.calls.call_record import Attempt, CallRecord, Status
from arouter.catalogue.cost import cost
from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import delivered_tokens, likely_prompt_tokens
from arouter.chat.usage import Usage
from arouter.models import ModelDetails
from arouter.usage.record import UsageRecord
from arouter.usage.writer import UsageWriter

_NOTHING = Usage()
_MAX_NANOS = 2**53
"""About nine million USD: the largest number that every component (JSON, Lua, SQL) represents exactly."""


class UsageRecorder:
    """Passes the usage records of each call to the usage writer, once."""

    def __init__(self, writer: UsageWriter) -> None:
        self._writer = writer

    def __call__(self, record: CallRecord) -> None:
        """Writes the records of a call whose response is complete or that has ended. They are final."""
        if record.usage_records is None:
            record.usage_records = usage_records(record, time.monotonic())
            self._writer.put(record.usage_records)


def nanos(details: ModelDetails, usage: Usage) -> int | None:
    """Returns the cost of a completion in nano-USD, or None if the model's prices are not known."""
    prices = details.prices
    if prices is None:
        return None
    dollars = cost(
        prices,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        prompt_audio_tokens=usage.prompt_audio_tokens,
        completion_audio_tokens=usage.completion_audio_tokens,
    )
    return min(round(dollars * NANOS), _MAX_NANOS)


def charged_usage(reported: Usage | None, exact: bool, request: ChatRequest, delivered: int) -> tuple[Usage, bool]:
    """Returns the usage that a complete response is charged for, and whether it is an estimate.

    Args:
        reported: The usage that the provider reported.
        exact: Whether that is complete and well-formed; otherwise missing and malformed numbers are estimated.
        request: The request.
        delivered: Characters of the completion.
    """
    if exact and reported is not None and reported[:2] != (0, 0):
        return reported, False
    return _estimate(reported, request, delivered), True


def usage_records(record: CallRecord, ended: float) -> list[UsageRecord]:
    """Returns one record for each attempt whose request was sent.

    Args:
        record: The record of the call.
        ended: When the call ended or its response was complete, by the monotonic clock.
    """
    attempts = record.attempts
    if not attempts:
        return []
    last = attempts[-1]
    made: list[UsageRecord] = []
    if len(attempts) > 1:
        made += [_of_failure(record, number, each) for number, each in enumerate(attempts[:-1], 1) if each.asked]
    if last.asked:
        used, estimated = _used(record)
        started, first = record.started, record.first_token
        made.append(
            UsageRecord(
                generation_id=record.id,
                attempt=len(attempts),
                account=record.key.account,
                key_hash=record.key.hash,
                model=last.model,
                provider=last.endpoint.provider.id,
                created_ms=int(record.created * 1000),
                latency_ms=round((ended - started) * 1000),
                first_token_ms=None if first is None else round((first - started) * 1000),
                status=record.status.value,
                stream=record.request.stream,
                usage=used,
                cost=0 if record.free else nanos(last.endpoint.details, used) or 0,
                estimated=estimated,
            )
        )
    return made


def _of_failure(record: CallRecord, number: int, attempt: Attempt) -> UsageRecord:
    return UsageRecord(
        generation_id=record.id,
        attempt=number,
        account=record.key.account,
        key_hash=record.key.hash,
        model=attempt.model,
        provider=attempt.endpoint.provider.id,
        created_ms=int(record.created * 1000),
        latency_ms=round(((attempt.ended or attempt.started) - record.started) * 1000),
        first_token_ms=None,
        status=Status.FAILED.value,
        stream=record.request.stream,
        usage=_NOTHING,
        cost=0,
        estimated=False,
    )


def _used(record: CallRecord) -> tuple[Usage, bool]:
    """Returns the last attempt's usage, and whether it is an estimate from the prompt and the delivered text."""
    if record.free:
        return record.usage or _NOTHING, False
    if record.complete:
        return charged_usage(record.usage, record.exact, record.request, record.delivered)
    return _estimate(record.usage, record.request, record.delivered), True


def _estimate(reported: Usage | None, request: ChatRequest, delivered: int) -> Usage:
    reported = reported or _NOTHING
    # Usage that was reported in the middle of a stream may not include the chunks after it.
    return reported._replace(
        prompt_tokens=reported.prompt_tokens or likely_prompt_tokens(request),
        completion_tokens=max(reported.completion_tokens, delivered_tokens(delivered)),
    )
