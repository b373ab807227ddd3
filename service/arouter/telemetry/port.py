"""The port that Prometheus scrapes: `GET /metrics`, without authentication."""

from __future__ import annotations

import gc
import platform
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from socketserver import TCPServer
from threading import Thread
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.registry import Collector
from typing_extensions import override

from arouter.telemetry.processes import Processes
from arouter.version import VERSION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/metrics"

_TIMEOUT = 10.0
"""Read timeout of a scraper's connection, in seconds."""

_USUAL_TURN = sys.getswitchinterval()
_SHORT_TURN = _USUAL_TURN / 10
"""Thread switch interval during a scrape, in seconds."""


class MetricsPort:
    """Serves metrics in a thread until it is closed or the process ends.

    Args:
        address: IP address to listen on.
        port: Port to listen on.
        counted: Collector of the metrics.
        pids: Returns the processes to report memory, CPU and so on for: process ids by name.

    Raises:
        OSError: The port cannot be bound.
    """

    def __init__(self, address: str, port: int, counted: Collector, pids: Callable[[], Mapping[str, int]]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # would double the number of series for little use
        registry = CollectorRegistry(auto_describe=False)
        build = Gauge("arouter_build_info", "Always 1.", ("version", "python"), registry=registry)
        build.labels(VERSION, platform.python_version()).set(1)
        registry.register(counted)
        registry.register(Processes(pids))
        kind = _Server6 if ":" in address else _Server
        self._server = kind((address, port), _Handler)
        self._server.set_app(_app(registry))
        Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Stops listening; takes up to half a second."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingWSGIServer):
    """One thread per request. Does not resolve its own host name, as `HTTPServer` does: that may take long."""

    request_queue_size = 128
    """With the default of five, a scraper waits a second if a few others, even idle ones, connect at the same time."""

    @override
    def server_bind(self) -> None:
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores scrapers that disconnect or time out."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _TIMEOUT

    @override
    def log_message(self, *_: object) -> None:
        """Does not log scrapes."""


def _app(registry: CollectorRegistry) -> WSGIApplication:
    def metrics(request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if request["PATH_INFO"] != PATH or request["REQUEST_METHOD"] != "GET":
            start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"Not found. Use GET {PATH}.\n".encode()]
        body = _written(registry)
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST), ("Content-Length", str(len(body)))])
        return [body]

    return metrics


def _written(registry: CollectorRegistry) -> bytes:
    """Returns the metrics in Prometheus' text format.

    The GIL is shared with the event loop, so the text is generated in pieces with short switch intervals. The garbage
    collector is disabled, because it would scan a hundred thousand samples and free nothing.
    """
    sys.setswitchinterval(_SHORT_TURN)
    gc.disable()
    try:
        return b"".join(generate_latest(_Family(family)) for family in registry.collect())
    finally:
        gc.enable()
        sys.setswitchinterval(_USUAL_TURN)


class _Family(Collector):
    """One metric with all its series."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    @override
    def collect(self) -> Iterable[Metric]:
        return [self._family]
