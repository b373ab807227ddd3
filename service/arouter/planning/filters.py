"""Filters: whether a request's preferences exclude an endpoint. Pure."""

from __future__ import annotations

from arouter.catalogue.catalogue import Endpoint
from arouter.chat.preferences import Preferences
from arouter.chat.request import ChatRequest
from arouter.models import Prices
from arouter.planning.context import PlanContext
from arouter.planning.plan import Cause
from arouter.planning.requirements import unsupported

_MAX_PATH = 64


def why_excluded(endpoint: Endpoint, context: PlanContext, *, free: bool) -> tuple[Cause, str] | None:
    """Returns the first reason for which the request's preferences exclude an endpoint, or None.

    A preference counts as not met if what it asks about is not known of the endpoint.

    Args:
        endpoint: The endpoint in question.
        context: The request.
        free: Whether only free endpoints are wanted.
    """
    preferences, provider = context.request.preferences, endpoint.provider
    if context.request.operation == "text_completion" and "text_completion" not in provider.encoders:
        return Cause.CAPABILITY, "has no text completions; send messages to /v1/chat/completions"
    if preferences.only and provider.id not in preferences.only:
        return Cause.PREFERENCE, "is not in provider.only"
    if provider.id in preferences.ignore:
        return Cause.PREFERENCE, "is in provider.ignore"
    if preferences.order and not preferences.allow_fallbacks and provider.id not in preferences.order:
        return Cause.PREFERENCE, "is not in provider.order, and provider.allow_fallbacks is false"
    if preferences.zdr and not provider.zdr:
        return Cause.PREFERENCE, "is not known for zero data retention (provider.zdr)"
    if preferences.data_collection == "deny" and provider.keeps_data:
        return Cause.PREFERENCE, "may keep data (provider.data_collection is 'deny')"
    details = endpoint.details
    if preferences.quantizations and (details.quantization or "unknown").lower() not in preferences.quantizations:
        return Cause.PREFERENCE, f"has quantization {details.quantization or 'unknown'} (provider.quantizations)"
    if free and not _is_free(details.prices):
        return Cause.PREFERENCE, "is not free (':free')"
    if preferences.max_prompt_price is not None or preferences.max_completion_price is not None:
        expensive = _too_expensive(details.prices, preferences)
        if expensive is not None:
            return Cause.PREFERENCE, expensive
    if context.request.native_only and not _has_dialect_of(endpoint, context.request):
        return Cause.DIALECT, f"does not support '{context.request.native_only[0][:_MAX_PATH]}'"
    if preferences.require_parameters and (missing := unsupported(details, context.requirements)):
        return Cause.PARAMETERS, f"does not support {', '.join(missing)} (provider.require_parameters)"
    return None


def _has_dialect_of(endpoint: Endpoint, request: ChatRequest) -> bool:
    return request.native is not None and endpoint.provider.adapter.dialect == request.native.dialect


def _is_free(prices: Prices | None) -> bool:
    return prices is not None and not prices.prompt and not prices.completion


def _too_expensive(prices: Prices | None, preferences: Preferences) -> str | None:
    limits = (("prompt", preferences.max_prompt_price), ("completion", preferences.max_completion_price))
    for name, limit in limits:
        if limit is None:
            continue
        if prices is None:
            return f"has no known price (provider.max_price.{name})"
        price = getattr(prices, name)
        if price > limit:
            return f"costs ${price:g} per million tokens (provider.max_price.{name})"
    return None
