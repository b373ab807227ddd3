"""Implements `arouter.v1.UsageService`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import get_args

from google.protobuf.timestamp_pb2 import Timestamp
from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.units import NANOS
from arouter.accounts.validators import is_account_id
from arouter.errors import ARouterError, Failure, invalid_request
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller
from arouter.usage.record import UsageRecord, UsageSum
from arouter.usage.repository import Dimension, Scope, UsageRepository
from arouter.v1.usage_service_pb2 import (
    Generation,
    GenerationUsage,
    GetGenerationRequest,
    SummarizeUsageRequest,
    SummarizeUsageResponse,
    UsageSummary,
)
from arouter.v1.usage_service_pb2_grpc import UsageServiceServicer

_DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
_DEFAULT_DAYS = 30


class UsageService(UsageServiceServicer):
    """Shows usage within the permissions of the calling key."""

    def __init__(self, store: UsageRepository) -> None:
        self._store = store

    @requires(Access.ANY_KEY)
    @override
    async def GetGeneration(self, request: GetGenerationRequest, context: Context) -> Generation:
        record = await self._store.find(request.id, Scope(account=caller.get().key.account))
        if record is None:
            raise ARouterError(
                Failure.NOT_FOUND, "There is no such generation, or its record is not written yet.", param="id"
            )
        return _generation(record)

    @requires(Access.ANY_KEY)
    @override
    async def SummarizeUsage(self, request: SummarizeUsageRequest, context: Context) -> SummarizeUsageResponse:
        last = _day(request.end_date, "end_date") or datetime.now(UTC).date()
        first = _day(request.start_date, "start_date") or date.fromordinal(max(1, last.toordinal() - _DEFAULT_DAYS))
        if first > last:
            raise invalid_request("'start_date' must not be after 'end_date'.", "start_date")
        by = _dimensions(request.group_by)
        scope = _scope(caller.get().key, request.account)
        sums = await self._store.summarize(scope, first, last, by)
        return SummarizeUsageResponse(data=map(_summary, sums))


def _scope(key: AuthenticatedKey, account: str) -> Scope:
    """Returns the scope of a query. Another account than the caller's is reported as not found, as in management."""
    if account and (key.account not in (None, account) or not is_account_id(account)):
        raise ARouterError(Failure.NOT_FOUND, "There is no such account.", param="account")
    return Scope(account=account or key.account, key_hash=key.hash if key.key_type == "regular" else None)


def _day(text: str, field: str) -> date | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise invalid_request(f"Invalid value for '{field}': expected a day, for example 2026-11-23.", field) from None


def _dimensions(texts: Iterable[str]) -> list[Dimension]:
    asked = {word.strip() for word in (",".join(texts) or "day").split(",")}
    if not asked <= set(_DIMENSIONS):
        raise invalid_request(
            f"Invalid value for 'group_by': expected any of {', '.join(_DIMENSIONS)}, separated by commas.", "group_by"
        )
    return [dimension for dimension in _DIMENSIONS if dimension in asked]


def _generation(record: UsageRecord) -> Generation:
    used = record.usage
    return Generation(
        id=record.generation_id,
        model=record.model,
        provider=record.provider,
        account=record.account or "",
        key_hash=record.key_hash,
        created_at=Timestamp(seconds=record.created_ms // 1000, nanos=record.created_ms % 1000 * 1_000_000),
        latency_ms=record.latency_ms,
        first_token_ms=record.first_token_ms,
        status=record.status,
        stream=record.stream,
        usage=GenerationUsage(
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            total_tokens=used.prompt_tokens + used.completion_tokens,
            cached_tokens=used.cached_tokens,
            cache_write_tokens=used.cache_write_tokens,
            reasoning_tokens=used.reasoning_tokens,
            cost=record.cost / NANOS,
            estimated=record.estimated,
        ),
    )


def _summary(total: UsageSum) -> UsageSummary:
    return UsageSummary(
        day=total.day,
        model=total.model,
        key_hash=total.key_hash,
        account=total.account,
        requests=total.requests,
        prompt_tokens=total.prompt_tokens,
        completion_tokens=total.completion_tokens,
        cost=total.cost / NANOS,
    )
