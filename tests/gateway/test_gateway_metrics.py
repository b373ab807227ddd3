"""The gateway's port for metrics and readiness, and the queries of `deploy/monitoring` on what both parts show."""

from __future__ import annotations

import http.client
import json
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from arouter_gateway.process import envoy_command
from arouter_gateway.render import GatewaySettings, render
from emulator import Emulator
from support.docs import ROOT
from support.metrics import Scrape, scrape
from support.ports import free_ports, is_listening, refusing_port
from support.process import Process
from support.promql import selectors
from support.rest import Rest
from support.stack import Stack, running
from support.traffic import Traffic, two_providers, wait_observed

MONITORING = ROOT / "deploy/monitoring"
STATS = "/stats/prometheus"
ADMIN = ("/", "/stats", "/config_dump", "/certs", "/clusters", "/server_info", "/logging", "/quitquitquit", "/ready/")
BY_PROMETHEUS = {"job", "instance", "namespace", "pod"}
"""Labels that Prometheus adds."""


class Measured(NamedTuple):
    """A stack with all its ports for metrics."""

    stack: Stack
    port: int
    gateway_port: int


@pytest.fixture(scope="module")
def socket_folder() -> Iterator[Path]:
    """A folder with a short name: a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="arouter-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def measured(provider: Emulator, socket_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    port, gateway_port = free_ports(2)
    environment = {
        "AROUTER_METRICS_PORT": str(port),
        "AROUTER_GATEWAY_METRICS_PORT": str(gateway_port),
        "AROUTER_GATEWAY_ADMIN": str(socket_folder / "up"),
    }
    with running(tmp_path_factory.mktemp("up"), two_providers(provider), environment=environment) as stack:
        yield Measured(stack, port, gateway_port)
    assert not is_listening(port)
    assert not is_listening(gateway_port)


@pytest.fixture(scope="module")
def lonely(socket_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """A gateway whose service is down: its port and that of its metrics."""
    folder = tmp_path_factory.mktemp("lonely")
    port, metrics_port = free_ports(2)
    with refusing_port() as refusing:
        settings = GatewaySettings(
            port=port,
            metrics_port=metrics_port,
            admin_socket=socket_folder / "lonely",
            services=(("127.0.0.1", refusing),),
        )
        process = Process([], {}, folder, command=tuple(envoy_command(render(settings, folder))))
        try:
            process.wait_until(lambda: is_listening(metrics_port), "listening")
            yield port, metrics_port
        finally:
            process.kill()


def dashboard_queries() -> list[tuple[str, str]]:
    """Returns each query of the dashboard, with its panel's title."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$provider", ".*"))
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]


def alerts() -> list[dict[str, Any]]:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text("utf-8"))
    return [rule for group in rules["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def exposed(measured: Measured, provider: Emulator) -> list[Scrape]:
    """What service and gateway show after calls of every kind."""
    before, traffic = scrape(measured.port), Traffic(measured.stack, provider)
    traffic.round(1)
    for model in ("failing/status-429", *3 * ["failing/status-503"]):
        traffic.call(model)
    with measured.stack.rest() as rest:
        rest.chat({"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]})
    measured.stack.process.wait_until(lambda: scrape(measured.port)("arouter_breakers", state="open") > 0, "open")
    provider.forget()
    return [
        wait_observed(measured.stack, measured.port, before, traffic.sent + 1),
        scrape(measured.gateway_port, STATS),
    ]


@pytest.mark.parametrize(("title", "query"), dashboard_queries() + [(each["alert"], each["expr"]) for each in alerts()])
def test_a_query_asks_for_what_is_there(exposed: list[Scrape], title: str, query: str) -> None:
    asked = selectors(query)

    assert asked
    for name, labels, values in asked:
        shown = next((each for each in exposed if any(each.matching(name))), None)
        assert shown is not None, f"{title}: no metric is called {name}"
        assert labels <= shown.labels(name) | BY_PROMETHEUS, f"{title}: {name} has no {labels - shown.labels(name)}"
        for label, value in values.items():
            said = (each.labels.get(label, "") for each in shown.matching(name))
            assert any(re.fullmatch(value, each) for each in said), f"{title}: {name} has no {label} {value}"


def test_every_metric_of_the_service_is_on_a_panel_or_in_an_alert() -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge|histogram) \|", page, re.MULTILINE))
    queries = [query for _, query in dashboard_queries()] + [rule["expr"] for rule in alerts()]
    asked = {re.sub("_(bucket|sum|count)$", "", name) for query in queries for name, _, _ in selectors(query)}

    assert "arouter_database_up" in documented
    assert documented <= asked


def test_what_a_query_asks_for_is_read_from_it() -> None:
    query = 'sum by (a) (rate(one{b="x", c=~"y|z"}[5m])) / on (d) group_left two > 1 or absent(three)'

    assert selectors(query) == [
        ("one", {"a", "b", "c", "d"}, {"b": "x", "c": "y|z"}),
        ("two", {"d"}, {}),
        ("three", set(), {}),
    ]
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        selectors("sum(rate(one[5m])")


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    panels = dashboard["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or (panel["description"] and panel["targets"])
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)
    assert {variable["name"] for variable in dashboard["templating"]["list"]} == {"datasource", "provider"}


def test_every_alert_says_what_to_do() -> None:
    page = (ROOT / "docs/metrics.md").read_text("utf-8")
    names = [rule["alert"] for rule in alerts()]

    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/metrics.md#{rule['alert'].lower()}"
        assert f"\n### {rule['alert']}\n" in page


def test_the_gateway_says_that_it_is_ready_and_how_it_does(measured: Measured, emulator: Emulator) -> None:
    with measured.stack.rest() as rest:
        assert rest.chat({"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}).status == 200
    with Rest(measured.gateway_port) as rest:
        assert rest.get("/ready").body == b"LIVE\n"

    shown = scrape(measured.gateway_port, STATS)

    assert shown("envoy_cluster_membership_healthy", envoy_cluster_name="service") == 1
    assert shown("envoy_http_downstream_rq_xx", envoy_http_conn_manager_prefix="gateway") > 0
    assert measured.stack.key not in shown.text


@pytest.mark.parametrize("path", ADMIN)
def test_nothing_else_of_the_admin_interface_can_be_reached(measured: Measured, path: str) -> None:
    with Rest(measured.gateway_port) as rest:
        for method in ("GET", "POST"):
            assert rest.request(method, path).status == 404
        for tricked in (f"/ready/..{path}", f"{STATS}/../..{path}", f"/{path}"):
            assert rest.get(tricked).status == 404
        assert rest.request("POST", "/ready").status == 404
        assert rest.request("POST", STATS).status == 404
    assert is_listening(measured.gateway_port)


def test_the_admin_interface_is_its_owners(measured: Measured, socket_folder: Path) -> None:
    path = socket_folder / "up"

    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(str(path))
        admin.sendall(b"GET /ready HTTP/1.1\r\nhost: admin\r\n\r\n")
        response = http.client.HTTPResponse(admin)
        response.begin()
        assert response.status == 200


def test_the_gateway_answers_while_the_service_is_down(lonely: tuple[int, int]) -> None:
    port, metrics_port = lonely
    with Rest(port) as rest:
        assert rest.get("/healthz").status == 503
    with Rest(metrics_port) as rest:
        assert rest.get("/ready").status == 200

    shown = scrape(metrics_port, STATS)

    assert shown("envoy_cluster_membership_healthy", envoy_cluster_name="service") == 0
    assert shown("envoy_cluster_membership_total", envoy_cluster_name="service") == 1
