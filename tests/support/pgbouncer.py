"""PgBouncer, from the system's own package (`.ci/run` installs it)."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.ports import HOST, free_ports, is_listening
from support.process import POLL, START_LIMIT, STOP_LIMIT

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

_CONFIGURATION = """\
[databases]
* = host={host} port={server} user=postgres
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_round_robin = 1
"""
"""Few connections to the server, each transaction in another one: what a client keeps in its session is not there."""


@contextmanager
def running_pgbouncer(
    server: int, settings: Mapping[str, str] | None = None, files: Mapping[str, bytes] | None = None
) -> Iterator[int]:
    """Runs PgBouncer in transaction mode; yields its port.

    Args:
        server: The port of the server behind it.
        settings: Beside the usual ones.
        files: By the names under which settings know them.
    """
    assert PROGRAM is not None
    [port] = free_ports(1)
    folder = Path(tempfile.mkdtemp(prefix="arouter-pgbouncer-"))
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:  # PgBouncer refuses to run as root.
        unprivileged = pwd.getpwnam("nobody")
        identity = {"user": unprivileged.pw_uid, "group": unprivileged.pw_gid, "extra_groups": []}
    configuration = folder / "pgbouncer.ini"
    more = "".join(f"{name} = {value}\n" for name, value in (settings or {}).items())
    configuration.write_text(_CONFIGURATION.format(host=HOST, server=server, port=port) + more, "utf-8")
    for name, content in (files or {}).items():
        (folder / name).write_bytes(content)
    folder.chmod(0o755)
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([PROGRAM, configuration], stdout=log, stderr=log, cwd=folder, **identity)
        try:
            deadline = time.monotonic() + START_LIMIT
            while not is_listening(port):
                assert process.poll() is None, (folder / "log").read_text("utf-8")
                assert time.monotonic() < deadline
                time.sleep(POLL)  # Between questions to another process, which has no way to tell us.
            yield port
        finally:
            process.kill()
            process.wait(STOP_LIMIT)
    finally:
        shutil.rmtree(folder)
