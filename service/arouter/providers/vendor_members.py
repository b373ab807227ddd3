"""The members of messages, parts, tool calls and tools that vendors accept, and the removal of others.

A vendor that refuses unknown members has an allow-list for each place, from its reference. For every other vendor,
members that belong to one vendor or only to answers are removed, unless its row accepts them: a conversation has them
because it began elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from arouter.chat.parameters import EMPTY

Json = dict[str, Any]

PLACES = ("messages[]", "messages[].content[]", "messages[].tool_calls[]", "tools[]", "tools[].function")
"""The places of members, as in `x-arouter-dropped-params`."""

FOREIGN: Mapping[str, frozenset[str]] = {
    "messages[]": frozenset(
        {
            "annotations",  # of answers (developers.openai.com, "Web search")
            "cache_control",  # platform.claude.com, "Prompt caching"
            "extra_content",  # ai.google.dev, "OpenAI compatibility": thought signatures
            "is_error",  # platform.claude.com, "Tool use": of a tool's result
            "provider_specific_fields",  # LiteLLM's
            "reasoning_details",  # openrouter.ai, "Reasoning tokens"
            "thinking_blocks",  # LiteLLM's
        }
    ),
    "messages[].content[]": frozenset({"cache_control", "citations"}),
    "messages[].tool_calls[]": frozenset({"cache_control", "extra_content", "index", "provider_specific_fields"}),
    "tools[]": frozenset({"cache_control", "defer_loading", "eager_input_streaming", "input_examples"}),
    "tools[].function": frozenset({"cache_control"}),
}
"""By place, members that only some vendors accept."""

SILENT = frozenset({"index"})
"""Members of answers without a meaning in a request: removed without being reported."""


_LISTS = (("content", "messages[].content[]"), ("tool_calls", "messages[].tool_calls[]"))


@dataclass(frozen=True)
class Members:
    """The members that one vendor accepts.

    Attributes:
        allowed: By place, the only members that it accepts; a place without an entry accepts any but `FOREIGN`.
        taken: Members of `FOREIGN` that it accepts, in any place.
        refused: Further members of messages that it refuses.
    """

    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()

    @cached_property
    def _denied(self) -> Mapping[str, frozenset[str]]:
        """By place without an allow-list, the members to remove."""
        foreign = {place: members - self.taken for place, members in FOREIGN.items() if place not in self.allowed}
        if "messages[]" in foreign:
            foreign["messages[]"] |= self.refused
        return foreign

    def strip(self, body: Json, dropped: dict[str, None]) -> None:
        """Removes the members that the vendor does not accept.

        Args:
            body: A request, changed in place, but nothing inside it.
            dropped: Receives the paths of removed members that were not empty.
        """
        body["messages"] = [self._message(message, dropped) for message in body["messages"]]
        if "tools" in body and isinstance(body["tools"], list):
            body["tools"] = [self._tool(tool, dropped) for tool in body["tools"]]

    def _message(self, message: Json, dropped: dict[str, None]) -> Json:
        found: Json = self._without(message, "messages[]", dropped)
        for name, place in _LISTS:
            items = found.get(name)
            if type(items) is list:
                kept = [self._without(item, place, dropped) for item in items]
                if any(new is not old for new, old in zip(kept, items, strict=True)):
                    found = {**found, name: kept}
        return found

    def _tool(self, tool: Json, dropped: dict[str, None]) -> Json:
        kept: Json = self._without(tool, "tools[]", dropped)
        if isinstance(kept.get("function"), dict):
            function = self._without(kept["function"], "tools[].function", dropped)
            if function is not kept["function"]:
                kept = {**kept, "function": function}
        return kept

    def _without(self, holder: Any, place: str, dropped: dict[str, None]) -> Any:
        """Returns the object without the members to remove, or the object itself if there are none."""
        if type(holder) is not dict:
            return holder
        if place in self.allowed:
            allowed = self.allowed[place]
            if allowed.issuperset(holder):
                return holder
            lacking = [member for member in holder if member not in allowed]
        else:
            denied = self._denied[place]
            if denied.isdisjoint(holder):
                return holder
            lacking = [member for member in holder if member in denied]
        for member in lacking:
            value = holder[member]
            if member not in SILENT and value is not None and value not in EMPTY:
                dropped[f"{place}.{member}"] = None
        return {member: value for member, value in holder.items() if member not in lacking}


ANY = Members()
"""The row of a vendor that is not known to refuse members."""
