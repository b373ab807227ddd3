"""A stack: the service, with or without its gateway, on free ports, talking to the emulator."""

from __future__ import annotations

import re
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.ports import HOST, free_ports
from support.process import START_LIMIT, Process, assert_gone
from support.rest import Rest
from support.tls import TlsClient

CLIENT_KEY = f"lr_live_test_{secrets.token_hex(12)}"
MANAGEMENT_KEY = f"lr_mgmt_test_{secrets.token_hex(16)}"
PROVIDER_KEY = f"sk-provider-{secrets.token_hex(12)}"
GRPC_OPTIONS = (("grpc.max_receive_message_length", 64 * 1024 * 1024), ("grpc.use_local_subchannel_pool", 1))

_TROUBLE = re.compile(
    r"Traceback \(most recent|never retrieved|was never awaited|Unclosed |was destroyed but|\w+Warning\b|\[critical\]"
)


class Stack:
    """A running stack.

    Attributes:
        process: The `arouter` command.
        port: Where REST is served; the gateway's.
        grpc_port: Where gRPC is served; the service's.
        key: A key that is accepted.
        management_key: The operator's.
        folder: Holds its configuration, state and log.
        tls: What its clients believe and show; None for plain text.
    """

    def __init__(self, process: Process, port: int, grpc_port: int, folder: Path, tls: TlsClient | None = None) -> None:
        self.process = process
        self.port = port
        self.grpc_port = grpc_port
        self.key = CLIENT_KEY
        self.management_key = MANAGEMENT_KEY
        self.folder = folder
        self.tls = tls

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK's `base_url` takes."""
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}/v1"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of an authenticated gRPC call."""
        return (("authorization", f"Bearer {self.key}"),)

    def rest(self) -> Rest:
        """Opens a plain HTTP connection to the gateway."""
        return Rest(self.port, self.key, self.tls and self.tls.context(self.folder))

    def channel(self, port: int | None = None) -> grpc.Channel:
        """Opens a gRPC channel to the service, or to another port."""
        address = f"{HOST}:{port or self.grpc_port}"
        if self.tls is not None:
            return grpc.secure_channel(address, self.tls.credentials(), options=GRPC_OPTIONS)
        return grpc.insecure_channel(address, options=GRPC_OPTIONS)

    def async_channel(self, port: int | None = None) -> grpc.aio.Channel:
        """Opens an asyncio gRPC channel to the service, or to another port."""
        return grpc.aio.insecure_channel(f"{HOST}:{port or self.grpc_port}", options=GRPC_OPTIONS)

    def files(self) -> Iterator[Path]:
        """Yields every file that the stack has written, its configuration apart."""
        return (path for path in self.folder.rglob("*") if path.is_file() and path.name != "arouter.yaml")


@contextmanager
def running(
    folder: Path,
    config: Mapping[str, Any],
    command: tuple[str, ...] = ("up",),
    environment: Mapping[str, str] | None = None,
    tls: TlsClient | None = None,
) -> Iterator[Stack]:
    """Runs `arouter up`, or another command, until it is healthy; stops it and checks that nothing is left.

    Args:
        folder: An empty folder for its files.
        config: The content of its `arouter.yaml`.
        command: What follows `arouter`.
        environment: Variables beside the usual ones.
        tls: What its clients believe and show, if it wants TLS.
    """
    port, grpc_port = free_ports(2)
    with started(
        folder,
        config,
        command,
        {"AROUTER_PORT": str(port), "AROUTER_GRPC_PORT": str(grpc_port)} | dict(environment or {}),
    ) as process:
        stack = Stack(process, port, grpc_port, folder, tls)
        if command[0] == "up":
            context = tls and tls.context(folder)
            process.wait_until(lambda: is_healthy(port, context), "healthy")
        else:
            with stack.channel() as channel:
                wait_serving(process, channel)
            process.children()
        yield stack
        # A test may have stopped it by itself, to look at just that.
        if process.returncode is None:
            assert process.stop() == 0, process.log
        assert_gone(process, [port, grpc_port])
        assert_clean(process.log)


@contextmanager
def started(
    folder: Path, config: Mapping[str, Any] | None, command: tuple[str, ...], environment: Mapping[str, str]
) -> Iterator[Process]:
    """Starts an `arouter` command and makes sure that it and its children are gone in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = {"AROUTER_DEV_KEY": CLIENT_KEY, "AROUTER_MGMT_KEY": MANAGEMENT_KEY}
    variables = {"AROUTER_STATE_DIR": str(folder / "state"), **keys, **environment}
    if config is not None:
        path = folder / "arouter.yaml"
        path.write_text(yaml.safe_dump(dict(config)), "utf-8")
        variables["AROUTER_CONFIG"] = str(path)
    process = Process(list(command), variables, folder)
    try:
        yield process
    finally:
        process.kill()


def is_healthy(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Says whether the gateway's health check passes."""
    try:
        with Rest(port, tls=tls) as rest:
            return rest.get("/healthz").status == 200
    except OSError:
        return False


def assert_clean(log: str) -> None:
    """Checks that a log shows no secret, no stack trace and no warning of Python's."""
    leaks = [
        line for line in log.splitlines() if any(key in line for key in (CLIENT_KEY, MANAGEMENT_KEY, PROVIDER_KEY))
    ]
    assert leaks == [], "\n".join(leaks[:5])
    trouble = _TROUBLE.search(log)
    assert trouble is None, log[max(0, trouble.start() - 2000) : trouble.end() + 4000]


def wait_serving(process: Process, channel: grpc.Channel) -> None:
    """Waits until the service at the other end of a channel says SERVING."""
    watch = health_pb2_grpc.HealthStub(channel).Watch(
        health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=START_LIMIT
    )
    try:
        while next(watch).status != health_pb2.HealthCheckResponse.SERVING:
            pass
    except grpc.RpcError:
        raise AssertionError(f"not serving:\n{process.log}") from None
    watch.cancel()
