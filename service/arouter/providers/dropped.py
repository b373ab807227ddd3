"""What a request asks for and its provider is not told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "metadata": ({},),
    "min_p": (0,),
    "modalities": (["text"], []),
    "n": (1,),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "repetition_penalty": (1,),
    "service_tier": ("auto",),
    "store": (False,),
    "top_a": (0,),
    "top_logprobs": (0,),
}


def asks_nothing(field: str, value: Any) -> bool:
    """Says whether a parameter's value asks for what happens anyway, so that leaving it out drops nothing."""
    return value is None or value in _NEUTRAL.get(field, ())


class Dropped:
    """The parameters that a request asked for and a provider's protocol lacks, each once, in order.

    Those inside messages and tools are named without their index (`messages[].name`): a long conversation would
    repeat them a thousand times in one header.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Notes a parameter by its canonical name or path."""
        self._names[name] = None

    def add_rest(self, holder: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        """Notes the fields of `holder` that nobody reads and that say something."""
        for field, value in holder.items():
            if field not in known and value is not None and value != [] and value != {} and value != "":
                self.add(f"{path}{field}")

    def names(self) -> tuple[str, ...]:
        """Returns them all."""
        return tuple(self._names)
