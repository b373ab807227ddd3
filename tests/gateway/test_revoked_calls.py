"""Calls under way end when their key is revoked, disabled or expires, whole or streamed, through both doors."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from emulator import Emulator
from support.management import ACCOUNTS, Manager
from support.rest import Answer, Rest
from support.stack import Stack
from support.typed import Client, chat_request, refusal

PROMISED = 5.0
"""Seconds in which docs/accounts.md promises that a change takes effect."""

Change = Callable[[Manager, dict[str, Any]], object]


def revoke(operator: Manager, key: dict[str, Any]) -> object:
    return operator.delete(key)


def disable(operator: Manager, key: dict[str, Any]) -> object:
    return operator.patch(key, disabled=True)


def expire(operator: Manager, key: dict[str, Any]) -> object:
    soon = datetime.fromtimestamp(time.time() + 1, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return operator.patch(key, expires_at=soon)


def disable_account(operator: Manager, key: dict[str, Any]) -> object:
    return operator.rest.request("PATCH", f"{ACCOUNTS}/{key['account']}", {"disabled": True})


CHANGES = [revoke, disable, expire, disable_account]
changes = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


def made(operator: Manager, change: Change) -> tuple[dict[str, Any], str]:
    """Makes a key of an account of its own."""
    account = f"ends-{change.__name__.replace('_', '-')}-{time.monotonic_ns()}"
    operator.rest.request("POST", ACCOUNTS, {"id": account})
    return operator.create(account=account)


@changes
def test_a_rest_stream_ends_with_an_error_event(
    stack: Stack, operator: Manager, emulator: Emulator, change: Change
) -> None:
    key, secret = made(operator, change)
    body = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with Rest(stack.port, secret) as rest:
        response = rest.open("POST", "/v1/chat/completions", body)
        assert b"data" in response.readline()
        begun = time.monotonic()
        change(operator, key)
        *_, last = response.read().strip().split(b"\n\n")

    error = json.loads(last.removeprefix(b"data: "))["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert time.monotonic() - begun < 10 * PROMISED
    emulator.wait_idle()


@pytest.mark.parametrize("change", [disable, expire], ids=lambda change: change.__name__)
def test_a_whole_answer_ends_with_401(stack: Stack, operator: Manager, emulator: Emulator, change: Change) -> None:
    key, secret = made(operator, change)
    body = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "user": secret[-8:]}

    def ask() -> Answer:
        with Rest(stack.port, secret) as rest:
            return rest.chat(body)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        emulator.call(secret[-8:])
        change(operator, key)
        answer = asked.result()

    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    emulator.wait_idle()


@pytest.mark.parametrize(("change", "stream"), [(revoke, True), (disable_account, False)], ids=["stream", "unary"])
def test_a_typed_call_ends_with_unauthenticated(
    stack: Stack, operator: Manager, emulator: Emulator, change: Change, stream: bool
) -> None:
    key, secret = made(operator, change)
    with stack.channel() as channel, ThreadPoolExecutor(1) as pool:
        client = Client(stack, channel, secret)
        request = chat_request("emu/gated", user=secret[-8:])

        def ask() -> object:
            if stream:
                return list(client.chat.StreamChatCompletion(request, **client.options))
            return client.chat.ChatCompletion(request, **client.options)

        asked = pool.submit(ask)
        emulator.call(secret[-8:])
        change(operator, key)
        with pytest.raises(grpc.RpcError) as caught:
            asked.result()

    assert refusal(caught.value).reason == "INVALID_API_KEY"
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    emulator.wait_idle()


def test_the_calls_of_other_keys_go_on(stack: Stack, operator: Manager, emulator: Emulator) -> None:
    key, secret = made(operator, revoke)
    body = {"model": "emu/gated", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with Rest(stack.port, secret) as ended, stack.rest() as other:
        going_on = other.open("POST", "/v1/chat/completions", body)
        going_on.readline()
        ending = ended.open("POST", "/v1/chat/completions", body)
        ending.readline()
        revoke(operator, key)
        ending.read()
        emulator.release_all()

        assert going_on.read().endswith(b"data: [DONE]\n\n")
