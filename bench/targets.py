"""What is measured: the provider itself, Envoy alone in front of it, a service that only forwards, and ARouter."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from bench.processes import free_ports, process, wait_for

MODEL = "bench"
AROUTER = Path(sys.executable).with_name("arouter")
"""The command."""

_ENVOY = Path(sys.executable).with_name("envoy")
_MANAGEMENT_KEY = "lr_mgmt_bench_0123456789abcdef0123456789"
_NETWORK_FILTERS = "type.googleapis.com/envoy.extensions.filters.network"
_ENVOY_THREADS = 2
"""As many as `arouter gateway` gives its Envoy."""


@dataclass
class Target:
    """Something that answers chat completions.

    Attributes:
        name: In the report.
        base_url: Up to and with `/v1`.
        headers: Of a request.
        model: The id of the provider's model here; others of the provider's have the same prefix.
        processes: Those whose processor time counts, by role.
        grpc_port: Of typed gRPC, if it has that.
        keys: Of which requests take one after the other, in place of the one in `headers`; empty: they do not.
    """

    name: str
    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = MODEL
    processes: Mapping[str, Sequence[psutil.Process]] = field(default_factory=dict)
    grpc_port: int | None = None
    keys: Sequence[str] = ()

    @property
    def url(self) -> str:
        """Of chat completions."""
        return f"{self.base_url}/chat/completions"


def direct(port: int, running: psutil.Process) -> Target:
    """Returns the provider itself, which nothing can be faster than."""
    return Target("provider", f"http://127.0.0.1:{port}/v1", processes={"provider": [running]})


@contextmanager
def envoy_alone(folder: Path, provider_port: int) -> Iterator[Target]:
    """Runs an Envoy that passes everything on to the provider: the gateway's floor."""
    (port,) = free_ports(1)
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    upstream = {"socket_address": {"address": "127.0.0.1", "port_value": provider_port}}
    manager = {
        "@type": f"{_NETWORK_FILTERS}.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "provider", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    endpoint = {"endpoint": {"address": upstream}}
    cluster = {
        "name": "provider",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "provider", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "bench", "address": address, "enable_reuse_port": False, "filter_chains": [chain]}
    config = folder / "envoy-alone.yaml"
    config.write_text(yaml.safe_dump({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    command = [_ENVOY, "-c", config, "--concurrency", str(_ENVOY_THREADS), "--use-dynamic-base-id"]
    log = folder / "envoy-alone.log"
    with process(command, log) as running:
        wait_for(f"http://127.0.0.1:{port}/v1/models", running, log)
        yield Target("Envoy alone", f"http://127.0.0.1:{port}/v1", processes={"envoy": [running]})


@contextmanager
def arouter(
    folder: Path,
    provider_port: int,
    *,
    workers: int = 1,
    models: int = 0,
    keys: int = 0,
    authority: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Target]:
    """Runs service and gateway: SQL store, a key with limits of every kind, usage, logs and metrics.

    Args:
        folder: For their files.
        provider_port: Of the provider.
        workers: Of the service.
        models: How many further models it lists.
        keys: How many keys requests take in turn; 0: one, for all.
        authority: The file of the authority that has issued the provider's certificate; None: it has no TLS.
        environment: More variables for service and gateway.

    Raises:
        StartError: One of them does not come up.
    """
    folder.mkdir()
    port, grpc_port, metrics_port, gateway_metrics_port = free_ports(4)
    prices = {"prompt": 0.25, "completion": 2}
    listed = [{"name": each, "prices": prices} for each in (MODEL, "spaced", "waiting")]
    listed += [{"name": f"model-{number:04}", "prices": prices} for number in range(models)]
    scheme = "https" if authority else "http"
    row = {
        "id": "bench",
        "base_url": f"{scheme}://127.0.0.1:{provider_port}/v1",
        "api_keys": ["bench"],
        "models": listed,
    }
    (folder / "arouter.yaml").write_text(yaml.safe_dump({"providers": [row]}))
    variables = {
        "AROUTER_CONFIG": str(folder / "arouter.yaml"),
        "AROUTER_STATE_DIR": str(folder / "state"),
        "AROUTER_MGMT_KEY": _MANAGEMENT_KEY,
        "AROUTER_PORT": str(port),
        "AROUTER_GRPC_PORT": str(grpc_port),
        "AROUTER_SERVICES": f"127.0.0.1:{grpc_port}",
        "AROUTER_METRICS_PORT": str(metrics_port),
        "AROUTER_GATEWAY_METRICS_PORT": str(gateway_metrics_port),
        "AROUTER_GATEWAY_ADMIN": str(folder / "admin"),
        **_trust(authority),
        **(environment or {}),
    }
    serve = [AROUTER, "serve", "--workers", str(workers)]
    with _with_gateway(folder, serve, port, variables) as running:
        many = [_new_key(port) for _ in range(max(keys, 1))]
        headers = {"authorization": f"Bearer {many[-1]}"}
        base_url = f"http://127.0.0.1:{port}/v1"
        # A new key takes a moment until every worker knows it.
        wait_for(f"{base_url}/models", running["service"][0], folder / "service.log", headers)
        yield Target("ARouter", base_url, headers, f"bench/{MODEL}", running, grpc_port, many if keys else ())


@contextmanager
def floor(folder: Path, provider_port: int, *, authority: Path | None = None) -> Iterator[Target]:
    """Runs a service that only forwards (`bench.floor`) behind the same gateway: the service's floor.

    Args:
        folder: For their files.
        provider_port: Of the provider.
        authority: As `arouter`'s.

    Raises:
        StartError: One of them does not come up.
    """
    port, grpc_port = free_ports(2)
    serve = ["bench.floor", str(grpc_port), str(provider_port), str(int(authority is not None))]
    with _stand_in(folder, "floor", serve, (port, grpc_port), _trust(authority)) as target:
        yield target


@contextmanager
def instant(folder: Path) -> Iterator[Target]:
    """Runs the gateway before a service that answers at once (`bench.instant`): what the gateway costs under full load.

    Raises:
        StartError: One of them does not come up.
    """
    port, grpc_port = free_ports(2)
    with _stand_in(folder, "instant", ["bench.instant", str(grpc_port)], (port, grpc_port), {}) as target:
        yield target


@contextmanager
def _stand_in(
    folder: Path, name: str, serve: Sequence[str], ports: tuple[int, int], more: Mapping[str, str]
) -> Iterator[Target]:
    """Runs a module of the benchmark in the place of the service; `ports` are the gateway's and its own."""
    folder.mkdir()
    port, grpc_port = ports
    (folder / "arouter.yaml").write_text("{}")
    environment = {
        "AROUTER_CONFIG": str(folder / "arouter.yaml"),
        "AROUTER_STATE_DIR": str(folder / "state"),
        "AROUTER_PORT": str(port),
        "AROUTER_SERVICES": f"127.0.0.1:{grpc_port}",
        **more,
    }
    with _with_gateway(folder, [sys.executable, "-m", *serve], port, environment) as running:
        headers = {"authorization": "Bearer bench"}
        yield Target(name, f"http://127.0.0.1:{port}/v1", headers, MODEL, running, grpc_port)


@contextmanager
def _with_gateway(
    folder: Path, serve: Sequence[str | Path], port: int, environment: Mapping[str, str]
) -> Iterator[dict[str, list[psutil.Process]]]:
    """Runs a service and its gateway, until which is healthy nothing is yielded."""
    with ExitStack() as opened:
        running = {}
        for role, command in (("service", serve), ("envoy", [AROUTER, "gateway", "run"])):
            started = opened.enter_context(process(command, folder / f"{role}.log", environment))
            running[role] = [started]
        wait_for(f"http://127.0.0.1:{port}/healthz", running["envoy"][0], folder / "envoy.log")
        yield running


def _trust(authority: Path | None) -> dict[str, str]:
    return {} if authority is None else {"SSL_CERT_FILE": str(authority)}


def _new_key(port: int) -> str:
    """Makes a key with limits that no run reaches."""
    rates = {"requests_per_minute": 100_000_000, "tokens_per_minute": 1_000_000_000}
    fields = {"name": "bench", "limit": 100_000, "limit_reset": "daily", "rate_limit": rates}
    headers = {"authorization": f"Bearer {_MANAGEMENT_KEY}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1/keys", json.dumps(fields).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        key: str = json.load(answer)["key"]
    return key
