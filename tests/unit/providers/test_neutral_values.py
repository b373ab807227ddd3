"""A neutral value means the same everywhere: planning requires nothing for it, and leaving it out drops nothing."""

from __future__ import annotations

from typing import Any

import pytest
from unit.providers.field_fates import NAMED, ROWS, Refused

from arouter.chat.parameters import EMPTY, PARAMETERS, Wire, is_neutral, needs_nothing
from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError
from arouter.planning.requirements import requirements_of
from arouter.providers.adapter import Adapter
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.quirks import Quirks, encode_body

ADAPTERS = (AnthropicAdapter(), GeminiAdapter())
TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}
COMPANIONS = {"parallel_tool_calls": TOOLS, "tool_choice": TOOLS}
"""What a parameter makes sense with."""
OPTIONAL = {name: row for name, row in PARAMETERS.items() if not row.router and name not in ("messages", "model")}


def body_with(name: str, value: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **COMPANIONS.get(name, {}), name: value}


def is_valid(name: str, value: Any) -> bool:
    try:
        check_body(body_with(name, value))
    except ARouterError:
        return False
    return True


def dropped_by_adapter(adapter: Adapter, name: str, value: Any) -> bool:
    request = ChatRequest(body_with(name, value), stream=False, include_usage=False)
    try:
        return name in adapter.encode(request, "m-1").dropped
    except ARouterError:  # An empty text where the protocol has a list of words: it is refused, not dropped.
        assert value == ""
        return False


def dropped_by_quirks(name: str, value: Any) -> set[bool]:
    """Returns whether a provider that refuses the parameter names it, and one whose allow-list lacks it."""
    allowed = frozenset({"model", "messages", *TOOLS}) - {name}
    rows = (Quirks(refuses=frozenset({name})), Quirks(parameters=allowed))
    return {name in encode_body(row, body_with(name, value))[0] for row in rows}


def needed_by_planning(name: str, value: Any) -> bool:
    request = ChatRequest(body_with(name, value), stream=False, include_usage=False)
    without = ChatRequest(body_with(name, None), stream=False, include_usage=False)
    return requirements_of(request).parameters != requirements_of(without).parameters


NEUTRAL = [
    (name, value)
    for name, row in OPTIONAL.items()
    for value in (None, *row.neutral, *(EMPTY if row.empty_is_neutral else ()))
    if is_valid(name, value)
]


@pytest.mark.parametrize(("name", "value"), NEUTRAL, ids=repr)
def test_a_neutral_value_is_neutral_to_all(name: str, value: Any) -> None:
    assert is_neutral(name, value)
    assert not needed_by_planning(name, value)
    assert dropped_by_quirks(name, value) == {False}
    assert not any(dropped_by_adapter(adapter, name, value) for adapter in ADAPTERS)


OFF = [(name, value) for name, row in OPTIONAL.items() for value in row.off]


@pytest.mark.parametrize(("name", "value"), OFF, ids=repr)
def test_switching_off_needs_nothing_but_is_not_dropped_silently(name: str, value: Any) -> None:
    assert needs_nothing(name, value)
    assert not needed_by_planning(name, value)
    assert dropped_by_quirks(name, value) == {True}


ASKING = [(name, ROWS[name].with_[name]) for name in OPTIONAL if name in ROWS]


@pytest.mark.parametrize(("name", "value"), ASKING, ids=repr)
def test_any_other_value_asks_for_something_everywhere(name: str, value: Any) -> None:
    if needs_nothing(name, value):
        pytest.skip("it asks for nothing")
    assert needed_by_planning(name, value) == bool(OPTIONAL[name].needs)
    assert dropped_by_quirks(name, value) == {True}


@pytest.mark.parametrize("name", [name for name in OPTIONAL if name in ROWS])
@pytest.mark.parametrize("protocol", ["anthropic", "gemini"])
def test_the_table_says_which_parameters_a_protocol_lacks(protocol: str, name: str) -> None:
    handled = getattr(OPTIONAL[name], protocol)

    fate = getattr(ROWS[name], protocol)

    if handled is not Wire.APPROXIMATED:  # What becomes of that depends on the value.
        assert (handled is Wire.DROPPED, handled is Wire.REFUSED) == (fate == NAMED, isinstance(fate, Refused))
