"""Calls of every kind, and what the emulator saw of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import grpc
from google.api import httpbody_pb2

from arouter.v1 import chat_service_pb2
from emulator import Call, Emulator
from emulator.answers import USAGE
from judges.openai_answers import stream_faults
from support.metrics import Scrape, scrape
from support.rest import events
from support.stack import PROVIDER_KEY, Stack
from support.typed import TIMEOUT, Client

COUNTED = 10.0
"""Seconds in which what has happened is counted."""


_REQUESTS = "gen_ai_server_request_duration_seconds_count"
_ANSWERS = ("text", "tools")
_LEFT = ("gated", "hang")


def two_providers(emulator: Emulator) -> dict[str, Any]:
    """Returns a configuration: `emu` and `other`, which are both the emulator, and `failing`, which fails."""
    row = {"base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
    failing = {"id": "failing", **row, "models": ["status-503", "status-429"]}
    return {"providers": [{"id": "emu", **row}, {"id": "other", **row, "models": ["text"]}, failing]}


def assert_counted(stack: Stack, port: int, before: Scrape, traffic: Traffic, emulator: Emulator) -> None:
    """Waits until what was counted since `before` is what was sent and what the emulator saw."""
    expected = _happened(traffic, emulator.calls)
    with suppress(AssertionError):
        stack.process.wait_until(lambda: _counted(before, scrape(port)) == expected, "all is counted", COUNTED)
    counted = _counted(before, scrape(port))
    assert counted == expected, {name: (counted[name], expected[name]) for name in expected}


def wait_observed(stack: Stack, port: int, before: Scrape, calls: int) -> Scrape:
    """Waits until the histograms, which are updated once a second, have the calls since `before`; returns them."""
    stack.process.wait_until(lambda: scrape(port)(_REQUESTS) - before(_REQUESTS) >= calls, "all is observed", COUNTED)
    return scrape(port)


def _happened(traffic: Traffic, calls: list[Call]) -> dict[str, int]:
    answers = [call for call in calls if call.model in _ANSWERS and (call.wants_usage or not call.wants_stream)]
    return {
        "requests": traffic.sent,
        "ok": sum(call.model in _ANSWERS for call in calls),
        "refused": traffic.refused,
        "first tokens": sum(call.model in _ANSWERS and call.wants_stream for call in calls),
        "input tokens": USAGE.prompt_tokens * len(answers),
        "output tokens": USAGE.completion_tokens * len(answers),
        "attempts": len(calls),
        "attempts of other": sum(call.model == "text" and "stands in" in call.json.get("user", "") for call in calls),
        "fallbacks": sum(call.model == "status-500" for call in calls),
        "refused by the provider": sum(call.model == "status-400" for call in calls),
        "cancellations": sum(call.model in _LEFT and call.disconnected.is_set() for call in calls),
        "overheads": traffic.sent - traffic.refused,
    }


def _counted(before: Scrape, after: Scrape) -> dict[str, float]:
    def grown(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    return {
        "requests": grown(_REQUESTS),
        "ok": grown(_REQUESTS, error_type=""),
        "refused": grown(_REQUESTS, gen_ai_provider_name=""),
        "first tokens": grown("gen_ai_server_time_to_first_token_seconds_count"),
        "input tokens": grown("gen_ai_client_token_usage_sum", gen_ai_token_type="input"),
        "output tokens": grown("gen_ai_client_token_usage_sum", gen_ai_token_type="output"),
        "attempts": grown("arouter_attempts_total"),
        "attempts of other": grown("arouter_attempts_total", provider="other", result="ok"),
        "fallbacks": grown("arouter_fallbacks_total", provider="emu", reason="provider_error"),
        "refused by the provider": grown("arouter_attempts_total", provider="emu", result="invalid_request"),
        "cancellations": grown("arouter_client_cancellations_total"),
        "overheads": grown("arouter_overhead_seconds_count"),
    }


class Traffic:
    """Sends calls, each on a connection of its own: where several workers share a port, they share the calls.

    Attributes:
        sent: Calls that have ended.
        refused: Of those, the ones for which no provider was asked.
    """

    def __init__(self, stack: Stack, emulator: Emulator, key: str | None = None) -> None:
        self._stack = stack
        self._key = key
        self._emulator = emulator
        self.sent = self.refused = 0

    def round(self, number: int) -> None:
        """Sends one call of each kind, `number` times."""
        for _ in range(number):
            self.call("emu/text")
            self.call("emu/text", stream=True)
            self.call("emu/tools", stream=True)
            self.call("emu/status-500", models=["other/text"], user="stands in")
            self.call("emu/status-500", models=["other/text"], user="stands in", stream=True)
            self.call("emu/status-400")
            self.call("emu/error-midstream", stream=True)
            self.call("emu/no such model")
            self.refused += 1
            self.leave("emu/gated", stream=True)
            self.leave("emu/hang", stream=False)

    def call(self, model: str, **fields: Any) -> grpc.StatusCode:
        """Makes a call to its end and returns how it ended."""
        with self._opened(model, fields) as answer:
            received = b""
            try:
                for response in answer:
                    received += response.data
            except grpc.RpcError:
                pass
            self.sent += 1
            faults = stream_faults(list(events(received))) if fields.get("stream") and received else []
            assert faults == [], (faults, received)
            return answer.code()

    def leave(self, model: str, **fields: Any) -> None:
        """Goes away in the middle of a call."""
        user = f"leaves-{self.sent}"
        with self.under_way(model, user=user, **fields) as call:
            pass
        assert call.disconnected.wait(TIMEOUT)

    @contextmanager
    def under_way(self, model: str, *, user: str, **fields: Any) -> Iterator[Call]:
        """Makes a call and yields it as the emulator has it; leaves it in the end."""
        with self._opened(model, {"user": user, **fields}) as answer:
            call = self._emulator.call(user)
            if fields.get("stream"):
                next(answer)
            yield call
            answer.cancel()
        self.sent += 1

    @contextmanager
    def _opened(self, model: str, fields: dict[str, Any]) -> Iterator[Any]:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
        request = chat_service_pb2.CreateChatCompletionRequest(
            http_body=httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(body).encode())
        )
        with ExitStack() as parts:
            client = Client(self._stack, parts.enter_context(self._stack.channel()), self._key)
            yield client.chat.CreateChatCompletion(request, **client.options)
