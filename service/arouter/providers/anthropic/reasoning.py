"""Encodes reasoning options: `reasoning_effort` and `reasoning` become `thinking` and `output_config.effort`.

| requested | newer models | up to Claude 4.5, and others |
|---|---|---|
| an effort | adaptive thinking, at the highest level that does not exceed it | a share of the token limit as budget |
| `reasoning.max_tokens` | adaptive thinking; the number is reported as dropped | that budget |
| `reasoning.enabled` | adaptive thinking | as effort "medium" |
| effort "none", `enabled: false` | thinking disabled, or the lowest effort | nothing is sent |
| `reasoning.exclude` | `display: omitted` | the same, for Claude |

Thinking cannot be combined with a forced tool call, which takes precedence. Nor can it be enabled on a Claude model
with a budget while tool calls are pending whose thinking blocks are missing, because most OpenAI clients do not send
them back: the request is sent without thinking, as it would be rejected ("Expected `thinking` or `redacted_thinking`,
but found `tool_use`").
"""

from __future__ import annotations

from typing import NamedTuple

from arouter.chat.dropped import Dropped
from arouter.errors import invalid_request
from arouter.providers.anthropic.profiles import Model
from arouter.providers.anthropic.unchecked import Json, optional

MIN_BUDGET = 1024
"""Anthropic's minimum thinking budget; it must also be less than `max_tokens`."""

# OpenRouter's shares of `max_tokens`, for the same behaviour.
_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.9, "max": 0.95}
_LEVELS = tuple(_SHARES)
_FIELDS = frozenset({"effort", "max_tokens", "enabled", "exclude"})


class Thinking(NamedTuple):
    """The request's thinking parameters.

    Attributes:
        config: The `thinking` parameter, or None to omit it.
        effort: The `output_config.effort`, or None to omit it.
        max_tokens: The token limit of the answer, including thinking.
    """

    config: Json | None
    effort: str | None
    max_tokens: int


class _Preference(NamedTuple):
    param: str = "reasoning_effort"
    off: bool = False
    effort: str | None = None
    budget: int | None = None
    requested: bool = False
    exclude: bool = False


def encode_thinking(
    body: Json, model: Model, *, forced: bool, missing_thinking: bool, limit: int | None, dropped: Dropped
) -> Thinking:
    """Returns the thinking parameters for the model.

    Args:
        body: The canonical request.
        model: The model's profile.
        forced: Whether a tool call is forced.
        missing_thinking: Whether the answer continues tool calls whose thinking blocks are missing.
        limit: The client's own token limit, if any.
        dropped: Collects parameters without an equivalent.
    """
    preference = _read(body, dropped)
    max_tokens = model.max_tokens if limit is None else limit
    native = optional(body, "thinking", dict, "")
    if native is not None:
        return Thinking(native, _effort_or_note(preference, model, dropped), max_tokens)
    if preference.off:
        return _off(preference, model, max_tokens, dropped)
    if not preference.requested:
        return Thinking(None, None, max_tokens)
    if forced:
        return Thinking(None, _effort_or_note(preference, model, dropped), max_tokens)
    if model.adaptive and not (model.budget and preference.budget is not None):
        return _adaptive(preference, model, max_tokens, dropped)
    if missing_thinking and model.claude:
        return Thinking(None, _effort_or_note(preference, model, dropped), max_tokens)
    return _budget(preference, model, max_tokens, limit, dropped)


def _read(body: Json, dropped: Dropped) -> _Preference:
    reasoning = optional(body, "reasoning", dict, "") or {}
    dropped.add_rest(reasoning, _FIELDS, "reasoning.")
    effort = optional(reasoning, "effort", str, "reasoning")
    param = "reasoning_effort" if effort is None and body.get("reasoning_effort") else "reasoning"
    if effort is None:
        effort = optional(body, "reasoning_effort", str, "")
    if effort is not None and effort != "none" and effort not in _SHARES:
        field = param if param == "reasoning_effort" else "reasoning.effort"
        raise invalid_request(f"Invalid value for '{field}': it must be none, {', '.join(_LEVELS)}.", field)
    older = body.get("reasoning_effort")
    if older is not None and older != effort:
        dropped.add("reasoning_effort")
    budget = optional(reasoning, "max_tokens", int, "reasoning")
    enabled = optional(reasoning, "enabled", bool, "reasoning")
    return _Preference(
        param,
        off=effort == "none" or enabled is False,
        effort=effort,
        budget=budget,
        requested=effort is not None or budget is not None or enabled is True,
        exclude=optional(reasoning, "exclude", bool, "reasoning") is True,
    )


def _effort_or_note(preference: _Preference, model: Model, dropped: Dropped) -> str | None:
    effort = _effort(preference, model)
    if effort is None and preference.requested:
        dropped.add(preference.param)
    elif preference.budget is not None:
        dropped.add("reasoning.max_tokens")
    return effort


def _effort(preference: _Preference, model: Model) -> str | None:
    """Returns the highest of the model's levels that does not exceed the requested one."""
    if preference.effort not in _SHARES or not model.efforts:
        return None
    asked = _LEVELS.index(preference.effort)
    return next((level for level in reversed(model.efforts) if _LEVELS.index(level) <= asked), model.efforts[0])


def _off(preference: _Preference, model: Model, max_tokens: int, dropped: Dropped) -> Thinking:
    if not model.thinks:
        return Thinking(None, None, max_tokens)
    if model.off is None:
        dropped.add(preference.param)
        return Thinking(None, model.efforts[0], max_tokens)
    return Thinking({"type": model.off}, None, max_tokens)


def _adaptive(preference: _Preference, model: Model, max_tokens: int, dropped: Dropped) -> Thinking:
    if preference.budget is not None:
        dropped.add("reasoning.max_tokens")
    # Newer models omit the text of thinking by default.
    display = "omitted" if preference.exclude else "summarized"
    return Thinking({"type": "adaptive", "display": display}, _effort(preference, model), max_tokens)


def _budget(preference: _Preference, model: Model, max_tokens: int, limit: int | None, dropped: Dropped) -> Thinking:
    if preference.budget is None:
        budget = int(max_tokens * _SHARES[preference.effort or "medium"])
    else:
        budget = preference.budget
        if limit is None and budget >= max_tokens:
            max_tokens += budget
    budget = min(max(budget, MIN_BUDGET), max_tokens - 1)
    if budget < MIN_BUDGET:
        dropped.add(preference.param)
        return Thinking(None, None, max_tokens)
    config: Json = {"type": "enabled", "budget_tokens": budget}
    effort = _effort(preference, model)
    if preference.effort is not None and preference.budget is not None and effort is None:
        dropped.add("reasoning.effort")
    if preference.exclude:
        if model.claude:
            config["display"] = "omitted"
        else:
            dropped.add("reasoning.exclude")
    return Thinking(config, effort, max_tokens)
