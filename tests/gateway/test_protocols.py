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
    told = create(model=model(protocol), messages=MESSAGES, logit_bias={"1": 1}, extra_body={"models": ["a"]})

    assert told.headers["x-arouter-dropped-params"].split(", ") == ["models", "logit_bias"]
    with pytest.raises(openai.BadRequestError) as refused:
        create(
            model=model(protocol),
            messages=MESSAGES,
            logit_bias={"1": 1},
            extra_body={"provider": {"require_parameters": True}},
        )
    assert refused.value.param == "logit_bias"
