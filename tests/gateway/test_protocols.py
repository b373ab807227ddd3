"""What the wire protocols do differently at the gateway; what they have in common is the matrix."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from emulator import Emulator
from matrix.provider import PROTOCOLS, native_name
from support.stack import PROVIDER_KEY

MESSAGES: Any = [{"role": "user", "content": "hi"}]
FOREIGN = ("anthropic", "gemini")


def model(protocol: str) -> str:
    return f"{protocol}/{native_name(PROTOCOLS[protocol], 'text')}"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_key_goes_into_the_vendors_header_alone(
    translated_client: openai.OpenAI, speakers: Emulator, protocol: str
) -> None:
    translated_client.chat.completions.create(model=model(protocol), messages=MESSAGES)

    [call] = speakers.calls
    headers = dict(call.headers)
    assert headers.pop(PROTOCOLS[protocol].key_header).removeprefix("Bearer ") == PROVIDER_KEY
    assert PROVIDER_KEY not in call.path + str(headers) + str(call.json)


@pytest.mark.parametrize("protocol", FOREIGN)
def test_what_a_protocol_cannot_say_is_named(translated_client: openai.OpenAI, protocol: str) -> None:
    create = translated_client.chat.completions.with_raw_response.create
    unserved = {"transforms": ["middle-out"]}
    told = create(model=model(protocol), messages=MESSAGES, logit_bias={"1": 1}, extra_body=unserved)

    assert told.headers["x-arouter-dropped-params"].split(", ") == ["transforms", "logit_bias"]
    with pytest.raises(openai.BadRequestError) as refused:
        create(
            model=model(protocol),
            messages=MESSAGES,
            logit_bias={"1": 1},
            extra_body={"provider": {"require_parameters": True}},
        )
    assert refused.value.param == "logit_bias"


def said(part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


NO_BROWSER = ({"tools": [{"type": "browser"}]}, "tools[0].type")
NO_SMELL = (said({"type": "smell"}), "messages[0].content[0].type")
NO_FTP = (
    said({"type": "image_url", "image_url": {"url": "ftp://images.test/a.png"}}),
    "messages[0].content[0].image_url.url",
)
NO_IDS = (said({"type": "file", "file": {"file_id": "file-1"}}), "messages[0].content[0].file.file_id")
NO_EFFORT = ({"reasoning_effort": "superhuman"}, "reasoning_effort")
UNSUPPORTED: list[tuple[str, dict[str, Any], str]] = [
    *((protocol, *case) for protocol in FOREIGN for case in (NO_BROWSER, NO_SMELL, NO_FTP, NO_IDS, NO_EFFORT)),
    ("anthropic", {"n": 2}, "n"),
    (
        "anthropic",
        said({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}),
        "messages[0].content[0].type",
    ),
    (
        "gemini",
        {"messages": [*MESSAGES, {"role": "tool", "tool_call_id": "c", "content": "x"}]},
        "messages[1].tool_call_id",
    ),
]


@pytest.mark.parametrize(("protocol", "fields", "param"), UNSUPPORTED, ids=str)
def test_what_a_protocol_has_no_place_for_is_refused(
    translated_client: openai.OpenAI, speakers: Emulator, protocol: str, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        translated_client.chat.completions.create(**{"model": model(protocol), "messages": MESSAGES, **fields})

    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
    assert speakers.calls == []


def test_no_header_is_sent_where_nothing_was_dropped(translated_client: openai.OpenAI) -> None:
    told = translated_client.chat.completions.with_raw_response.create(model=model("anthropic"), messages=MESSAGES)

    assert "x-arouter-dropped-params" not in told.headers
