"""Kills child processes whose event loop hangs. Their parent replaces them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

from arouter.server.processes.children import Child
from arouter.server.processes.heartbeat import INTERVAL

_STACK_TIMEOUT = 1.0
"""Seconds for a hung process to write its stacks. A stopped one (SIGSTOP) writes nothing."""


Report = Callable[[Child, bool, list[str]], None]
"""Receives the child that was hung, whether it is being killed, and the stacks of its threads as lines."""


async def kill_hung(children: Collection[Child], report: Report) -> NoReturn:
    """Checks the heartbeats of `children` until cancelled, and kills hung processes.

    A process under a debugger or tracer is not killed: a breakpoint may stop it for any length of time.

    Args:
        children: The running children.
        report: Called for each child that is killed, or that has recovered in the meantime.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        killing: dict[Child, asyncio.Task[None]] = {}
        while True:
            await asyncio.sleep(INTERVAL)
            for child in tuple(children):
                overdue = child.heartbeat.is_overdue(loop.time())
                if overdue and child not in killing and not _is_traced(child.pid):
                    killing[child] = group.create_task(_kill(child, report))
            killing = {child: task for child, task in killing.items() if not task.done()}


async def _kill(child: Child, report: Report) -> None:
    stacks = await child.dump_stacks(_STACK_TIMEOUT)
    is_hung = child.heartbeat.is_overdue(asyncio.get_running_loop().time())
    report(child, is_hung, stacks)
    if is_hung:
        child.kill()


def _is_traced(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return False
    return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in status.splitlines())
