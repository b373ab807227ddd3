"""What differs between two configurations, and who can take it."""

from __future__ import annotations

import pytest
from msgspec import Struct

from arouter.config.load import parse_config
from arouter.config.schema import Config
from arouter.server.changes import changes, gateway_changes, restart_changes

CONNECTIONS, ORIGINS = "server.max_provider_connections", "gateway.cors.allow_origins"
ROW = "{id: x, base_url: 'http://x/v1'"
TLS = "server: {tls: {certificate: a, key: b, client_ca: c}}"


@pytest.mark.parametrize(
    ("old", "new", "paths", "restart", "gateway"),
    [
        ("", "{}", [], [], []),
        ("", f"providers: [{ROW}}}]", ["providers"], [], []),
        ("models: [{id: a/b, endpoints: [x/y]}]", "", ["models"], [], []),
        (
            f"{TLS}\naccounts: {{max_age: 60}}",
            f"{TLS}\naccounts: {{max_age: 90, workloads: [{{spiffe_id: 'spiffe://x/y', account: z}}]}}",
            ["accounts.max_age", "accounts.workloads"],
            ["accounts.workloads"],
            [],
        ),
        (
            "",
            "routing: {breaker: {failures: 1}, max_attempts: 1}",
            ["routing.max_attempts", "routing.breaker.failures"],
            [],
            [],
        ),
        ("routing: {auto: {models: ['a/*']}}", "routing: {auto: {models: ['b/*']}}", ["routing.auto.models"], [], []),
        ("", "server: {drain_grace: 1, keep_alive: 1}", ["server.drain_grace", "server.keep_alive"], [], []),
        (
            "",
            "server: {max_provider_connections: 1}",
            ["server.max_provider_connections"],
            ["server.max_provider_connections"],
            [],
        ),
        (
            "",
            "gateway: {cors: {allow_origins: ['*']}}",
            ["gateway.cors.allow_origins"],
            [],
            ["gateway.cors.allow_origins"],
        ),
        ("", "timeouts: {idle: 1}", ["timeouts.idle"], [], []),
        ("", "timeouts: {total: 1}", ["timeouts.total"], [], ["timeouts.total"]),
        ("", f"providers: [{ROW}, timeouts: {{total: 5}}}}]", ["providers"], [], []),
        ("", f"providers: [{ROW}, timeouts: {{total: 5000}}}}]", ["providers"], [], ["timeouts.total"]),
    ],
)
def test_each_difference_has_its_taker(
    old: str, new: str, paths: list[str], restart: list[str], gateway: list[str]
) -> None:
    before, after = parse_config(old, {}), parse_config(new, {})

    assert changes(before, after) == paths
    assert restart_changes(before, after) == restart
    assert gateway_changes(before, after) == gateway


def test_a_part_that_nobody_has_thought_of_needs_a_restart() -> None:
    class Newer(Config, frozen=True):
        news: int = 0

    assert restart_changes(Newer(), Newer(news=1)) == ["news"]


def test_every_live_field_is_there() -> None:
    """A field that is renamed is not forgotten in the list."""
    from arouter.server.changes import _GATEWAY, _LIVE

    for path in (*_LIVE, *_GATEWAY):
        part: object = Config()
        for name in path.split("."):
            assert isinstance(part, Struct)
            part = getattr(part, name)
