"""What a Claude model accepts, as far as the translation depends on it.

Anthropic's parameters differ by generation, and a wrong one is refused, so this is knowledge that a translator needs.
Source: platform.claude.com, the pages "Thinking", "Effort" and the migration guides up to Claude 5.5 (November 2026).
A model that is newer than this table is taken for the newest in it; one that is not Claude at all (llama.cpp and others
serve this protocol too) gets the protocol's oldest form, which every server knows.
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
    """A model's dialect.

    Attributes:
        claude: Whether it is one of Anthropic's.
        max_tokens: The limit on an answer where the client sets none; Anthropic demands one.
        budget: Whether thinking may be given a number of tokens.
        adaptive: Whether the model can decide by itself how much to think.
        thinks: Whether it thinks when nothing is said.
        off: What turns that off, or None where it cannot be.
        efforts: The levels of `output_config.effort`, ascending; empty where there is no such parameter.
        sampling: Whether it takes `temperature`, `top_p` and `top_k`; "one": not temperature and top_p at once.
        forced_tools: Whether it can be made to call a tool.
        system_turns: Whether a `system` message may stand in the middle of the conversation.
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
    """Returns the dialect of a model by its native name, whatever prefix or date a platform adds to it."""
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
