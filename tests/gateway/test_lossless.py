"""What a client writes is what the provider reads: unknown fields, key order, numbers, characters."""

from __future__ import annotations

import json

import pytest

from emulator import Emulator
from support.rest import Rest
from support.stack import PROVIDER_KEY

WRITTEN = (
    '{"zz_unknown":{"b":1,"a":[{"y":1,"x":2}]},"messages":[{"role":"user","content":"gr\\u00fc\\u00dfe"}],'
    '"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object",'
    '"properties":{"zebra":{"type":"string"},"apple":{"type":"integer","minimum":0},"mango":{"$ref":"#/$defs/m"}},'
    '"required":["zebra","apple","mango"],"additionalProperties":false,"$defs":{"m":{"enum":["b","a",null]}}}}},'
    '"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"z":{},"a":{}}}}}],'
    '"seed":9007199254740991,"big":18446744073709551615,"negative":-9223372036854775808,"temperature":0.1,"top_p":1.0,'
    '"small":1e-7,"user":"lossless","null_field":null,"empty":{},"list":[],"model":"emu/text"}'
)


def pairs(text: bytes | str) -> object:
    """Parses JSON with objects as lists of pairs and numbers as their text."""
    return json.loads(text, object_pairs_hook=list, parse_int=str)


def test_the_provider_reads_what_the_client_wrote(rest: Rest, emulator: Emulator) -> None:
    answer = rest.chat(WRITTEN.encode())

    assert answer.status == 200
    expected = WRITTEN.replace('"emu/text"', '"text"')
    assert pairs(emulator.call("lossless").raw) == pairs(expected)


def test_streaming_adds_only_the_wish_for_usage(rest: Rest, emulator: Emulator) -> None:
    written = WRITTEN.replace('"seed"', '"stream":true,"stream_options":{"zz":1,"include_obfuscation":false},"seed"')

    assert rest.chat(written.encode()).status == 200

    expected = written.replace('"emu/text"', '"text"').replace("false},", 'false,"include_usage":true},', 1)
    expected = expected.replace('"additionalProperties":false,"include_usage":true}', '"additionalProperties":false}')
    assert pairs(emulator.call("lossless").raw) == pairs(expected)


@pytest.mark.parametrize("header", ["content-type", "none"])
def test_the_content_type_header_does_not_matter(rest: Rest, emulator: Emulator, header: str) -> None:
    value = {"content-type": "application/json; charset=utf-8", "none": None}[header]

    assert rest.chat(WRITTEN.encode(), {"content-type": value}).status == 200


def test_the_provider_gets_its_own_credential_and_nothing_of_the_clients(rest: Rest, emulator: Emulator) -> None:
    rest.chat(WRITTEN.encode(), {"cookie": "session=1", "x-client-secret": "s"})

    headers = emulator.call("lossless").headers
    assert headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert set(headers) <= {
        "host", "authorization", "content-type", "content-length", "accept", "accept-encoding", "user-agent"
    }  # fmt: skip


def test_a_character_outside_ascii_is_the_same_escaped_or_not(rest: Rest, emulator: Emulator) -> None:
    for text in ('"grüße 🙂 \\u0000 \\" \\\\ \u2028"', '"gr\\u00fc\\u00dfe \\ud83d\\ude42 \\u0000 \\" \\\\ \\u2028"'):
        body = f'{{"model":"emu/echo","messages":[{{"role":"user","content":{text}}}]}}'.encode()

        assert rest.chat(body).json["choices"][0]["message"]["content"] == json.loads(text)
