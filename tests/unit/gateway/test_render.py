from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from arouter_gateway.documents import DOCUMENTS
from arouter_gateway.render import GatewaySettings, render, render_text
from arouter_gateway.tls import GatewayTls, ServiceTls

SETTINGS = GatewaySettings()
RUN_DIR = Path("/run/gateway")
TLS = GatewayTls(Path("/tls/tls.crt"), Path("/tls/tls.key"), Path("/tls/ca.crt"))
SERVICE_TLS = ServiceTls(Path("/svc/ca.crt"), "arouter.default.svc", Path("/svc/tls.crt"), Path("/svc/tls.key"))


def rendered(**changes: Any) -> Any:
    return yaml.safe_load(render_text(dataclasses.replace(SETTINGS, **changes), RUN_DIR))


def connection_manager(config: Any) -> Any:
    return config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][-1]["typed_config"]


def http_filter(config: Any, name: str) -> Any:
    return next(x["typed_config"] for x in connection_manager(config)["http_filters"] if x["name"] == name)


def named(resources: Any, name: str) -> Any:
    return next(each for each in resources if each["name"] == name)


def addresses(cluster: Any) -> list[Any]:
    endpoints = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    return [each["endpoint"]["address"]["socket_address"] for each in endpoints]


def test_every_placeholder_is_filled() -> None:
    assert "${" not in render_text(SETTINGS, RUN_DIR)


def test_settings_arrive_where_they_belong() -> None:
    config = rendered(
        listen_address="0.0.0.0",
        port=81,
        services=(("127.0.0.2", 82), ("127.0.0.3", 83)),
        max_request_bytes=83,
        max_connections=84,
        max_heap_bytes=85,
        stream_idle_timeout=1.5,
        cors_allow_origins=("https://a.example", "*"),
    )

    address = config["static_resources"]["listeners"][0]["address"]["socket_address"]
    cluster = config["static_resources"]["clusters"][0]
    connections, heap = (x["typed_config"] for x in config["overload_manager"]["resource_monitors"])
    cors = connection_manager(config)["route_config"]["virtual_hosts"][0]["typed_per_filter_config"]["cors"]
    assert address == {"address": "0.0.0.0", "port_value": 81}
    assert addresses(cluster) == [
        {"address": "127.0.0.2", "port_value": 82},
        {"address": "127.0.0.3", "port_value": 83},
    ]
    assert http_filter(config, "transcoder")["max_request_body_size"] == 83
    assert connections["max_active_downstream_connections"] == 84
    assert heap["max_heap_size_bytes"] == 85
    assert connection_manager(config)["stream_idle_timeout"] == "1.500s"
    assert cors["allow_origin_string_match"] == [{"exact": "https://a.example"}, {"exact": "*"}]


def test_admin_is_off_unless_asked_for_and_then_its_owners_alone() -> None:
    assert rendered()["admin"] is None
    assert [each["name"] for each in rendered()["static_resources"]["listeners"]] == ["gateway", "documents"]
    assert rendered(admin_socket=Path("/run/a.sock"))["admin"]["address"]["pipe"] == {
        "path": "/run/a.sock",
        "mode": 0o600,
    }


def test_metrics_have_a_port_of_their_own() -> None:
    config = rendered(admin_socket=Path("/run/a.sock"), metrics_port=9902, listen_address="0.0.0.0")

    listener = named(config["static_resources"]["listeners"], "metrics")
    cluster = named(config["static_resources"]["clusters"], "admin")
    assert listener["address"]["socket_address"] == {"address": "0.0.0.0", "port_value": 9902}
    assert cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {
        "pipe": {"path": "/run/a.sock"}
    }


def transport_socket(place: Any) -> Any:
    return place["transport_socket"]["typed_config"]


def test_there_is_no_tls_unless_asked_for() -> None:
    assert "transport_socket" not in render_text(SETTINGS, RUN_DIR)


