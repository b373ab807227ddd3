"""The quirks in a provider's configuration, merged with those of its preset."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from arouter.config.load import ConfigError
from arouter.config.quirks import MembersConfig, QuirksConfig, ToolIdsConfig, ToolNamesConfig
from arouter.providers.quirks import DEFAULT, Quirks
from arouter.providers.tool_ids import IdFormat
from arouter.providers.tool_names import NameFormat
from arouter.providers.vendor_members import PLACES, Members

_PRESET = "*"
"""In a list: all entries of the preset."""

_ALWAYS = frozenset({"messages", "model", "stream"})
"""Parameters that every call requires."""

_STRUCTURE = {
    "messages[]": frozenset({"content", "role", "tool_call_id", "tool_calls"}),
    "messages[].content[]": frozenset({"type"}),
    "messages[].tool_calls[]": frozenset({"function", "id", "type"}),
    "tools[]": frozenset({"function", "type"}),
    "tools[].function": frozenset({"name", "parameters"}),
}
"""By place, the members without which the meaning of a conversation changes."""

_SAMPLES = ("_A-z09_x", "read_file_0a1b2c3d")
"""Sample names for checking patterns of replacement names."""


def configured_quirks(row: QuirksConfig, preset: Quirks | None) -> Quirks:
    """Returns the quirks of a configured provider.

    Args:
        row: The configured quirks.
        preset: The quirks of the preset of its id.

    Raises:
        ConfigError: The quirks are invalid; the error names the field.
    """
    base = preset or DEFAULT
    said: dict[str, Any] = {name: value for name in row.__struct_fields__ if (value := getattr(row, name)) is not UNSET}
    if "refuses" in said:
        said["refuses"] = _names("refuses", said["refuses"], base.refuses)
    if said.get("parameters") is not None:
        said["parameters"] = _names("parameters", said["parameters"], base.parameters) | _ALWAYS
        said.setdefault("no_stream_options", "stream_options" not in said["parameters"])
    if "members" in said:
        said["members"] = _members(said["members"], base.members)
    if said.get("tool_ids") is not None:
        said["tool_ids"] = _ids(said["tool_ids"])
    if said.get("tool_names") is not None:
        said["tool_names"] = _tool_names(said["tool_names"])
    quirks = replace(base, **said)
    _check_parameters(quirks)
    return quirks


def _names(field: str, said: Iterable[str], preset: frozenset[str] | None) -> frozenset[str]:
    names = frozenset(said)
    if _PRESET not in names:
        return names
    if not preset:
        raise _error(field, f"{_PRESET!r} stands for the preset's entries, but the preset has none")
    return names - {_PRESET} | preset


def _members(row: MembersConfig, base: Members) -> Members:
    members = base
    if row.allowed is not UNSET:
        unknown = row.allowed.keys() - set(PLACES)
        if unknown:
            raise _error("members.allowed", f"unknown place {min(unknown)!r}; expected one of {', '.join(PLACES)}")
        allowed = {
            place: _names(f"members.allowed.{place}", said, base.allowed.get(place)) | _STRUCTURE[place]
            for place, said in row.allowed.items()
        }
        members = replace(members, allowed={**base.allowed, **allowed})
    if row.taken is not UNSET:
        members = replace(members, taken=_names("members.taken", row.taken, base.taken))
    if row.refused is not UNSET:
        refused = _names("members.refused", row.refused, base.refused)
        if refused & _STRUCTURE["messages[]"]:
            raise _error("members.refused", f"{min(refused & _STRUCTURE['messages[]'])!r} cannot be left out")
        members = replace(members, refused=refused)
    return members


def _ids(row: ToolIdsConfig) -> IdFormat:
    _check_pattern("tool_ids.pattern", row.pattern)
    format_ = IdFormat(row.pattern, row.prefix, row.length)
    made = format_.digest("call_1", 0)
    if not format_.fits(made):
        raise _error("tool_ids", f"ids generated from prefix and length, such as {made!r}, do not match the pattern")
    return format_


def _tool_names(row: ToolNamesConfig) -> NameFormat:
    _check_pattern("tool_names.pattern", row.pattern)
    if not all(re.fullmatch(row.pattern, name) for name in _SAMPLES):
        raise _error("tool_names.pattern", f"generated names, such as {_SAMPLES[0]!r}, do not match it")
    return NameFormat(row.pattern, row.length)


def _check_pattern(field: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise _error(field, f"not a regular expression: {error}") from error


def _check_parameters(quirks: Quirks) -> None:
    """Rejects quirks with which no call is possible, or that contradict each other."""
    if quirks.refuses & _ALWAYS:
        raise _error("refuses", f"{min(quirks.refuses & _ALWAYS)!r} cannot be left out")
    for ours, theirs in quirks.renames.items():
        field = f"renames.{ours}"
        if ours == theirs:
            raise _error(field, "maps a parameter to itself")
        if {ours, theirs} & _ALWAYS:
            raise _error(field, f"{min({ours, theirs} & _ALWAYS)!r} cannot be renamed")
        if ours in quirks.refuses:
            raise _error(field, "is also in 'refuses'")
        if theirs in quirks.renames:
            raise _error(field, f"{theirs!r} is itself renamed")
        if quirks.parameters is not None and theirs not in quirks.parameters:
            raise _error(field, f"{theirs!r} is not in 'parameters'")


def _error(field: str, problem: str) -> ConfigError:
    return ConfigError(f"quirks.{field}: {problem}")
