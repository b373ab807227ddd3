"""What Kubernetes would run, as processes: services and gateways that are replaced one by one, behind one address."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import signal
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import yaml

from support.ports import HOST, free_ports
from support.process import AROUTER, Process
from support.stack import CLIENT_KEY, GRPC_OPTIONS, MANAGEMENT_KEY, assert_clean, wait_serving
from support.wire import Wire

_POLL = 0.05


class Part(ABC):
    """A process that is stopped and started again, each time with its own log.

    Args:
        folder: For its files.
        command: What follows `arouter`.
        environment: Its variables.
        program: What runs `arouter`.
    """

    def __init__(
        self,
        folder: Path,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        program: tuple[str, ...] = (str(AROUTER),),
    ) -> None:
        self._folder = folder
        self._command = command
        self._program = program
        self.environment = dict(environment)
        self.runs: list[Process] = []

    @property
    def process(self) -> Process:
        """The process that runs now, or ran last."""
        return self.runs[-1]

    def start(self) -> None:
        """Starts it, and waits until it is ready."""
        folder = self._folder / str(len(self.runs))
        folder.mkdir(parents=True)
        self.runs.append(Process(list(self._command), self.environment, folder, self._program))
        self.wait_ready()

    @abstractmethod
    def wait_ready(self) -> None:
        """Waits until it is ready."""

    def kill(self) -> None:
        """Ends it with SIGKILL, and waits for its end."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """The last resort of a fixture."""
        for process in self.runs:
            process.kill()
            assert_clean(process.log)


class Service(Part):
    """`arouter serve`, on the loopback device or behind a wire of its own."""

    def __init__(
        self, folder: Path, config: Mapping[str, Any], environment: Mapping[str, str], wire: Wire | None = None
    ) -> None:
        [self.port] = free_ports(1)
        self.host = wire.there if wire else HOST
        folder.mkdir(parents=True)
        (folder / "arouter.yaml").write_text(yaml.safe_dump(dict(config)), "utf-8")
        own = {
            "AROUTER_LISTEN_ADDRESS": self.host,
            "AROUTER_GRPC_PORT": str(self.port),
            "AROUTER_CONFIG": str(folder / "arouter.yaml"),
            "AROUTER_STATE_DIR": str(folder / "state"),
            "AROUTER_DEV_KEY": CLIENT_KEY,
            "AROUTER_MGMT_KEY": MANAGEMENT_KEY,
        }
        program = (*(wire.enter if wire else ()), str(AROUTER))
        super().__init__(folder, ("serve",), {**own, **environment}, program)

    @property
    def address(self) -> str:
        """Where it is found."""
        return f"{self.host}:{self.port}"

    def wait_ready(self) -> None:
        """Waits until it says SERVING."""
        with grpc.insecure_channel(self.address, options=GRPC_OPTIONS) as channel:
            wait_serving(self.process, channel)

    def stop(self) -> None:
        """Ends it as Kubernetes does."""
        assert self.process.stop(signal.SIGTERM) == 0, self.process.log


class Gateway(Part):
    """`arouter gateway run`."""

    def __init__(self, folder: Path, config: Mapping[str, Any], services: list[str]) -> None:
        self.port, self.metrics_port = free_ports(2)
        folder.mkdir(parents=True)
        (folder / "arouter.yaml").write_text(yaml.safe_dump(dict(config)), "utf-8")
        self._sockets = tempfile.TemporaryDirectory(prefix="gw", dir="/tmp")  # its path must be short
        environment = {
            "AROUTER_PORT": str(self.port),
            "AROUTER_SERVICES": ",".join(services),
            "AROUTER_GATEWAY_ADMIN": f"{self._sockets.name}/admin",
            "AROUTER_GATEWAY_METRICS_PORT": str(self.metrics_port),
            "AROUTER_CONFIG": str(folder / "arouter.yaml"),
            "AROUTER_STATE_DIR": str(folder / "state"),
        }
        super().__init__(folder, ("gateway", "run"), environment)

    def wait_ready(self) -> None:
        """Waits until it accepts calls and has an upstream to forward them to."""
        self.process.wait_until(lambda: self.is_ready() and status(self.port, "/healthz") == 200, "ready")

    def is_ready(self) -> bool:
        """Says what its readiness probe says."""
        return status(self.metrics_port, "/ready") == 200

    def stop(self) -> None:
        """Ends it as Kubernetes does: first `preStop`, then SIGTERM."""
        drain = ["gateway", "drain", "--at-least", "1", "--at-most", "30"]
        folder = self._folder / f"drain{len(self.runs)}"
        folder.mkdir()
        done = Process(drain, self.environment, folder)
        assert done.wait(60) == 0, done.log
        assert self.process.stop(signal.SIGTERM) == 0, self.process.log

    def end(self) -> None:
        """The last resort of a fixture."""
        super().end()
        self._sockets.cleanup()


class Balancer:
    """What a Kubernetes Service is to its clients: a new connection goes to a gateway that is ready, and stays there.

    Attributes:
        port: Where clients connect.
    """

    def __init__(self, gateways: list[Gateway]) -> None:
        self._gateways = gateways
        self._ready = list(gateways)
        self._turn = 0
        self._connections: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[Any] | None] = set()
        self.port = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Balancer]:
        """Runs it."""
        server = await asyncio.start_server(self._pass_on, HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        probing = asyncio.create_task(self._probe())
        try:
            yield self
        finally:
            probing.cancel()
            server.close()
            for connection in self._connections:
                connection.close()
            if self._passing:
                await asyncio.wait(self._passing)

    async def _probe(self) -> None:
        while True:
            checks = [asyncio.to_thread(gateway.is_ready) for gateway in self._gateways]
            ready = await asyncio.gather(*checks)
            self._ready = [gateway for gateway, good in zip(self._gateways, ready, strict=True) if good]
            await asyncio.sleep(_POLL)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        gateway = self._ready[self._turn % len(self._ready)]
        there = await asyncio.open_connection(HOST, gateway.port)
        self._connections |= {writer, there[1]}
        self._passing.add(asyncio.current_task())
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))
        self._connections -= {writer, there[1]}
        self._passing.discard(asyncio.current_task())


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def status(port: int, path: str) -> int:
    """Returns the status of an HTTP GET; 0 if there is no answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
