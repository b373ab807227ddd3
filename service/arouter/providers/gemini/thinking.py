"""Encodes `reasoning_effort` and `reasoning` as Gemini's thinkingConfig, which differs between model generations.

Source: ai.google.dev/gemini-api/docs/thinking and …/docs/openai, whose table of `reasoning_effort` this follows. Gemini
2.5 takes a budget in tokens, later generations a level; both together are an error. An unsupported level is an error
too, so MINIMAL is sent only to models that are documented to support it, and XHIGH, which few support, never: clients
can set it through `thinkingConfig`.
"""

from __future__ import annotations

import re
from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.types import name_of
from arouter.errors import invalid_request
from arouter.providers.lenient import JsonObject

_VERSION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")

_LEVELS = {
    "none": "LOW",  # the minimum: these generations cannot disable thinking
    "minimal": "LOW",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_NEWEST_MINIMAL = (3, 6)
_BUDGETS = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,  # the maximum that all 2.5 models accept
    "max": 24576,
}
_LOWEST_BUDGET_OF_PRO = 128
_FIRST_WITHOUT_PREFILL = (3, 6)


def takes_budget(model: str) -> bool:
    """Returns whether the model takes a token budget. An alias without a number refers to a later generation."""
    return _version(model) < (3, 0)


def validates_signatures(model: str) -> bool:
    """Returns whether the model rejects function calls in the history without a thought signature."""
    return "gemini" in model and not takes_budget(model)


def continues_answers(model: str) -> bool:
    """Returns whether the model continues a conversation that ends with its own turn.

    "Requests ending with a model turn are not supported" (LibreChat-AI/agents#323, anomalyco/opencode#45359).
    """
    return "gemini" not in model or (_version(model) < _FIRST_WITHOUT_PREFILL and "3.5-flash-lite" not in model)


def thinking_config(body: JsonObject, model: str, dropped: Dropped) -> JsonObject | None:
    """Returns thinkingConfig, or None if the request has no reasoning options.

    With an effort, thoughts are included unless the request excludes them. Of several options the most specific one is
    used and the others are reported as dropped: thinkingConfig, `reasoning.max_tokens`, `reasoning.effort`,
    `reasoning_effort`.
    """
    native = body.get("thinkingConfig") or body.get("thinking_config")
    asked = body.get("reasoning")
    effort = body.get("reasoning_effort")
    show = body.get("include_reasoning")
    if native is not None:
        for name in ("reasoning", "reasoning_effort", "include_reasoning"):
            if body.get(name) is not None:
                dropped.add(name)
        return _object(native, "thinkingConfig")
    if asked is None:
        return _config(model, effort, "reasoning_effort", None, show)
    asked = _object(asked, "reasoning")
    for name in asked:
        if name not in ("effort", "max_tokens", "enabled", "exclude"):
            dropped.add(f"reasoning.{name}")
    if asked.get("exclude") is not None:
        show = not asked["exclude"]
    budget = asked.get("max_tokens")
    inner = asked.get("effort")
    if asked.get("enabled") is False:
        inner, budget = "none", None
    if inner is not None or budget is not None:
        if effort is not None and effort != inner:
            dropped.add("reasoning_effort")
        if budget is not None and inner is not None:
            dropped.add("reasoning.effort")
        return _config(model, inner, "reasoning.effort", budget, show)
    if show is None and asked.get("enabled"):
        show = True
    return _config(model, effort, "reasoning_effort", None, show)


def _config(model: str, effort: Any, param: str, budget: Any, show: Any) -> JsonObject | None:
    config: JsonObject = {}
    if budget is not None:
        if type(budget) is not int:
            raise invalid_request(
                f"Invalid type for 'reasoning.max_tokens': expected an integer, got {name_of(budget)}.",
                "reasoning.max_tokens",
            )
        config["thinkingBudget"] = budget
    elif effort is not None:
        config = _strength(model, effort, param)
    if show is None and config:
        show = effort != "none"
    if show is not None:
        config["includeThoughts"] = bool(show)
    return config or None


def _strength(model: str, effort: Any, param: str) -> JsonObject:
    if not isinstance(effort, str) or effort not in _LEVELS:
        shown = repr(effort)[:64] if isinstance(effort, str) else name_of(effort)
        raise invalid_request(
            f"Invalid value for '{param}': {shown}. Supported values are: {', '.join(_LEVELS)}.", param
        )
    pro = "-pro" in model
    if takes_budget(model):
        return {"thinkingBudget": _LOWEST_BUDGET_OF_PRO if pro and effort == "none" else _BUDGETS[effort]}
    if effort in ("none", "minimal") and not pro and _version(model) <= _NEWEST_MINIMAL:
        return {"thinkingLevel": "MINIMAL"}
    return {"thinkingLevel": _LEVELS[effort]}


def _version(model: str) -> tuple[int, int]:
    version = _VERSION.search(model)
    return (int(version[1]), int(version[2] or 0)) if version else (99, 0)


def _object(value: Any, param: str) -> JsonObject:
    if not isinstance(value, dict):
        raise invalid_request(f"Invalid type for '{param}': expected an object, got {name_of(value)}.", param)
    return value
