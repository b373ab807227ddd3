"""The reasoning effort that a request asks for, in whichever of the parameters it says so."""

from __future__ import annotations

from typing import Any

_BUDGETS = ((0, "none"), (2_000, "low"), (8_000, "medium"))
"""The effort by the maximum of reasoning tokens; more is high."""


def effort_of(body: dict[str, Any]) -> str | None:
    """Returns the reasoning effort of a request, as a value of `reasoning_effort`; None if it asks for no reasoning.

    As in the providers' adapters, the `reasoning` object counts before `reasoning_effort`.
    """
    options = body.get("reasoning") or {}
    if options.get("enabled") is False:
        return None
    effort = options.get("effort") or body.get("reasoning_effort")
    if not effort and (budget := options.get("max_tokens")) is not None:
        effort = next((word for most, word in _BUDGETS if budget <= most), "high")
    if not effort and options.get("enabled"):
        effort = "medium"
    return effort if effort and effort != "none" else None