def test_clients_get_tls() -> None:
    listener = named(rendered(tls=TLS)["static_resources"]["listeners"], "gateway")
    socket = transport_socket(listener["filter_chains"][0])
    common = socket["common_tls_context"]

    assert socket["require_client_certificate"] is True
    assert common["alpn_protocols"] == ["h2", "http/1.1"]
    for secret, name in (
        (common["tls_certificate_sds_secret_configs"][0], "gateway_certificate"),
        (common["validation_context_sds_secret_config"], "gateway_client_ca"),
    ):
        assert secret["name"] == name
        assert secret["sds_config"]["path_config_source"] == {"path": f"/run/gateway/{name}.json"}


def test_clients_need_no_certificate_without_a_ca() -> None:
    config = rendered(tls=dataclasses.replace(TLS, client_ca=None))
    listener = named(config["static_resources"]["listeners"], "gateway")
    socket = transport_socket(listener["filter_chains"][0])

    assert socket["require_client_certificate"] is False
    assert socket["common_tls_context"]["validation_context_sds_secret_config"] is None


@pytest.mark.parametrize(
    ("name", "sni", "kind"),
    [
        ("arouter.default.svc", "arouter.default.svc", "DNS"),
        ("10.0.0.1", None, "IP_ADDRESS"),
        ("::1", None, "IP_ADDRESS"),
        ("spiffe://example.org/ns/arouter/sa/service", None, "URI"),
    ],
)
def test_the_service_is_known_by_its_name(name: str, sni: str | None, kind: str) -> None:
    config = rendered(service_tls=dataclasses.replace(SERVICE_TLS, server_name=name))
    cluster = named(config["static_resources"]["clusters"], "service")
    socket = transport_socket(cluster)
    validation = socket["common_tls_context"]["combined_validation_context"]

    assert socket["sni"] == sni
    assert validation["default_validation_context"] == {
        "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": name}}]
    }


@pytest.mark.parametrize(
    ("host", "kind"), [("127.0.0.1", "STATIC"), ("::1", "STATIC"), ("arouter.default.svc", "STRICT_DNS")]
)
def test_only_a_name_is_resolved(host: str, kind: str) -> None:
    assert rendered(services=((host, 1),))["static_resources"]["clusters"][0]["type"] == kind


def test_the_transcoder_knows_each_service_of_the_descriptor() -> None:
    services = http_filter(rendered(), "transcoder")["services"]

    assert {"arouter.v1.ChatService", "arouter.v1.ModelService"} <= set(services)


@pytest.mark.parametrize(
    "changes",
    [
        {"listen_address": "localhost"},
        {"listen_address": '127.0.0.1", evil: "'},
        {"port": 0},
        {"port": 65536},
        {"port": "8080}, evil: {"},
        {"port": True},
        {"port": None},
        {"metrics_port": -1},
        {"metrics_port": 9902},  # of an admin interface that is not there
        {"admin_socket": Path("/tmp") / ("a" * 103)},
        {"services": (("", 1),)},
        {"services": (("a b", 1),)},
        {"services": (("host\nadmin: {}", 1),)},
        {"services": (("host}}, evil: {{", 1),)},
        {"services": (("host", 0),)},
        {"services": ()},
        {"max_request_bytes": 0},
        {"max_request_bytes": 2**32},
        {"max_connections": 0},
        {"max_heap_bytes": 1.5},
        {"stream_idle_timeout": 0.0},
        {"stream_idle_timeout": float("nan")},
        {"stream_idle_timeout": float("inf")},
        {"cors_allow_origins": ("app.example.com",)},
        {"cors_allow_origins": ("https://app.example.com/",)},
        {"cors_allow_origins": ("https://app.example.com/path",)},
        {"cors_allow_origins": ("HTTPS://App.example.com",)},
        {"cors_allow_origins": ("null",)},
        {"cors_allow_origins": ('https://a"}, {"prefix": "',)},
        {"cors_allow_origins": ("https://a.example\n",)},
    ],
)
def test_what_cannot_be_used_is_refused_by_name(changes: dict[str, Any]) -> None:
    (name,) = changes

    with pytest.raises(ValueError, match=rf"^{name}: "):
        dataclasses.replace(SETTINGS, **changes)


