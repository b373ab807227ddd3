"""Writes the tables of `docs/providers.md` from the presets and the protocols' data: `make docs`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unit.providers.field_fates import NAMED, ROWS, Refused

from arouter.providers import tool_ids, tool_names
from arouter.providers.message_order import PREFILL
from arouter.providers.preset import Preset
from arouter.providers.presets import PRESETS
from arouter.providers.quirks import Quirks
from arouter.providers.vendor_members import FOREIGN, PLACES, SILENT
from support.docs import ROOT

PAGE = ROOT / "docs" / "providers.md"

_HEADS = {
    "presets": ("id", "name", "protocol", "base URL", "key variable", "also", "source"),
    "fates": ("id", "dropped", "rewritten", "approximated"),
}
_PARAMETERS = sorted(name for name in ROWS if "." not in name)
"""OpenAI's."""

_ORDERS = {
    "leading": "instructions at the beginning become one message, later ones user messages",
    "answered": "a short assistant message is inserted between a tool result and a user message; instructions after an "
    "assistant message are moved after the user message, or become one; empty assistant messages are removed",
    "alternating": "later instructions become user messages; adjacent messages of one role are joined; a conversation "
    "that begins with the assistant gets a user message first",
}
_CONTINUE = f"a prefill is followed by a user message that asks for the rest (`{PREFILL}`)"
_COMMON = "JSON Schemas are reduced to the supported keywords, the rest goes into descriptions"
_APPROXIMATED = {
    "anthropic": (
        _COMMON,
        "later instructions join the system prompt if the model does not support `system` turns",
        "a conversation that begins with the assistant gets a user message first",
        f"since Claude 4.6, {_CONTINUE}",
        "reasoning efforts become the nearest level or a budget, or none while the reasoning of earlier tool calls is "
        "missing",
        "assistant messages with only reasoning are removed",
    ),
    "google": (
        _COMMON,
        "later instructions become user messages",
        f"since Gemini 3.6 and 3.5 Flash-Lite, {_CONTINUE}",
        "up to Gemini 2.5, images in a tool result follow it as a user message",
        "reasoning efforts become the nearest level or a budget",
    ),
}
_FORMATS = {
    "anthropic": (tool_ids.ANTHROPIC, tool_names.ANTHROPIC),
    "google": (tool_ids.GEMINI, tool_names.GEMINI),
}


def main() -> None:
    """Brings the page up to date."""
    PAGE.write_text(rendered(PAGE.read_text("utf-8")), "utf-8")


def rendered(page: str) -> str:
    """Returns the page with its tables written from the data. The sources are kept: they are only in the page."""
    rows = {
        "presets": [[*_about(id_, preset), _source(page, id_)] for id_, preset in PRESETS.items()],
        "fates": [[f"`{id_}`", *map("; ".join, _fates(id_, preset))] for id_, preset in PRESETS.items()],
    }
    for name, heads in _HEADS.items():
        lines = [" | ".join(cells) for cells in (heads, *rows[name])]
        table = "\n".join(f"| {line} |" for line in lines).replace("\n", f"\n|{'---|' * len(heads)}\n", 1)
        pattern = rf"(<!-- {name}: `make docs` -->\n).*?(\n<!-- /{name} -->)"
        page, count = re.subn(pattern, lambda found, table=table: found[1] + table + found[2], page, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"{PAGE}: no place for the table of {name}")
    return page


def _source(page: str, id_: str) -> str:
    found = re.search(rf"^\| `{re.escape(id_)}` \| .+ \| (.*) \|$", page, re.MULTILINE)
    return found[1].strip() if found else ""


def _about(id_: str, preset: Preset) -> list[str]:
    places = [f"`{variable}`" for variable in preset.base_url_variables]
    url = [f"`{preset.base_url}`"] if preset.base_url else []
    keys = " or ".join(f"`{variable}`" for variable in preset.key_variables)
    return [
        f"`{id_}`",
        preset.name,
        preset.protocol,
        ", else ".join([" or ".join(places), *url] if places else url),
        f"{keys} (optional)" if keys and preset.key_optional else keys,
        ", ".join(_other_apis(preset)),
    ]


