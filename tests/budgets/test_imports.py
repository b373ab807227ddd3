"""What `arouter serve` loads before it serves, as it is by default: SQLite, no metrics, no traces, JSON in the log.

Bounds leave room for new versions of what we build upon. One that is passed by our own doing wants another way, not
another bound.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from support.stack import Stack, running

NOT_WANTED = {
    "aiohttp": "the HTTP client is our own, and the metrics' port a small server of the standard library's",
    "arouter.cli.explain": "it is another command",
    "alembic": "a new file is made from a script, an old one migrated by a process of its own",
    "arouter_gateway": "`arouter up` and `arouter gateway` render it",
    "asyncpg": "the database is SQLite",
    "genai_prices": "a process of its own reads it",
    "google.protobuf.json_format": "messages become JSON by hand, ten times as fast",
    "grpc_channelz": "it is off",
    "opentelemetry": "there is no collector",
    "prometheus_client": "there is no port for metrics",
    "pydantic": "msgspec does that",
    "rich": "only for people, and only by structlog",
    "sqlalchemy.dialects.postgresql": "the database is SQLite",
    "structlog": "only for people: the log is JSON",
    "valkey": "limits are counted in the process",
}
"""Modules, and the reason why a service like this has no need of them."""

MODULES = 880
"""It was 843 when this was written."""

MEMORY = 100_000_000
"""Bytes that are resident; they were 88 million."""

SERVE = """
import arouter.cli
from arouter.server.gc import freeze_imports
with freeze_imports():
    import arouter.server.processes.worker
"""
REFERENCE = (
    "import argparse, asyncio, concurrent.futures.process, ctypes, decimal, difflib, email.policy, http.server,"
    " imaplib, logging.config, multiprocessing.pool, optparse, pydoc, smtplib, sqlite3, ssl, statistics, tarfile,"
    " tomllib, unittest.mock, urllib.request, wsgiref.simple_server, xml.dom.minidom, xml.sax, xmlrpc.client, zipfile"
)
"""The standard library's share of work of the same kind."""

RATIO = 5.0
"""It was 3.8, on an idle machine and on one with both its cores at work."""

ROUNDS = 5

_IMPORTED = re.compile(r"^import time: +\d+ \| +\d+ \| +(\S+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # Python tells of each import, in the order of their ends.
    environment = {"PYTHONPROFILEIMPORTTIME": "1", "AROUTER_LOG_FORMAT": "json"}
    with running(tmp_path_factory.mktemp("serve"), {}, ("serve",), environment) as stack:
        yield stack


@pytest.fixture(scope="module")
def imported(service: Stack) -> set[str]:
    return set(_IMPORTED.findall(service.process.log))


@pytest.mark.parametrize("name", NOT_WANTED)
def test_nothing_is_imported_that_only_others_need(name: str, imported: set[str]) -> None:
    assert "arouter.server.processes.worker" in imported
    assert sorted(each for each in imported if each == name or each.startswith(f"{name}.")) == [], NOT_WANTED[name]


def test_the_number_of_modules_is_bounded(imported: set[str]) -> None:
    assert len(imported) <= MODULES


def test_a_supervisor_imports_nothing_that_only_its_workers_need() -> None:
    code = "import arouter.cli, arouter.server.database, arouter.server.ports, arouter.server.processes.supervisor, sys"
    done = subprocess.run([sys.executable, "-c", f"{code}; print(*sys.modules)"], stdout=subprocess.PIPE, check=True)

    assert {b"httptools", b"grpc", b"sqlalchemy"} & set(done.stdout.split()) == set()


def test_memory_of_an_idle_service_is_bounded(service: Stack) -> None:
    assert psutil.Process(service.process.pid).memory_info().rss <= MEMORY


def test_the_import_costs_no_more_than_some_times_a_reference() -> None:
    """Processor time against processor time, turn about, the least of each: on any machine about the same."""
    turns = [(_cpu(SERVE), _cpu(REFERENCE)) for _ in range(ROUNDS)]

    ours, reference = map(min, zip(*turns, strict=True))
    assert ours / reference <= RATIO


def _cpu(code: str) -> float:
    """Returns the seconds of processor time that a process takes for it, of which a bare one takes a hundredth."""
    # The parent process may have told Python to compile everything anew each time.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
