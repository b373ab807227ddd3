"""Limits of keys, through the gateway: what clients are let do, and what they are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import openai
import pytest
from openai import OpenAI

from emulator import Emulator
from support.keys import add_key
from support.rest import Rest
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request, refusal

MESSAGES: Any = [{"role": "user", "content": "hi"}]
CHAT = {"model": "emu/text", "messages": MESSAGES}
LIMIT = 30.0
POLL = 0.05

MakeKey = Callable[..., str]


@pytest.fixture(scope="module")
def limited(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose models cost something."""
    prices = {"prompt": 1, "completion": 10}
    priced = [{"name": name, "prices": prices} for name in ("text", "drip", "status-500", "error-midstream")]
    row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["*", *priced]}
    with running(tmp_path_factory.mktemp("limited"), {"providers": [row]}) as stack:
        yield stack


@pytest.fixture
def make_key(limited: Stack, emulator: Emulator) -> MakeKey:
    """Makes keys, and returns their secrets once they are known."""

    def make(**columns: Any) -> str:
        secret = add_key(limited.folder / "state", **columns)
        with Rest(limited.port, secret) as rest:
            wait_until(lambda: rest.get("/v1/models").status == 200, "the key is known")
        return secret

    return make


@pytest.fixture
def connect(limited: Stack) -> Iterator[Callable[[str], OpenAI]]:
    with ExitStack() as clients:
        yield lambda key: clients.enter_context(OpenAI(base_url=limited.base_url, api_key=key, max_retries=0))


def wait_until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not ready():
        assert time.monotonic() < deadline, f"not yet: {what}"
        time.sleep(POLL)  # Between questions to another process, which has no way to tell us.


def test_headers_tell_what_is_left(make_key: MakeKey, connect: Callable[[str], OpenAI]) -> None:
    client = connect(make_key(requests_per_minute=5, requests_per_day=100, tokens_per_minute=1_000_000))

    before = time.time()
    for stream in (False, True):
        answer = client.chat.completions.with_raw_response.create(model="emu/text", messages=MESSAGES, stream=stream)
        answer.parse()
    headers = answer.headers

    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("5", "3")
    assert before < int(headers["x-ratelimit-reset"]) <= time.time() + 61
    assert (headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]) == ("5", "3")
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    assert headers["x-ratelimit-limit-tokens"] == "1000000"
    assert 0 < int(headers["x-ratelimit-remaining-tokens"]) < 1_000_000
    assert headers["x-ratelimit-reset-tokens"].endswith("s")
    assert headers["x-arouter-provider"] == "emu"


def test_a_key_without_limits_is_told_nothing(limited: Stack, emulator: Emulator) -> None:
    with limited.rest() as rest:
        answer = rest.chat(CHAT)

    assert answer.status == 200
    assert [name for name in answer.headers if name.startswith("x-ratelimit")] == []


@pytest.mark.parametrize("stream", [False, True])
def test_too_many_requests(make_key: MakeKey, connect: Callable[[str], OpenAI], stream: bool) -> None:
    client = connect(make_key(requests_per_minute=2))
    for _ in range(2):
        client.chat.completions.with_raw_response.create(model="emu/text", messages=MESSAGES).parse()

    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="emu/text", messages=MESSAGES, stream=stream)

    headers = caught.value.response.headers
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert "limit of 2 requests per minute" in str(caught.value)
    assert 1 <= int(headers["retry-after"]) <= 60
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("2", "0")
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert [name for name in headers if name.startswith(("grpc", "x-arouter"))] == []


def test_the_money_is_spent(make_key: MakeKey, connect: Callable[[str], OpenAI], limited: Stack) -> None:
    key = make_key(limit_nanos=1, limit_reset="weekly")
    connect(key).chat.completions.create(model="emu/text", messages=MESSAGES)

    with pytest.raises(openai.APIStatusError) as caught:
        connect(key).chat.completions.create(model="emu/text", messages=MESSAGES)

    assert caught.value.status_code == 402
    assert (caught.value.code, caught.value.type) == ("spending_limit_reached", "payment_required")
    assert "retry-after" not in caught.value.response.headers
    # 11 tokens at 1 USD for a million, and 7 at 10.
    with Rest(limited.port, key) as rest:
        wait_until(lambda: "$0.000081 are spent. It resets at " in rest.chat(CHAT).error["message"], "it is settled")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["emu/status-500", "emu/error-midstream"])
def test_what_a_provider_fails_at_is_free(make_key: MakeKey, limited: Stack, model: str, stream: bool) -> None:
    with Rest(limited.port, make_key(limit_nanos=1)) as rest:
        failed = rest.chat({**CHAT, "model": model, "stream": stream})
        assert b'"error"' in failed.body

        wait_until(lambda: rest.chat(CHAT).status == 200, "the reservation is given back")


def test_a_client_that_goes_pays_for_what_it_got(make_key: MakeKey, limited: Stack, emulator: Emulator) -> None:
    key = make_key(limit_nanos=1)
    with Rest(limited.port, key) as leaving:
        leaving.open("POST", "/v1/chat/completions", {**CHAT, "model": "emu/drip", "stream": True}).read(200)
        leaving.vanish()

    def is_paid() -> bool:
        message = rest.chat(CHAT).error["message"]
        return "reserved" not in message and "$0.00 are spent" not in message

    with Rest(limited.port, key) as rest:
        wait_until(is_paid, "it is settled")


@pytest.mark.parametrize("through_envoy", [False, True])
def test_grpc_clients_are_told_the_same(make_key: MakeKey, limited: Stack, through_envoy: bool) -> None:
    metadata = (("authorization", f"Bearer {make_key(requests_per_day=1)}"),)
    with limited.channel(limited.port if through_envoy else None) as channel:
        chat = Client(limited, channel).chat
        _, call = chat.ChatCompletion.with_call(chat_request(), metadata=metadata, timeout=LIMIT)
        with pytest.raises(grpc.RpcError) as caught:
            chat.ChatCompletion(chat_request(), metadata=metadata, timeout=LIMIT)

    assert dict(call.trailing_metadata())["x-ratelimit-remaining"] == "0"
    refused: Any = caught.value
    assert refusal(refused).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refusal(refused).reason == "RATE_LIMITED"
    assert refusal(refused).retry_after is not None
    assert dict(refused.trailing_metadata())["x-ratelimit-limit"] == "1"
