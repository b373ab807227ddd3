"""A gateway of its own in front of a stack's service, with settings that `arouter.yaml` does not have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from arouter_gateway.process import envoy_command
from arouter_gateway.render import GatewaySettings, render
from support.envoy_admin import EnvoyAdmin
from support.ports import HOST, free_ports, is_listening
from support.process import Process
from support.rest import Rest
from support.stack import Stack, is_healthy


class Edge(NamedTuple):
    """A running gateway.

    Attributes:
        process: Envoy.
        port: Where it listens.
        admin: Its admin interface.
        key: A key that the service accepts.
    """

    process: Process
    port: int
    admin: EnvoyAdmin
    key: str

    def rest(self, key: str | None = None) -> Rest:
        """Opens a connection, with the valid key unless another one is given; an empty one is none."""
        return Rest(self.port, self.key if key is None else key)

    def memory(self) -> int:
        """Returns the bytes that it holds in memory (RSS)."""
        return psutil.Process(self.process.pid).memory_info().rss


@contextmanager
def edge(stack: Stack, folder: Path, **settings: Any) -> Iterator[Edge]:
    """Runs a gateway until the context ends.

    Args:
        stack: Whose service it calls, unless `settings` names other `services`.
        folder: For its files.
        settings: Of `GatewaySettings`.
    """
    [port] = free_ports(1)
    admin = EnvoyAdmin(folder / "admin")
    services = settings.pop("services", None)
    wanted = GatewaySettings(
        port=port, admin_socket=admin.path, services=services or ((HOST, stack.grpc_port),), **settings
    )
    process = Process([], {}, folder, tuple(envoy_command(render(wanted, folder))))

    def is_ready() -> bool:
        answers = is_listening(port) if services or "tls" in settings else is_healthy(port)
        # One worker thread may answer before another one takes connections.
        return answers and admin.stat("listener_manager.workers_started") == 1

    try:
        process.wait_until(is_ready, "ready")
        yield Edge(process, port, admin, stack.key)
        assert process.returncode is None
        assert "script log" not in process.log, process.log
    finally:
        process.kill()
