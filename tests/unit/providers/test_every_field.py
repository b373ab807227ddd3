"""Every field of the `openai` SDK's request, in every protocol: it is sent, named as dropped, or refused.

The fields are read from the SDK, so one that it adds fails here until it is decided what becomes of it.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParams
from unit.providers.field_fates import (
    ANSWER,
    CALL,
    CHOSEN,
    FILE,
    FUNCTION,
    NAMED,
    NEEDLESS,
    ROWS,
    SENT,
    USER,
    WITH_PARENT,
    Refused,
    Row,
    after,
    answer,
    offer,
    user,
)
from unit.rpc.openai_types import is_object, members, object_fields

from arouter.chat.parameters import PARAMETERS
from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError
from arouter.providers.adapter import Adapter
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.openai import OpenAIAdapter

ADAPTERS: dict[str, tuple[Adapter, str]] = {
    "openai": (OpenAIAdapter(), "gpt-5.4"),
    # It takes the most parameters of all its models.
    "anthropic": (AnthropicAdapter(), "claude-sonnet-4-6"),
    "gemini": (GeminiAdapter(), "gemini-3.6-flash"),
}


def paths(annotation: Any, path: str = "") -> set[str]:
    """Returns the paths of all fields of the SDK's type, through lists and unions."""
    found = set()
    for member in filter(is_object, members(annotation)):
        for name, field in object_fields(member).items():
            found |= {f"{path}{name}"} | paths(field, f"{path}{name}.")
    return found


def canonical(path: str) -> str:
    """Returns a path as `x-arouter-dropped-params` writes it."""
    for array in ("messages", "messages[].content", "messages[].tool_calls", "tools", "functions"):
        path = path.replace(f"{array}.", f"{array}[].")
    return path


def encode(protocol: str, fields: dict[str, Any]) -> tuple[tuple[str, Any], tuple[str, ...]]:
    """Returns what the provider gets, and what is named as dropped."""
    adapter, model = ADAPTERS[protocol]
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    check_body(body)
    wire = adapter.encode(ChatRequest(body, stream=body.get("stream") is True, include_usage=True), model)
    return (wire.path, orjson.loads(wire.body)), wire.dropped


def fate(protocol: str, path: str, row: Row) -> str | Refused:
    """Returns what becomes of a field."""
    try:
        sent, dropped = encode(protocol, row.with_)
    except ARouterError as error:
        return Refused(error.param or f"{error.failure}: {error}")
    name = canonical(path)
    if name in dropped:
        return NAMED
    if any(name.startswith((f"{other}.", f"{other}[]")) for other in dropped):
        return WITH_PARENT
    return SENT if row.without is None or sent != encode(protocol, row.without)[0] else NEEDLESS


def test_the_table_has_every_field() -> None:
    assert ROWS.keys() == paths(CompletionCreateParams) | {name for name, row in PARAMETERS.items() if row.extension}


@pytest.mark.parametrize("path", sorted(ROWS))
@pytest.mark.parametrize("protocol", ["anthropic", "gemini"])
def test_a_field_reaches_the_provider_or_is_named(protocol: str, path: str) -> None:
    row = ROWS[path]

    assert fate(protocol, path, row) == getattr(row, protocol)


@pytest.mark.parametrize("path", sorted(ROWS))
def test_openais_protocol_takes_every_field_as_it_is(path: str) -> None:
    fields = ROWS[path].with_

    (_, sent), dropped = encode("openai", fields)

    assert {name: sent[name] for name in fields} == fields
    assert dropped == ()


@pytest.mark.parametrize(
    ("protocol", "fields", "named"),
    [
        *(
            (protocol, *case)
            for protocol in ("anthropic", "gemini")
            for case in (
                ({"max_tokens": 5, "max_completion_tokens": 7}, "max_tokens"),
                ({"reasoning": {"effort": "high"}, "reasoning_effort": "low"}, "reasoning_effort"),
                ({"reasoning": {"effort": "high", "summary": "auto"}}, "reasoning.summary"),
                ({"stream_options": {"pace": 5}}, "stream_options.pace"),
                (offer({**FUNCTION, "color": 5}), "tools[].color"),
                (offer(FUNCTION, tool_choice={**CHOSEN, "color": 5}), "tool_choice.color"),
                ({"response_format": {**ANSWER, "color": 5}}, "response_format.color"),
                (user({**FILE, "file": {**FILE["file"], "color": 5}}), "messages[].content[].file.color"),
                (user({"type": "text", "text": "x", "color": 5}), "messages[].content[].color"),
                (after({"role": "assistant", "content": "A", "color": 5}, USER), "messages[].color"),
                (answer(tool_calls=[{**CALL, "color": 5}]), "messages[].tool_calls[].color"),
            )
        ),
        ("anthropic", {"user": "a", "metadata": {"user_id": "b"}}, "metadata.user_id"),
        ("gemini", {"audio": {"color": 5}}, "audio.color"),
        ("gemini", offer(FUNCTION, tool_choice="auto", function_call="none"), "function_call"),
    ],
    ids=str,
)
def test_what_is_unknown_or_contradicted_is_named(protocol: str, fields: dict[str, Any], named: str) -> None:
    assert encode(protocol, fields)[1] == (named,)


@pytest.mark.parametrize("protocol", ["anthropic", "gemini"])
def test_what_asks_for_nothing_is_not_named(protocol: str) -> None:
    nothing = {
        "logit_bias": {},
        "logprobs": False,
        "metadata": {},
        "min_p": 0,
        "modalities": ["text"],
        "parallel_tool_calls": True,
        "presence_penalty": 0,
        "repetition_penalty": 1,
        "service_tier": "auto",
        "store": False,
        "top_a": 0,
    }

    assert encode(protocol, nothing)[1] == ()
