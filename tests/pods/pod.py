"""The kubelet: one pod's life, from its start over probes and restarts to its end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from pods import engine, manifest, probes
from pods.manifest import Object, Probe

_FIRST_BACK_OFF = 10.0
"""Seconds before the second restart in a row; the kubelet doubles them each time."""


class Pod:
    """A pod with one container. Created by `start`, ended by `delete`.

    Attributes:
        name: Its name.
        labels: Its labels.
        namespace: The labels of its namespace.
        address: Its IP address; empty until it has one.
        network: The path of its network namespace.
        is_ready: Whether its readiness probe succeeds.
        is_terminating: Whether its deletion has begun.
        is_gone: Whether it has ended and is removed.
        restarts: How often its container was started again.
        ends: How its container ended each time: podman's `State`.
        signals: What was sent to its container's processes, in order.
        failed_probes: How often each probe failed, by its field's name.
        seconds_to_ready: From the start of its process to its readiness.
        cpu_to_ready: CPU seconds of its process until then.
    """

    def __init__(self, template: Object, name: str, namespace: dict[str, str], changed: Callable[[], None]) -> None:
        self.template = template
        self.name = name
        self.labels: dict[str, str] = template["metadata"]["labels"]
        self.namespace = namespace
        self.address = self.network = ""
        self.is_ready = self.is_terminating = self.is_gone = False
        self.restarts = 0
        self.ends: list[Any] = []
        self.signals: list[str] = []
        self.failed_probes: dict[str, int] = {}
        self.seconds_to_ready: float | None = None
        self.cpu_to_ready = 0.0
        self.pid = 0
        self._spec: Object = template["spec"]
        self._row = manifest.container(self._spec)
        self._changed = changed
        self._started = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._ended = asyncio.Event()

    @property
    def container(self) -> str:
        """The container's name in podman."""
        return f"{self.name}-{self._row['name']}"

    async def start(
        self,
        images: dict[str, str],
        network: str,
        dns: str,
        config_maps: list[Object],
        joined: Callable[[], Awaitable[None]],
    ) -> None:
        """Plays the pod, waits for `joined` once it has an address, and begins to look after it."""
        pod = manifest.played(self.template, self.name, images, dns)
        text = yaml.safe_dump_all([*config_maps, pod])
        await engine.podman("kube", "play", "--quiet", "--network", network, "-", given=text)
        await self._look_up()
        infra = (await engine.inspect(self.container))["Pod"]
        listed = await engine.podman("pod", "inspect", infra, "--format", "{{.InfraContainerID}}")
        settings = (await engine.inspect(listed.strip()))["NetworkSettings"]
        self.network = settings["SandboxKey"]
        self.address = settings["Networks"][network]["IPAddress"]
        await joined()
        self._begin(self._supervise())
        self._begin(self._readiness())
        self._changed()

    async def until(self, condition: Callable[[Pod], bool], limit: float = 120) -> None:
        """Waits until something holds of this pod.

        Raises:
            AssertionError: It does not within `limit` seconds; says what the pod does instead.
        """
        until = time.monotonic() + limit
        while not condition(self):
            for task in self._tasks:
                if task.done() and not task.cancelled() and (error := task.exception()):
                    raise error
            assert time.monotonic() < until, await self.describe()
            await asyncio.sleep(0.02)

    async def delete(self) -> None:
        """Ends the pod as the kubelet does: preStop, SIGTERM, and SIGKILL when the grace period is over."""
        if self.is_terminating:
            await self.until(lambda pod: pod.is_gone, 300)
            return
        self.is_terminating = True
        self._changed()
        await self._end(manifest.grace(self._spec), self._ended)
        await self.remove()

    def figures(self) -> str:
        """Returns how long its start took, and the memory that it uses."""
        rss = int(Path(f"/proc/{self.pid}/status").read_text().split("VmRSS:")[1].split()[0])
        start = f"ready after {self.seconds_to_ready or 0:.1f} s ({self.cpu_to_ready:.1f} s of CPU)"
        return f"{self.name}: {start}, {rss // 1024} MiB"

    async def describe(self) -> str:
        """Returns what the pod does, and the end of its log."""
        try:
            log = await engine.podman("logs", "--tail", "20", self.container)
        except engine.EngineError as error:
            log = str(error)
        return f"{self.name}: ready {self.is_ready}, restarts {self.restarts}, {self.failed_probes}, {self.ends}\n{log}"

    async def remove(self) -> None:
        """Removes what podman has of the pod, at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.is_ready = False
        self.is_gone = True
        await engine.podman("pod", "rm", "--force", "--ignore", "--time", "0", self.name)
        self._changed()

    async def _end(self, grace: float, ended: asyncio.Event) -> None:
        over = asyncio.get_running_loop().time() + grace
        with suppress(TimeoutError):
            async with asyncio.timeout_at(over):
                await self._pre_stop()
                await self._signal("TERM")
                await ended.wait()
        if not ended.is_set():
            await self._signal("KILL")
            await ended.wait()

    async def _pre_stop(self) -> None:
        match manifest.pre_stop(self._row):
            case {"exec": {"command": command}}:
                with suppress(engine.EngineError):
                    await engine.podman("exec", self.container, *command)
            case {"sleep": {"seconds": seconds}}:
                await asyncio.sleep(seconds)

    async def _signal(self, name: str) -> None:
        self.signals.append(name)
        with suppress(engine.EngineError):
            await engine.podman("kill", "--signal", name, self.container)

    async def _look_up(self) -> None:
        state = (await engine.inspect(self.container))["State"]
        self.pid = state["Pid"]
        self._since = time.monotonic()

    async def _supervise(self) -> None:
        """Starts the container again whenever it ends, and ends it when its liveness fails."""
        while True:
            ended = asyncio.Event()
            alive = asyncio.create_task(self._liveness(ended))
            await engine.ended(self.pid)
            ended.set()
            alive.cancel()
            self._started.clear()
            self._set_ready(False)
            self.ends.append(await engine.has_ended(self.container))
            if self.is_terminating or self._is_done:
                self._ended.set()
                return
            await asyncio.sleep(_FIRST_BACK_OFF * 2 ** (self.restarts - 1) if self.restarts else 0)
            await engine.podman("start", self.container)
            self.restarts += 1
            await self._look_up()

    @property
    def _is_done(self) -> bool:
        policy = self._spec.get("restartPolicy", "Always")
        return policy == "Never" or (policy == "OnFailure" and self.ends[-1]["ExitCode"] == 0)

    async def _liveness(self, ended: asyncio.Event) -> None:
        failed = startup = manifest.probe(self._row, "startupProbe")
        if startup is None or await self._watch("startupProbe", startup, until_success=True):
            self._started.set()
            failed = liveness = manifest.probe(self._row, "livenessProbe")
            if liveness is None:
                return
            await self._watch("livenessProbe", liveness)
        if failed is not None and not self.is_terminating:
            await self._end(failed.grace or manifest.grace(self._spec), ended)

    async def _watch(self, name: str, probe: Probe, *, until_success: bool = False) -> bool:
        """Returns whether it succeeded once, or, when it does not end at that, False at its failure."""
        failed = 0
        await asyncio.sleep(probe.delay)
        while True:
            if await probes.succeeds(probe, self.address, self.container):
                if until_success:
                    return True
                failed = 0
            else:
                failed += 1
                self._count(name)
                if failed >= probe.failures:
                    return False
            await asyncio.sleep(probe.period)

    async def _readiness(self) -> None:
        probe = manifest.probe(self._row, "readinessProbe")
        good = bad = 0
        while True:
            await self._started.wait()
            success = probe is None or await probes.succeeds(probe, self.address, self.container)
            good, bad = (good + 1, 0) if success else (0, bad + 1)
            if not success:
                self._count("readinessProbe")
            if not self._started.is_set():
                continue  # it ended meanwhile
            if good >= (probe.successes if probe else 1):
                self._set_ready(True)
            elif bad >= (probe.failures if probe else 1):
                self._set_ready(False)
            await asyncio.sleep(probe.period if probe else 1)

    def _set_ready(self, ready: bool) -> None:
        if ready and self.seconds_to_ready is None:
            self.seconds_to_ready = time.monotonic() - self._since
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            self.cpu_to_ready = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if ready != self.is_ready:
            self.is_ready = ready
            self._changed()

    def _count(self, name: str) -> None:
        self.failed_probes[name] = self.failed_probes.get(name, 0) + 1

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))
