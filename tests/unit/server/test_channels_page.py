"""The values in `docs/channels.md` are those of the code, and its service config retries only what reads."""

from __future__ import annotations

import pytest
import yaml
from google.api.annotations_pb2 import http
from google.protobuf.descriptor_pool import Default

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.rpc.interceptors.receiving import _LAST_TICK, TICK
from arouter.rpc.status import _MAX_PUSHBACK
from arouter.server.gateway_settings import gateway_settings
from arouter.server.grpc_options import server_options
from arouter.server.grpc_server import SERVICES
from arouter_gateway.render import render_text
from support.docs import ROOT
from support.service_config import SERVICE_CONFIG

CONFIG = parse_config("", {})
OPTIONS = dict(server_options(CONFIG, share_port=False))
SETTINGS = gateway_settings(CONFIG, read_environment({}))
ENVOY = yaml.safe_load(render_text(SETTINGS, ROOT))
MANAGER = ENVOY["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1]["typed_config"]


def seconds(name: str) -> str:
    return f"{OPTIONS[name] / 1000:g} s"


def kib(size: int) -> str:
    return f"{size / 1024:g} KiB"


REQUEST = kib(OPTIONS["grpc.max_receive_message_length"])
VALUES = {
    "pings to the client": (f"after {seconds('grpc.keepalive_time_ms')}", "none"),
    "a connection without calls": ("stays open", f"{SETTINGS.idle_timeout:g} s"),
    "a call without data": ("stays open", f"{SETTINGS.stream_idle_timeout:g} s"),
    "age of a connection": (f"{seconds('grpc.max_connection_age_ms')} ± 10 %", "unlimited"),
    "grace for its open calls": (seconds("grpc.max_connection_age_grace_ms"), ""),
    "open calls of a connection": (
        f"{OPTIONS['grpc.max_concurrent_streams']}",
        f"{MANAGER['http2_protocol_options']['max_concurrent_streams']}",
    ),
    "metadata of a request": (
        kib(OPTIONS["grpc.absolute_max_metadata_size"]),
        f"{MANAGER['max_request_headers_kb']} KiB",
    ),
    "a request, uncompressed": (REQUEST, REQUEST),
    "a request whose message does not arrive": (f"{_LAST_TICK * TICK:g} s",) * 2,
    "wait before a retry, `grpc-retry-pushback-ms`": (f"at most {_MAX_PUSHBACK:g} s",) * 2,
}


def rows() -> dict[str, tuple[str, ...]]:
    """Returns the cells of each row of the page's tables, by the first."""
    lines = (ROOT / "docs/channels.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {first: tuple(others) for first, *others in cells}


@pytest.mark.parametrize("behaviour", VALUES)
def test_a_value_is_that_of_the_code(behaviour: str) -> None:
    assert rows()[behaviour][:2] == VALUES[behaviour]


def test_pings_may_come_once_per_second() -> None:
    assert rows()["pings of the client, with and without calls"][0] == "at most one per second"
    assert OPTIONS["grpc.http2.min_ping_interval_without_data_ms"] == 1000


def test_an_unanswered_ping_ends_the_connection() -> None:
    limit = seconds("grpc.keepalive_timeout_ms")
    assert rows()["pings to the client"][3] == f"no acknowledgement within {limit}: the connection ends"


def test_only_what_reads_is_retried() -> None:
    pool = Default()
    [method_config] = SERVICE_CONFIG["methodConfig"]
    services = [pool.FindServiceByName(name["service"]) for name in method_config["name"]]
    methods = [method for service in services for method in service.methods]

    others = {each.full_name for each in methods if each.GetOptions().Extensions[http].WhichOneof("pattern") != "get"}
    assert others == {"arouter.v1.RoutingService.ExplainRoute", "arouter.v1.ModelService.WatchModels"}


def test_the_health_that_it_checks_is_known() -> None:
    assert SERVICE_CONFIG["healthCheckConfig"]["serviceName"] in SERVICES
