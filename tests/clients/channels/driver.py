"""Clients of other gRPC libraries, each a process that a test controls (driver.mjs)."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from support.docs import ROOT
from support.node import NODE
from support.ports import HOST
from support.programs import ENVIRONMENT

FOLDER = Path(__file__).parent
LIBRARIES = ("grpc-js", "connect")
_DESCRIPTOR = ROOT / "gateway/arouter_gateway/arouter.binpb"
_TIMEOUT = 30.0
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Outcome(NamedTuple):
    """How a call ended."""

    code: grpc.StatusCode
    details: str
    length: int
    """Characters of text received."""

    pushback: str | None


class Call:
    """A call in a driver.

    Attributes:
        heard: Set once it has received text.
    """

    def __init__(self, driver: Driver, number: int) -> None:
        self._driver = driver
        self._number = number
        self._ended = threading.Event()
        self._outcome: dict[str, Any] = {}
        self.heard = threading.Event()

    def result(self) -> Outcome:
        """Waits for its end."""
        assert self._ended.wait(_TIMEOUT), "the call has not ended"
        event = self._outcome
        assert event, f"the client died:\n{self._driver.errors}"
        return Outcome(_CODES[event["code"]], event["details"], event["length"], event.get("pushback"))

    def is_done(self) -> bool:
        return self._ended.is_set()

    def cancel(self) -> None:
        self._driver.tell(do="cancel", id=self._number)

    def tell(self, event: dict[str, Any] | None) -> None:
        """Takes an event of the driver; None if it has ended."""
        if event is not None and "code" not in event:
            self.heard.set()
            return
        self._outcome = event or {}
        self._ended.set()


class Driver:
    """A client with one channel.

    Args:
        library: One of `LIBRARIES`.
        key: The key of its calls.
        folder: For what it writes to stderr.
    """

    def __init__(self, library: str, key: str, folder: Path) -> None:
        self.library = library
        self._key = key
        self._numbers = itertools.count()
        self._calls: dict[int, Call] = {}
        self._stderr = folder / "driver.log"
        with self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [NODE, "driver.mjs", library],
                cwd=FOLDER,
                env={**ENVIRONMENT, "DESCRIPTOR": str(_DESCRIPTOR)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def errors(self) -> str:
        """What it wrote to stderr."""
        return self._stderr.read_text("utf-8", "replace")

    def open(self, *ports: int, **options: Any) -> None:
        """Opens a channel to ports, instead of the one before, with options of the library."""
        addresses = ",".join(f"{HOST}:{port}" for port in ports)
        target = addresses if len(ports) == 1 else f"ipv4:{addresses}"
        self.tell(do="open", target=target, options=options)

    def chat(self, model: str = "emu/text", *, stream: bool = False, text: str = "hi", **options: Any) -> Call:
        """Starts a chat completion; `options` are `timeout` in seconds and `waitForReady`."""
        method = "StreamChatCompletion" if stream else "ChatCompletion"
        return self._call(service="ChatService", method=method, model=f"{model}", text=text, **options)

    def list_models(self, **options: Any) -> Call:
        """Starts a read-only call; options as in `chat`."""
        return self._call(service="ModelService", method="ListModels", **options)

    def close(self) -> None:
        """Ends its input; it must then exit by itself, with status 0."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            assert self._process.wait(10) == 0, self.errors
        finally:
            self._process.kill()
            self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()

    def tell(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _call(self, **command: Any) -> Call:
        number = next(self._numbers)
        call = self._calls[number] = Call(self, number)
        self.tell(do="call", id=number, key=self._key, **{"timeout": _TIMEOUT, **command})
        return call

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self._calls[event["id"]].tell(event)
        for call in self._calls.values():
            if not call.is_done():
                call.tell(None)
