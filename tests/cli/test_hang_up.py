"""What SIGHUP does to the commands that run for long: it reloads, unless the terminal is gone."""

from __future__ import annotations

import os
import pty
import signal
import sys
from pathlib import Path
from typing import Any

from emulator import Emulator
from support.ports import free_ports
from support.process import AROUTER, Process, assert_gone
from support.reloading import Reloading
from support.stack import CLIENT_KEY, PROVIDER_KEY, running


def test_up_passes_it_on_to_the_service(emulator: Emulator, tmp_path: Path) -> None:
    row: dict[str, Any] = {"base_url": emulator.base_url, "api_keys": [PROVIDER_KEY], "models": ["text"]}
    with running(tmp_path, {"providers": [{"id": "before", **row}]}) as stack, stack.rest() as rest:
        children = {child.pid for child in stack.process.children()}
        Reloading(stack).apply({"providers": [{"id": "after", **row}]})

        assert [model["id"] for model in rest.get("/v1/models").json["data"]] == ["after/text"]
        assert rest.chat({"model": "after/text", "messages": [{"role": "user", "content": "hi"}]}).status == 200
        assert {child.pid for child in stack.process.children()} == children


def test_a_service_ends_well_with_its_terminal(tmp_path: Path) -> None:
    """And not before: SIGHUP from elsewhere is not the end of the terminal."""
    [port] = free_ports(1)
    config = tmp_path / "arouter.yaml"
    config.write_text("{}")
    environment = {
        "AROUTER_CONFIG": str(config),
        "AROUTER_DEV_KEY": CLIENT_KEY,
        "AROUTER_GRPC_PORT": str(port),
        "AROUTER_STATE_DIR": str(tmp_path / "state"),
    }
    ours, theirs = pty.openpty()
    # The leader of a session that has no terminal takes the first one that it opens. The tests may run under nohup.
    on_terminal = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
        f"os.open({os.ttyname(theirs)!r}, os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = Process(["serve"], environment, tmp_path, (sys.executable, "-c", on_terminal, str(AROUTER)))
    try:
        process.wait_until(lambda: "serving on" in process.log, "serving")
        process.send_signal(signal.SIGHUP)
        process.wait_until(lambda: "matches the configuration in use" in process.log, "asked to reload")

        os.close(theirs)
        os.close(ours)

        assert process.wait() == 0
        assert "draining" in process.log
        assert_gone(process, [port])
    finally:
        process.kill()
