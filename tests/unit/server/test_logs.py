"""The form of the log: in a process of its own, whose logging it configures."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

import pytest

SAY = """
import logging, warnings
from arouter.server.logs import configure_logs
configure_logs({form!r}, {level!r})
log = logging.getLogger("arouter.somewhere")
log.debug("of no interest")
log.info("chat", extra={{"fields": {{"request_id": None, "model": "a/b", "stream": True, "ms": 12}}}})
log.warning("half a pair: %s", chr(0xD800))
logging.getLogger("elsewhere").debug("SELECT %s", "secret")
logging.getLogger("elsewhere").info("other's %d", 1)
logging.getLogger("grpc._cython.cygrpc").error("Invalid encoding on authorization: secret")
logging.getLogger("grpc._cython.cygrpc").error("ExecuteBatchError raised in core by servicer method [/secret]")
warnings.warn("odd")
try:
    raise ValueError("wrong")
except ValueError:
    log.exception("failed")
"""


def said(form: str, level: str = "INFO") -> str:
    done = subprocess.run(
        [sys.executable, "-c", SAY.format(form=form, level=level)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def documents(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


def test_json_is_one_object_a_line() -> None:
    chat, half, other, warning, failed = documents(said("json"))

    assert list(chat) == ["time", "level", "logger", "event", "request_id", "model", "stream", "ms"]
    assert chat["time"].endswith("Z")
    assert (chat["level"], chat["logger"], chat["event"]) == ("info", "arouter.somewhere", "chat")
    assert (chat["request_id"], chat["model"], chat["stream"], chat["ms"]) == (None, "a/b", True, 12)
    assert half["event"] == "half a pair: \ud800"
    assert (other["logger"], other["event"]) == ("elsewhere", "other's 1")
    assert (warning["logger"], "UserWarning: odd" in warning["event"]) == ("py.warnings", True)
    assert (failed["level"], failed["event"]) == ("error", "failed")
    assert failed["exception"].endswith("ValueError: wrong")


def test_the_console_is_for_people() -> None:
    chat, *_ = lines = said("console").splitlines()

    moment, text = chat[:23], chat[23:]
    assert (moment[4], moment[10], moment[19]) == ("-", " ", ".")
    assert text == " INFO arouter.somewhere chat request_id=- model=a/b stream=True ms=12"
    assert lines[-1] == "ValueError: wrong"


@pytest.mark.parametrize("form", ["json", "console"])
def test_more_is_said_only_by_ourselves(form: str) -> None:
    assert "of no interest" not in said(form)
    assert "of no interest" in said(form, "DEBUG")
    assert "chat" not in said(form, "WARNING")
    assert "secret" not in said(form, "DEBUG")


def test_people_get_the_console_and_programs_json() -> None:
    ask = "import sys; from arouter.config.environment import read_environment as r; print(r().log_format)"
    inherited = {name: value for name, value in os.environ.items() if name != "AROUTER_LOG_FORMAT"}
    terminal, stderr = pty.openpty()
    try:
        answers = [
            subprocess.run(
                [sys.executable, "-c", ask], stdout=subprocess.PIPE, stderr=where, text=True, check=True, env=env
            ).stdout.strip()
            for where in (stderr, subprocess.DEVNULL)
            for env in (inherited, {**inherited, "AROUTER_LOG_FORMAT": "json"})
        ]
    finally:
        os.close(terminal)
        os.close(stderr)

    assert answers == ["console", "json", "json", "json"]


WRITE = """
import logging
from arouter.server.logs import configure_logs, event_writer
configure_logs("json", {level!r})
write = event_writer("arouter.calls")
fields = {{"model": "a/b", "half": chr(0xD800), "ms": 12}}
write("chat", fields)
logging.getLogger("arouter.calls").info("chat", extra={{"fields": fields}})
"""


def test_an_event_of_a_call_is_written_as_a_logger_writes_it() -> None:
    command = [sys.executable, "-c", WRITE.format(level="INFO")]
    written, logged = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()

    assert {**json.loads(written), "time": None} == {**json.loads(logged), "time": None}


def test_no_event_is_written_below_the_level() -> None:
    command = [sys.executable, "-c", WRITE.format(level="WARNING")]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


AT_THE_END = """
import asyncio, logging
from arouter.server.logs import configure_logs, event_writer
configure_logs("json", "INFO")
write = event_writer("arouter.calls")
async def calls():
    for number in range(3):
        write("chat", {"number": number})
asyncio.run(calls())
"""


def test_events_of_the_last_moment_are_written_when_the_process_ends() -> None:
    done = subprocess.run([sys.executable, "-c", AT_THE_END], capture_output=True, text=True, check=True)

    assert [json.loads(line)["number"] for line in done.stderr.splitlines()] == [0, 1, 2]
