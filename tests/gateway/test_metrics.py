"""What one process counts is what the emulator saw; and all that it shows is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from emulator import Emulator
from support.docs import ROOT
from support.keys import add_key
from support.metrics import Scrape, scrape
from support.ports import free_ports
from support.rest import Rest
from support.stack import MANAGEMENT_KEY, PROVIDER_KEY, Stack, running
from support.traffic import Traffic, assert_counted, two_providers, wait_observed

CLIENTS_WORDS = "words-of-a-client"
GIVEN_BY_US = {
    "gen_ai_operation_name": {"chat"},
    "gen_ai_token_type": {"input", "output"},
    "stream": {"true", "false"},
    "state": {"open", "closed", "limited"},
    "limit": {"minute", "day", "tokens", "spending", "unavailable"},
    "process": {"service"},
}

_ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def measured(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, int]]:
    (port,) = free_ports(1)
    environment = {"AROUTER_METRICS_PORT": str(port)}
    with running(tmp_path_factory.mktemp("measured"), two_providers(provider), ("serve",), environment) as stack:
        yield stack, port


def test_what_is_counted_is_what_happened(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    before, traffic = scrape(port), Traffic(stack, emulator)

    traffic.round(3)

    assert_counted(stack, port, before, traffic, emulator)


def test_what_is_under_way_is_shown(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    traffic = Traffic(stack, emulator)

    with traffic.under_way("emu/gated", stream=True, user="one"), traffic.under_way("emu/hang", user="two"):
        stack.process.wait_until(
            lambda: scrape(port)("arouter_requests_in_flight") == scrape(port)("arouter_provider_calls_open") == 2,
            "two calls are shown",
        )

    stack.process.wait_until(lambda: scrape(port)("arouter_requests_in_flight") == 0, "their end is shown")


def test_a_breaker_that_opens_is_shown(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    traffic = Traffic(stack, emulator)

    for _ in range(3):
        traffic.call("failing/status-503")
    stack.process.wait_until(lambda: scrape(port)("arouter_breakers", provider="failing", state="open") == 1, "open")
    shown = scrape(port)

    assert shown("arouter_breakers", provider="failing", model="status-503") == 1
    assert shown("arouter_provider_up", provider="failing") == 0
    assert shown("arouter_provider_up", provider="other") == 1


def test_limits_are_counted_by_which(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    key = add_key(stack.folder / "state", requests_per_minute=1)
    traffic = Traffic(stack, emulator, key)
    before = scrape(port)("arouter_limit_denials_total", limit="minute")
    stack.process.wait_until(lambda: traffic.call("emu/text").name != "UNAUTHENTICATED", "the key is known")

    # A minute may end between two calls, but not between all of them.
    denied = [traffic.call("emu/text").name for _ in range(3)].count("RESOURCE_EXHAUSTED")

    assert denied > 0
    stack.process.wait_until(
        lambda: scrape(port)("arouter_limit_denials_total", limit="minute") - before >= denied, "the denials"
    )


def test_the_catalogue_and_the_usage_queue_are_shown(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    Traffic(stack, emulator).call("emu/text")

    stack.process.wait_until(lambda: scrape(port)("arouter_usage_records_written_total") > 0, "a record is written")
    shown = scrape(port)

    assert shown("arouter_usage_records_lost_total") == 0
    assert shown("arouter_catalogue_models", provider="emu") == len(emulator.models)
    assert shown("arouter_catalogue_models", provider="failing") == 2
    assert shown("arouter_catalogue_synced_timestamp_seconds", provider="emu") > 1.6e9
    assert not list(shown.matching("arouter_catalogue_synced_timestamp_seconds", provider="failing"))


def test_no_label_holds_what_a_client_wrote(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    before, traffic = scrape(port), Traffic(stack, emulator)

    traffic.call(f"emu/{CLIENTS_WORDS}")
    traffic.call(CLIENTS_WORDS)
    traffic.call("emu/text", user=CLIENTS_WORDS, metadata={"key": CLIENTS_WORDS}, models=[f"emu/{CLIENTS_WORDS}"])
    shown = wait_observed(stack, port, before, traffic.sent)

    for secret in (CLIENTS_WORDS, stack.key, MANAGEMENT_KEY, PROVIDER_KEY):
        assert secret not in shown.text
    known = GIVEN_BY_US | {
        "gen_ai_provider_name": {"emu", "other", "failing", ""},
        "provider": {"emu", "other", "failing"},
        "gen_ai_request_model": {*emulator.models, ""},
        "model": set(emulator.models),
    }
    for name, values in known.items():
        assert {each.labels[name] for each in shown.series if name in each.labels} <= values


def test_only_metrics_are_served(measured: tuple[Stack, int]) -> None:
    _, port = measured
    with Rest(port) as rest:
        assert [rest.get(path).status for path in ("/", "/metrics/", "/healthz", "/v1/models")] == [404] * 4
        assert rest.request("POST", "/metrics").status == 404


def test_every_metric_is_documented_and_nothing_else(measured: tuple[Stack, int], emulator: Emulator) -> None:
    stack, port = measured
    before, traffic = scrape(port), Traffic(stack, emulator)
    traffic.round(1)
    stack.process.wait_until(lambda: scrape(port)("arouter_breakers") > 0, "breakers")
    shown = wait_observed(stack, port, before, traffic.sent)

    rows = _ROW.findall((ROOT / "docs/metrics.md").read_text("utf-8"))
    documented: dict[str, tuple[str, Any]] = {
        name: (type_, set(re.findall(r"`(\w+)`", labels))) for name, type_, labels in rows
    }

    assert documented == {name: (type_, _labels(shown, name, type_)) for name, type_ in shown.types.items()}


def _labels(shown: Scrape, name: str, type_: str) -> set[str]:
    return shown.labels(f"{name}_count" if type_ == "histogram" else name)