def test_a_value_cannot_leave_its_place() -> None:
    evil = '", x: y}\n# ${port} $$ %PATH% \u2028'
    settings = dataclasses.replace(SETTINGS)
    object.__setattr__(settings, "services", ((evil, 50051),))  # past the checks, which would refuse it

    config = yaml.safe_load(render_text(settings, RUN_DIR))

    assert addresses(config["static_resources"]["clusters"][0]) == [{"address": evil, "port_value": 50051}]


def test_one_file_and_the_documents_are_written(tmp_path: Path) -> None:
    path = render(SETTINGS, tmp_path / "not" / "there")

    assert path.read_text(encoding="utf-8") == render_text(SETTINGS, path.parent)
    assert sorted(each.name for each in path.parent.iterdir()) == ["docs", "envoy.yaml"]
    assert sorted(each.name for each in path.with_name("docs").iterdir()) == sorted(each.file for each in DOCUMENTS)


def test_certificates_are_files_of_their_own_and_hold_no_key(tmp_path: Path) -> None:
    render(dataclasses.replace(SETTINGS, tls=TLS, service_tls=SERVICE_TLS), tmp_path, RUN_DIR)

    secrets = {path.stem: json.loads(path.read_text())["resources"] for path in tmp_path.glob("*.json")}
    assert sorted(secrets) == ["gateway_certificate", "gateway_client_ca", "service_ca", "service_certificate"]
    for name, [secret] in secrets.items():
        assert secret["name"] == name
    pair = secrets["service_certificate"][0]["tls_certificate"]
    assert pair["private_key"] == {"filename": "/svc/tls.key"}
    assert pair["watched_directory"] == {"path": "/svc"}
    assert secrets["gateway_client_ca"][0]["validation_context"]["trusted_ca"] == {"filename": "/tls/ca.crt"}


def test_the_access_log_names_no_secret() -> None:
    (log,) = connection_manager(rendered())["access_log"]
    fields = log["typed_config"]["log_format"]["json_format"]

    # Of the route, or of a method: what was sent may hold a key.
    assert re.findall('"param": "(.*?)"', fields["path"]) == ["ROUTE:arouter:path", "x-arouter-method"]
    assert not [x for x in fields.values() if "AUTHORIZATION" in x.upper() or "X-API-KEY" in x.upper()]
    assert {"request_id", "method", "status", "flags", "duration_ms", "bytes_sent"} <= set(fields)


def test_traces_go_to_the_collector_that_is_named() -> None:
    config = rendered(collector=("collector.example", 4317))

    tracing = connection_manager(config)["tracing"]
    assert tracing["random_sampling"] == {"value": 100.0}
    [cluster] = [each for each in config["static_resources"]["clusters"] if each["name"] == "collector"]
    assert (cluster["type"], addresses(cluster)) == (
        "STRICT_DNS",
        [{"address": "collector.example", "port_value": 4317}],
    )
    assert removed(config) == []


def test_where_few_traces_are_recorded_clients_start_none() -> None:
    config = rendered(collector=("127.0.0.1", 4317), trace_ratio=0.25)

    assert connection_manager(config)["tracing"]["random_sampling"] == {"value": 25.0}
    assert removed(config) == ["traceparent", "tracestate"]


def test_without_a_collector_there_is_nothing_of_traces() -> None:
    assert re.findall("tracing|trace_id|traceparent|collector", render_text(SETTINGS, RUN_DIR)) == []


def removed(config: Any) -> list[str]:
    extensions = connection_manager(config)["early_header_mutation_extensions"]
    return [each["remove"] for each in extensions[0]["typed_config"]["mutations"] if "remove" in each]
