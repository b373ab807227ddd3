"""The gateway chooses the RPC of a chat by its body: what asks for a stream gets one, all else gets JSON."""

from __future__ import annotations

import json

import grpc
import pytest
from google.api import httpbody_pb2

from arouter.v1 import chat_service_pb2
from emulator.answers import TEXT
from support.rest import Rest
from support.stack import Stack
from support.typed import Client, refusal

LONG = 300_000

STREAMS = {
    "compact": b'{"model":"emu/text","stream":true,"messages":[{"role":"user","content":"hi"}]}',
    "spaced": b'{"model": "emu/text", "messages": [{"role": "user", "content": "hi"}], "stream" \n\t:\r true}',
    "escaped": rb'{"model": "emu/text", "messages": [{"role": "user", "content": "hi"}], "str\u0065am": true}',
    "last of two": b'{"stream":false,"model":"emu/text","messages":[{"role":"user","content":"hi"}],"stream":true}',
    "long": b'{"model":"emu/text","stream":true,"messages":[{"role":"user","content":"%b"}]}' % (b"a" * LONG),
    "behind a long text": b'{"model":"emu/text","messages":[{"role":"user","content":"%b"}],"stream":true}'
    % (b"a" * LONG),
}
WHOLE = {
    "not said": b'{"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}',
    "false": b'{"model": "emu/text", "messages": [{"role": "user", "content": "hi"}], "stream": false}',
    "null": b'{"model": "emu/text", "messages": [{"role": "user", "content": "hi"}], "stream": null}',
    "quoted": rb'{"model": "emu/text", "messages": [{"role": "user", "content": "say \"stream\": true"}]}',
    "a text": b'{"model": "emu/text", "messages": [{"role": "user", "content": "stream"}], "user": "stream"}',
    "elsewhere": b'{"model":"emu/text","messages":[{"role":"user","content":"hi"}],"vendor":{"stream":true}}',
    "escapes": rb'{"model": "emu/text", "messages": [{"role": "user", "content": "caf\u00e9"}]}',
    "long": b'{"model": "emu/text", "messages": [{"role": "user", "content": "%b"}]}' % (b"a" * LONG),
}


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS)
def test_what_asks_for_a_stream_gets_one(rest: Rest, body: bytes) -> None:
    answer = rest.chat(body)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["x-arouter-route"] == "emu/text=ok"
    assert answer.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("body", WHOLE.values(), ids=WHOLE)
def test_all_else_gets_one_document(rest: Rest, body: bytes) -> None:
    answer = rest.chat(body)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["x-arouter-route"] == "emu/text=ok"
    assert answer.headers["x-arouter-provider"] == "emu"
    assert answer.json["choices"][0]["message"]["content"] == TEXT
    assert not any(name.startswith(("grpc-", "trailer")) for name in answer.headers)


def test_an_answer_says_its_length(rest: Rest) -> None:
    answer = rest.chat(WHOLE["not said"])

    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_gateways_own_path_is_no_clients(rest: Rest, method: str) -> None:
    answer = rest.request(method, "/v1/chat/completions:unary", json.loads(WHOLE["not said"]))

    assert answer.status == 404
    assert answer.error["type"] == "invalid_request_error"


async def test_the_whole_answers_rpc_does_not_stream(stack: Stack) -> None:
    body = httpbody_pb2.HttpBody(data=STREAMS["compact"])
    async with stack.async_channel() as channel:
        client = Client(stack, channel)
        with pytest.raises(grpc.RpcError) as caught:
            await client.chat.CreateUnaryChatCompletion(
                chat_service_pb2.CreateChatCompletionRequest(http_body=body), **client.options
            )

    assert refusal(caught.value).reason == "INVALID_REQUEST"
