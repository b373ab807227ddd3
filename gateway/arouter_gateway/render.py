"""Renders `envoy.yaml` and its parts."""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from arouter_gateway.addresses import chain_limit, chain_matcher, chain_name, further_chains
from arouter_gateway.contract import Contract
from arouter_gateway.cors import is_origin, matchers, readable, script_header
from arouter_gateway.documents import inner_routes, largest_document, outer_routes, write_documents
from arouter_gateway.grpc_replies import NATIVE, grpc_replies
from arouter_gateway.routes import (
    REFUSED_FILTERS,
    SMALL_BODY,
    UNSERVED_PATHS,
    early_refusals,
    grpc_routes,
    rest_routes,
    unknown_paths,
)
from arouter_gateway.tls import GatewayTls, ServiceTls, gateway_tls_values, secrets, service_tls_values
from arouter_gateway.web_replies import web_replies
from arouter_gateway.web_routes import METHOD_HEADER, early_web_refusals, web_routes

_HERE = Path(__file__).parent
_MAX_SOCKET = 107
"""Maximum length of a Unix socket's path in bytes (unix(7))."""

_TIMEOUTS = ("stream_idle_timeout", "idle_timeout", "request_timeout", "handshake_timeout")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class GatewaySettings:
    """The values of the template `envoy.yaml`.

    Attributes:
        listen_address: IP address to listen on.
        port: Port to listen on.
        admin_socket: Path of a Unix socket for Envoy's admin interface. None, the default, disables the interface,
        which can stop Envoy and show its configuration.
        metrics_port: Port for Envoy's metrics (`/stats/prometheus`) and readiness (`/ready`), without a key. None:
        disabled. Requires `admin_socket`.
        services: Addresses of the service: pairs of an IP address or DNS name, and a port. Each address of a name is an
        endpoint.
        max_request_bytes: Maximum size of a REST request's body.
        max_connections: Maximum open client connections; more are closed at once. At most half of them from one
        address.
        max_heap_bytes: Heap size at which new calls are rejected. Must be below the container's memory limit.
        stream_idle_timeout: Seconds without a byte in either direction after which a call is ended.
        idle_timeout: Seconds after which a connection without a request is closed.
        request_timeout: Seconds within which a request must arrive completely.
        handshake_timeout: Seconds within which a TLS handshake must be complete.
        collector: Target of traces, by OTLP over gRPC: an IP address or DNS name, and a port. None: disabled.
        trace_ratio: The share of traces to sample, from 0 to 1. At 1, clients' own traces are continued.
        tls: See `GatewayTls`. None: plain text.
        service_tls: See `ServiceTls`. None: plain text.
        cors_allow_origins: Allowed origins (`https://app.example.com`, with every port `http://localhost:*`), or `*`.

    Raises:
        ValueError: A value is invalid; the message names it.
    """

    listen_address: str = "127.0.0.1"
    port: int = 8080
    admin_socket: Path | None = None
    metrics_port: int | None = None
    services: tuple[tuple[str, int], ...] = (("127.0.0.1", 50051),)
    max_request_bytes: int = 10 * 1024 * 1024
    max_connections: int = 10_000
    max_heap_bytes: int = 1024 * 1024 * 1024
    stream_idle_timeout: float = 300.0
    idle_timeout: float = 75.0
    request_timeout: float = 60.0
    handshake_timeout: float = 10.0
    collector: tuple[str, int] | None = None
    trace_ratio: float = 1.0
    tls: GatewayTls | None = None
    service_tls: ServiceTls | None = None
    cors_allow_origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(_is_ip(self.listen_address), "listen_address", self.listen_address, "an IP address")
        _check(bool(self.services), "services", self.services, "at least one")
        for service in self.services:
            _check_place("services", service)
        if self.collector is not None:
            _check_place("collector", self.collector)
        _check(0.0 <= self.trace_ratio <= 1.0, "trace_ratio", self.trace_ratio, "a number from 0 to 1")
        admin = self.admin_socket
        _check(admin is None or len(bytes(admin)) <= _MAX_SOCKET, "admin_socket", admin, "a path of at most 107 bytes")
        _check(
            self.metrics_port is None or admin is not None,
            "metrics_port",
            self.metrics_port,
            "possible without admin_socket",
        )
        for name, low, high in (
            ("port", 1, 65535),
            ("metrics_port", 1, 65535),
            ("max_request_bytes", 1, 2**32 - 1),
            ("max_connections", 1, 2**63 - 1),
            ("max_heap_bytes", 1, 2**63 - 1),
        ):
            value = getattr(self, name)
            if not (name == "metrics_port" and value is None):
                good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
                _check(good, name, value, f"a whole number from {low} to {high}")
        for name in _TIMEOUTS:
            seconds = getattr(self, name)
            _check(0.001 <= seconds <= 86_400 * 365, name, seconds, "a number of seconds over 0")
        for origin in self.cors_allow_origins:
            wanted = "`*` or an origin like https://app.example.com, in lower case; `:*` at its end is every port"
            _check(is_origin(origin), "cors_allow_origins", origin, wanted)


