"""A service that the network loses: nothing comes back, not even a refusal."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from emulator import Emulator
from support import wire
from support.cluster import Gateway, Service, status
from support.rest import Answer, Rest
from support.stack import CLIENT_KEY, PROVIDER_KEY

pytestmark = pytest.mark.skipif(not wire.possible, reason="needs root and iproute2 for a network namespace")

STATED = 15.0
"""Seconds in which, says docs/operation.md, a call fails that the network has swallowed."""


class Far(NamedTuple):
    """A gateway here, a service there."""

    wire: wire.Wire
    provider: Emulator
    gateway: Gateway

    def ask(self, model: str = "emu/text") -> Answer:
        """Sends a chat request; fails if the answer takes longer than is stated."""
        with Rest(self.gateway.port, CLIENT_KEY, timeout=STATED) as rest:
            return rest.chat({"model": model, "messages": [{"role": "user", "content": "hi"}]})


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    folder = tmp_path_factory.mktemp("far")
    with ExitStack() as parts:
        line = parts.enter_context(wire.laid())
        provider = parts.enter_context(Emulator(host=line.here))
        row = {"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": ["text", "gated"]}
        config: dict[str, Any] = {"providers": [row]}
        service = Service(folder / "service", config, {}, line)
        gateway = Gateway(folder / "gateway", config, [service.address])
        for part in (service, gateway):
            parts.callback(part.end)
            part.start()
        yield Far(line, provider, gateway)


def test_calls_fail_with_503_and_succeed_once_it_is_back(far: Far) -> None:
    assert far.ask().status == 200
    waiting: list[Answer] = []
    asker = threading.Thread(target=lambda: waiting.append(far.ask("emu/gated")))
    asker.start()
    far.provider.wait_for(lambda: far.provider.open_calls == 1)

    far.wire.cut()
    swallowed = far.ask()
    asker.join()
    far.gateway.process.wait_until(lambda: status(far.gateway.port, "/healthz") == 503, "aware of it")
    refused = far.ask()
    far.wire.mend()
    far.gateway.process.wait_until(lambda: status(far.gateway.port, "/healthz") == 200, "connected again")

    for answer in (swallowed, *waiting, refused):
        assert answer.status == 503
        assert answer.json["error"] == {
            "message": "The service is unavailable at the moment. Try again shortly.",
            "type": "server_error",
            "param": None,
            "code": "unavailable",
        }
    assert len(waiting) == 1
    assert far.ask().status == 200
    far.provider.release_all()
    far.provider.wait_idle()
