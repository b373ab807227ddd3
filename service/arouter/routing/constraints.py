"""What a request forbids: the first reason why an endpoint may not answer it. Pure."""

from __future__ import annotations

from arouter.catalogue.catalogue import Endpoint
from arouter.chat.preferences import Preferences
from arouter.models import Prices
from arouter.routing.demands import unsupported
from arouter.routing.inquiry import Inquiry
from arouter.routing.plan import Cause


def objection(endpoint: Endpoint, inquiry: Inquiry, *, free: bool) -> tuple[Cause, str] | None:
    """Returns what in the request's preferences speaks against an endpoint, or None if nothing does.

    What is not known of an endpoint is held against it: a wish that may not be met is not met.

    Args:
        endpoint: Who might answer.
        inquiry: The request.
        free: Whether only what costs nothing is wanted.
    """
    preferences, provider = inquiry.request.preferences, endpoint.provider
    if preferences.only and provider.id not in preferences.only:
        return Cause.WISH, "is not in provider.only"
    if provider.id in preferences.ignore:
        return Cause.WISH, "is in provider.ignore"
    if preferences.order and not preferences.allow_fallbacks and provider.id not in preferences.order:
        return Cause.WISH, "is not in provider.order, and provider.allow_fallbacks is false"
    if preferences.zdr and not provider.zdr:
        return Cause.WISH, "is not known for zero data retention (provider.zdr)"
    if preferences.data_collection == "deny" and provider.keeps_data:
        return Cause.WISH, "may keep data (provider.data_collection is 'deny')"
    details = endpoint.details
    if preferences.quantizations and (details.quantization or "unknown").lower() not in preferences.quantizations:
        return Cause.WISH, f"has quantization {details.quantization or 'unknown'} (provider.quantizations)"
    if free and not _is_free(details.prices):
        return Cause.WISH, "is not free (':free')"
    dear = _too_dear(details.prices, preferences)
    if dear is not None:
        return Cause.WISH, dear
    if preferences.require_parameters and (missing := unsupported(details, inquiry.demands)):
        return Cause.PARAMETERS, f"does not support {', '.join(missing)} (provider.require_parameters)"
    return None


def _is_free(prices: Prices | None) -> bool:
    return prices is not None and not prices.prompt and not prices.completion


def _too_dear(prices: Prices | None, preferences: Preferences) -> str | None:
    limits = (("prompt", preferences.max_prompt_price), ("completion", preferences.max_completion_price))
    for name, most in limits:
        if most is None:
            continue
        if prices is None:
            return f"has no known price (provider.max_price.{name})"
        price = getattr(prices, name)
        if price > most:
            return f"costs ${price:g} per million tokens (provider.max_price.{name})"
    return None