def _other_apis(preset: Preset) -> Iterable[str]:
    """Yields what a provider serves beside chat."""
    if preset.embeddings is not None or preset.protocol == "gemini":
        yield "embeddings"
    if preset.text_completions:
        yield "text completions"


def _fates(id_: str, preset: Preset) -> tuple[list[str], list[str], list[str]]:
    """Returns what a provider does not get, gets in another form, and gets approximately."""
    if preset.protocol != "openai":
        ids, names = _FORMATS[id_]
        fates = {name: getattr(row, preset.protocol) for name, row in ROWS.items()}
        dropped = _code(_member(name) for name, fate in fates.items() if fate == NAMED)
        refused = _code(_member(name) for name, fate in fates.items() if isinstance(fate, Refused) and "." not in name)
        rewritten = ["everything, into its own protocol", *_portable(ids, names)]
        return [dropped, *([f"refused: {refused}"] if refused else [])], rewritten, list(_APPROXIMATED[id_])
    quirks = preset.quirks or Quirks()
    return _dropped(quirks), _rewritten(quirks), _approximated(quirks)


def _dropped(quirks: Quirks) -> list[str]:
    refused = set(quirks.refuses)
    if quirks.parameters is not None:
        refused |= set(_PARAMETERS) - quirks.parameters - quirks.renames.keys()
    if quirks.no_stream_options:
        refused.add("stream_options")
    said = [_code(sorted(refused))] if refused else []
    if quirks.parameters is not None:
        said.append("unknown parameters")
    listed = [place for place in PLACES if place in quirks.members.allowed]
    if listed:
        said.append(f"unknown members of {_code(listed)}")
    foreign = {m for place in FOREIGN if place not in listed for m in FOREIGN[place]} - quirks.members.taken - SILENT
    if foreign:
        said.append(f"{_code(sorted(foreign))} (members of other vendors)")
    if quirks.members.refused:
        said.append(f"{_code(sorted(quirks.members.refused))} of messages")
    return said


def _rewritten(quirks: Quirks) -> list[str]:
    said = [f"the key is sent in `{quirks.key_header}`"] if quirks.key_header else []
    said += [f"`{ours}` → `{theirs}`" for ours, theirs in quirks.renames.items()]
    said += ["`developer` → `system`"] if quirks.no_developer_role else []
    said += [f"`reasoning_content` ↔ `{quirks.reasoning}`"] if quirks.reasoning != "reasoning_content" else []
    said += ["content in parts → one string"] if quirks.text_content else []
    said += _portable(quirks.tool_ids, quirks.tool_names)
    said += [f"a prefill gets `{quirks.prefix_member}: true`"] if quirks.prefix_member else []
    said += [f"`{quirks.cached_tokens}` → `cached_tokens`"] if quirks.cached_tokens else []
    said += ["`reasoning` → `reasoning_effort`"] if quirks.effort_only else []
    said += ["`tools` are refused"] if quirks.no_tools else []
    said += ["reasoning tokens are added to `completion_tokens`"] if quirks.reasoning_apart else []
    return said


def _approximated(quirks: Quirks) -> list[str]:
    said = ["messages with tool calls but without reasoning get an empty one"] if quirks.reasoning_with_calls else []
    said += [_ORDERS[quirks.order]] if quirks.order != "any" else []
    said += [_CONTINUE] if quirks.asks_to_continue else []
    return said


def _portable(ids: tool_ids.IdFormat | None, names: tool_names.NameFormat | None) -> list[str]:
    said = []
    if ids is not None:
        said.append("ids of tool calls: distinct" if ids is tool_ids.GEMINI else f"ids of tool calls: `{ids.pattern}`")
    if names is not None:
        said.append(f"tool names: `{names.pattern}`, at most {names.length} characters")
    return said


def _member(path: str) -> str:
    """Returns a field's path as `x-arouter-dropped-params` has it."""
    for list_ in ("messages", "tools", "tool_calls", "content"):
        path = re.sub(rf"(^|\.){list_}\.", rf"\g<1>{list_}[].", path)
    return path


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