def render(settings: GatewaySettings, out_dir: Path, run_dir: Path | None = None) -> Path:
    """Writes the configuration, its files for TLS and the documents into `out_dir`, and returns its path.

    Args:
        settings: The values of the template.
        out_dir: Created if it does not exist.
        run_dir: Where Envoy will find the files, if not in `out_dir`.

    Raises:
        OSError: The files cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, resource in secrets(settings.tls, settings.service_tls).items():
        (out_dir / f"{name}.json").write_text(json.dumps(resource, indent=2) + "\n", encoding="utf-8")
    write_documents(out_dir)
    path = out_dir / "envoy.yaml"
    path.write_text(render_text(settings, run_dir or out_dir.absolute()), encoding="utf-8")
    return path


def render_text(settings: GatewaySettings, run_dir: Path) -> str:
    """Returns the configuration; its other files are in `run_dir`."""
    descriptor = (_HERE / "arouter.binpb").read_bytes()
    contract = Contract(descriptor)
    too_large = f"The request body is too large: at most {settings.max_request_bytes} bytes are accepted."
    values: dict[str, object] = {
        "admin": None if settings.admin_socket is None else {"address": _pipe(settings.admin_socket)},
        "listen_address": settings.listen_address,
        "port": settings.port,
        "chain_matcher": chain_matcher(),
        "first_chain": chain_name(0),
        "chain_limit": chain_limit(settings.max_connections),
        "too_large_message": too_large,
        "native_grpc": NATIVE,
        "method_header": METHOD_HEADER,
        "unserved_paths": [
            {"header_filter": {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": regex}}}}}
            for regex in UNSERVED_PATHS
        ],
        "max_request_bytes": settings.max_request_bytes,
        "admit_lua": _script("details", "connect_errors", "admit"),
        "bodies_lua": _bodies_lua(settings),
        "connect_lua": _script("details", "connect"),
        "choose_rpc_lua": f"local SMALL = {SMALL_BODY}\n" + _script("choose_rpc"),
        "errors_lua": _script("errors"),
        "descriptor": base64.b64encode(descriptor).decode("ascii"),
        "services": contract.services,
        "ignored_query_parameters": contract.ignored_query_parameters(),
        "refused_filters": REFUSED_FILTERS,
        "largest_document": largest_document(),
        "cors_origins": matchers(settings.cors_allow_origins),
        "cors_off": not settings.cors_allow_origins,
        "cors_refusals_lua": script_header(settings.cors_allow_origins) + _script("cors_refusals"),
        "cluster_type": _cluster_type(settings.services),
        "service_endpoints": [_endpoint(host, port) for host, port in settings.services],
        "max_connections": settings.max_connections,
        "max_heap_bytes": settings.max_heap_bytes,
    }
    values |= {name: f"{getattr(settings, name):.3f}s" for name in _TIMEOUTS}
    if settings.admin_socket is not None:
        values["admin_socket"] = str(settings.admin_socket)
        values["metrics_port"] = settings.metrics_port
    if settings.collector is not None:
        values["collector_type"] = _cluster_type([settings.collector])
        values["collector_endpoints"] = [_endpoint(*settings.collector)]
        values["trace_percent"] = 100 * settings.trace_ratio
    if settings.tls is not None:
        values |= gateway_tls_values(settings.tls, run_dir)
    if settings.service_tls is not None:
        values |= service_tls_values(settings.service_tls, run_dir)
    # JSON is YAML, and ASCII JSON on one line cannot break out of its position.
    written = {name: json.dumps(value) for name, value in values.items()}
    parts = {
        "local_replies": True,
        "http_filters": True,
        "documents_cluster": True,
        "documents_listener": True,
        "metrics_listener": settings.metrics_port is not None,
        "admin_cluster": settings.admin_socket is not None,
        "tracing": settings.collector is not None,
        "tracing_field": settings.collector is not None,
        "tracing_cluster": settings.collector is not None,
        "tracing_untrusted": settings.collector is not None and settings.trace_ratio < 1.0,
        "gateway_tls": settings.tls is not None,
        "service_tls": settings.service_tls is not None,
    }
    routes = {
        "grpc_routes": grpc_routes(contract),
        "early_refusals": early_refusals(settings.max_request_bytes + 1),
        "early_web_refusals": early_web_refusals(settings.max_request_bytes + 1),
        "document_routes": outer_routes(REFUSED_FILTERS),
        "rest_routes": rest_routes(contract),
        "web_routes": web_routes(contract),
        "unknown_paths": unknown_paths(),
    }
    lists = {name: _items(readable(each, settings.cors_allow_origins), 14) for name, each in routes.items()} | {
        "web_replies": _items(web_replies(too_large), 12),
        "inner_routes": _items(inner_routes(run_dir), 14),
        "grpc_replies": _items(grpc_replies(), 12),
    }
    included = {name: _template(name).substitute(written | lists) if wanted else "" for name, wanted in parts.items()}
    chains = {"further_chains": further_chains(tls=settings.tls is not None)}
    return _template("envoy").substitute(written | included | lists | chains)


def _bodies_lua(settings: GatewaySettings) -> str:
    """Returns the script with its bounds: bodies that arrive take at most half of the heap, in two worker threads."""
    largest = settings.max_request_bytes
    room = max(settings.max_heap_bytes // 4, largest)
    bounds = f"local ROOM, LARGEST, SMALL = {room}, {largest}, {SMALL_BODY}\n"
    return bounds + _script("bodies")


def _script(*names: str) -> str:
    """Returns a script from its parts, each of which may use those before it."""
    return "".join((_HERE / f"{name}.lua").read_text(encoding="utf-8") for name in names)


def _template(name: str) -> Template:
    return Template((_HERE / f"{name}.yaml").read_text(encoding="utf-8"))


def _items(values: Sequence[Mapping[str, Any]], indent: int) -> str:
    """Returns the items of a YAML list, one per line."""
    return "\n".join(f"{' ' * indent}- {json.dumps(value)}" for value in values)


def _cluster_type(places: Iterable[tuple[str, int]]) -> str:
    return "STATIC" if all(_is_ip(host) for host, _ in places) else "STRICT_DNS"


def _endpoint(host: str, port: int) -> dict[str, object]:
    return {"endpoint": {"address": {"socket_address": {"address": host, "port_value": port}}}}


def _pipe(path: Path) -> dict[str, object]:
    return {"pipe": {"path": str(path), "mode": 0o600}}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _check_place(name: str, place: tuple[str, int]) -> None:
    host, port = place
    _check(_is_ip(host) or _HOST.fullmatch(host) is not None, name, host, "an IP address or a DNS name")
    _check(1 <= port <= 65535, name, port, "a whole number from 1 to 65535")


def _check(good: bool, name: str, value: object, wanted: str) -> None:
    if not good:
        raise ValueError(f"{name}: {value!r} is not {wanted}")
