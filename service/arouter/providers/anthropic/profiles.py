"""The features of Claude models, as far as the translation depends on them.

Anthropic's parameters differ by model generation, and unsupported ones are rejected. Source: platform.claude.com, the
pages "Thinking", "Effort" and the migration guides up to Claude 5.5 (November 2026). A newer model is treated like the
newest one in this table; a model other than Claude (llama.cpp and others support this protocol too) gets the protocol's
oldest form, which all servers support.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple

_ALL_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_FAMILY = r"(?P<family>opus|sonnet|haiku|fable|mythos)"
_VERSION = r"(?P<major>\d)(?:[-.](?P<minor>\d{1,2}))?(?!\d)"
_NAME = re.compile(f"claude-{_FAMILY}-{_VERSION}")
_OLD_NAME = re.compile(f"claude-{_VERSION}-{_FAMILY}")
_OLDEST = re.compile(r"claude-(instant|[12])")

Sampling = Literal["any", "one", "none"]


class Model(NamedTuple):
    """The profile of a model.

    Attributes:
        claude: Whether it is one of Anthropic's models.
        max_tokens: Default token limit of a response; Anthropic requires one.
        budget: Whether a token budget for thinking is supported.
        adaptive: Whether the model can decide how much to think.
        thinks: Whether it thinks by default.
        off: The parameter that disables thinking, or None if that is not supported.
        efforts: The levels of `output_config.effort`, ascending; empty if not supported.
        sampling: Whether `temperature`, `top_p` and `top_k` are supported; "one": not temperature and top_p together.
        forced_tools: Whether tool calls can be forced.
        system_turns: Whether `system` turns are supported within the conversation.
        prefill: Whether it continues a conversation that ends with the assistant.
    """

    claude: bool = True
    max_tokens: int = 32_000
    budget: bool = False
    adaptive: bool = True
    thinks: bool = True
    off: str | None = "disabled"
    efforts: tuple[str, ...] = _ALL_EFFORTS
    sampling: Sampling = "none"
    forced_tools: bool = True
    system_turns: bool = True
    prefill: bool = False


_STRANGER = Model(
    claude=False,
    max_tokens=8_192,
    budget=True,
    adaptive=False,
    thinks=False,
    efforts=(),
    sampling="any",
    system_turns=False,
    prefill=True,
)
_CLAUDE_3 = _STRANGER._replace(claude=True, max_tokens=4_096)
_CLAUDE_4 = _CLAUDE_3._replace(max_tokens=32_000)
_CLAUDE_4_1 = _CLAUDE_4._replace(sampling="one")
_CLAUDE_4_6 = _CLAUDE_4_1._replace(adaptive=True, efforts=("low", "medium", "high", "max"), prefill=False)
_CLAUDE_4_7 = Model(thinks=False, system_turns=False)
_CLAUDE_4_8 = Model(thinks=False)
_CLAUDE_5 = Model()
_ALWAYS_THINKING = Model(off=None)
_CLAUDE_5_5 = Model(off=None, forced_tools=False)
_FIVE_FIVE = {"opus": _CLAUDE_5_5, "sonnet": _CLAUDE_5_5._replace(off="between_tools"), "haiku": _CLAUDE_5}
_BEFORE_5 = (
    ((4, 8), _CLAUDE_4_8),
    ((4, 7), _CLAUDE_4_7),
    ((4, 6), _CLAUDE_4_6),
    ((4, 1), _CLAUDE_4_1),
    ((4, 0), _CLAUDE_4),
    ((0, 0), _CLAUDE_3),
)


@lru_cache(maxsize=512)
def describe(name: str) -> Model:
    """Returns the profile of a model by its native name, ignoring prefixes and dates that platforms add."""
    name = name.lower()
    if "claude" not in name:
        return _STRANGER
    found = _NAME.search(name) or _OLD_NAME.search(name)
    if found is None:
        return _CLAUDE_3 if _OLDEST.search(name) else _CLAUDE_5_5
    family, version = found["family"], (int(found["major"]), int(found["minor"] or 0))
    if family in ("fable", "mythos"):
        return _ALWAYS_THINKING if version <= (5, 0) else _CLAUDE_5_5
    if version >= (5, 5):
        return _FIVE_FIVE[family]
    if version >= (5, 0):
        return _CLAUDE_5._replace(system_turns=family != "sonnet")
    if version == (4, 5) and family == "opus":
        return _CLAUDE_4_1._replace(efforts=("low", "medium", "high"))
    return next(model for since, model in _BEFORE_5 if version >= since)
