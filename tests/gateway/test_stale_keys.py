"""A service that is cut off from its database, beside one that is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emulator import Emulator
from support.cluster import Gateway, Service, status
from support.metrics import scrape
from support.ports import free_ports
from support.postgres import Postgres
from support.relay import Relay, relaying
from support.rest import Rest
from support.stack import CLIENT_KEY, GRPC_OPTIONS, started

CHAT = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Pair(NamedTuple):
    """Two services behind a gateway. The first reaches the database through the relay."""

    cut: Service
    other: Service
    gateway: Gateway
    relay: Relay
    metrics_port: int

    def wait(self, status: int) -> None:
        self.cut.process.wait_until(lambda: health(self.cut) == status, f"health {status}")

    def answered(self, calls: int) -> set[int]:
        """Returns the statuses of calls through the gateway."""
        with Rest(self.gateway.port, CLIENT_KEY) as rest:
            return {rest.chat(CHAT).status for _ in range(calls)}


def health(service: Service, name: str = "") -> int:
    with grpc.insecure_channel(service.address, options=GRPC_OPTIONS) as channel:
        request = health_pb2.HealthCheckRequest(service=name)
        return int(health_pb2_grpc.HealthStub(channel).Check(request, timeout=10).status)


@pytest.fixture
def pair(config: dict[str, Any], emulator: Emulator, postgres: Postgres, tmp_path: Path) -> Iterator[Pair]:
    url = postgres.new_database()
    [metrics_port] = free_ports(1)
    own = {**config, "accounts": {"max_age": 3}}
    with ExitStack() as parts:
        with started(tmp_path / "migrate", None, ("migrate",), {"AROUTER_DATABASE_URL": url}) as migration:
            assert migration.wait() == 0, migration.log
        relay = parts.enter_context(relaying(postgres.port))
        through = url.replace(f":{postgres.port}/", f":{relay.port}/")
        variables = {"AROUTER_DATABASE_URL": through, "AROUTER_METRICS_PORT": str(metrics_port)}
        cut = Service(tmp_path / "cut", own, variables)
        other = Service(tmp_path / "other", own, {"AROUTER_DATABASE_URL": url})
        gateway = Gateway(tmp_path / "gateway", own, [cut.address, other.address])
        for part in (cut, other, gateway):
            parts.callback(part.end)
            part.start()
        yield Pair(cut, other, gateway, relay, metrics_port)


def test_a_service_with_old_keys_is_not_serving_and_the_gateway_calls_the_other(pair: Pair) -> None:
    """No call fails: what the first one refuses, until the gateway knows, is sent to the other."""
    pair.relay.cut()
    while health(pair.cut) == SERVING:
        assert pair.answered(5) == {200}

    assert health(pair.cut, "arouter.v1.ChatService") == NOT_SERVING
    assert health(pair.cut, "liveness") == SERVING
    assert health(pair.other) == SERVING
    shown = scrape(pair.metrics_port)
    assert shown("arouter_database_up") == 0
    assert shown("arouter_keys_age_seconds") > 1
    assert pair.answered(50) == {200}
    assert status(pair.gateway.port, "/healthz") == 200

    pair.relay.mend()
    pair.wait(SERVING)
    pair.cut.process.wait_until(lambda: scrape(pair.metrics_port)("arouter_database_up") == 1, "up")
    assert scrape(pair.metrics_port)("arouter_keys_age_seconds") < 60
    pair.other.stop()
    pair.gateway.process.wait_until(lambda: pair.answered(1) == {200}, "back at the first")

    pair.relay.cut()
    pair.gateway.process.wait_until(lambda: status(pair.gateway.port, "/healthz") == 503, "no service knows the keys")
    pair.relay.mend()
    pair.gateway.process.wait_until(lambda: pair.answered(5) == {200}, "back again")
    pair.gateway.process.wait_until(lambda: status(pair.gateway.port, "/healthz") == 200, "healthy")
