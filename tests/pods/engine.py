"""podman's commands, and those that run in a pod's network."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from pathlib import Path
from typing import Any

CONF = Path(__file__).with_name("containers.conf")


class EngineError(Exception):
    """A command of podman failed; its text is what podman wrote."""


async def podman(*arguments: str, given: str = "") -> str:
    """Runs podman and returns what it printed.

    Raises:
        EngineError: It failed.
    """
    return await run("podman", *arguments, given=given)


async def in_network(namespace: str, *command: str, given: str = "") -> str:
    """Runs a command of the machine in a pod's network and returns what it printed.

    Args:
        namespace: The path of the network namespace.
        command: The program and its arguments.
        given: Its standard input.

    Raises:
        EngineError: It failed.
    """
    return await run("nsenter", f"--net={namespace}", *command, given=given)


async def run(*command: str, given: str = "") -> str:
    """Runs a command of the machine and returns what it printed.

    Raises:
        EngineError: It failed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT if command[1] == "logs" else asyncio.subprocess.PIPE,
        env=os.environ | {"CONTAINERS_CONF": str(CONF), "PATH": f"{os.environ['PATH']}:/usr/sbin"},
    )
    work = asyncio.ensure_future(process.communicate(given.encode()))
    try:
        out, err = await asyncio.shield(work)
    except asyncio.CancelledError:
        await work  # it must not go on when its pod is removed
        raise
    if process.returncode != 0:
        raise EngineError(f"{' '.join(command)}: {err.decode()[-2000:]}")
    return out.decode()


async def create_secret(secret: Any) -> None:
    """Makes podman's secret of a Secret, as `envFrom` of the Pods that it plays expects it."""
    encoded = {name: base64.b64encode(value.encode()).decode() for name, value in secret["stringData"].items()}
    version = tuple(map(int, (await podman("version", "--format", "{{.Client.Version}}")).split(".")[:2]))
    # Before 4.4, `kube play` of a Secret wrote what `envFrom` could not read.
    content = encoded if version < (4, 4) else {"apiVersion": "v1", "kind": "Secret", "data": encoded}
    await podman("secret", "create", secret["metadata"]["name"], "-", given=json.dumps(content))


async def inspect(container: str) -> Any:
    """Returns what podman knows of a container."""
    [found] = json.loads(await podman("container", "inspect", container))
    return found


async def ended(pid: int) -> None:
    """Waits for the end of a process that is not a child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handle, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def has_ended(container: str, limit: float = 20) -> Any:
    """Waits until podman has noticed a container's end, and returns its `State`."""
    until = time.monotonic() + limit
    while True:
        state = (await inspect(container))["State"]
        if not state["Running"]:
            return state
        if time.monotonic() > until:
            raise EngineError(f"{container} has no process and is still {state['Status']}")
        await asyncio.sleep(0.05)  # podman tells nobody
