"""Channelz shows the service's connections at its socket and nowhere else, with the commands of `docs/operation.md`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.docs import blocks
from support.ports import HOST
from support.stack import GRPC_OPTIONS, Stack, running

SETTING, RECIPE = (text for kind, text in blocks("docs/operation.md") if "channelz" in text.lower())
VARIABLE, _, SOCKET = SETTING.split()[0].partition("=")


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]) -> Iterator[tuple[Stack, Path]]:
    """A service with channelz, and the folder from which the page's paths are relative."""
    folder = tmp_path_factory.mktemp("channelz")
    socket = folder / SOCKET
    socket.parent.mkdir()
    with running(folder / "stack", config, ("serve",), {VARIABLE: str(socket)}) as stack:
        yield stack, folder


def ask(folder: Path, method: str, request: str) -> Any:
    """Runs one command of the page's recipe, and returns the response."""
    function = RECIPE[: RECIPE.index("}\n") + 2]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", f"{function}channelz {method} '{request}'"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_recipe_finds_a_clients_connection_and_its_calls(observed: tuple[Stack, Path]) -> None:
    stack, folder = observed
    commands = [line.split(maxsplit=2)[1] for line in RECIPE.splitlines() if line.startswith("channelz Get")]
    with grpc.insecure_channel(f"{HOST}:{stack.grpc_port}", options=GRPC_OPTIONS) as channel:
        health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

        servers = ask(folder, commands[0], "{}")["server"]
        [server] = [each for each in servers if f":{stack.grpc_port}" in json.dumps(each.get("listenSocket", []))]
        sockets = ask(folder, commands[1], json.dumps({"server_id": server["ref"]["serverId"]}))["socketRef"]
        found = [ask(folder, commands[2], json.dumps({"socket_id": each["socketId"]}))["socket"] for each in sockets]

    assert int(server["data"]["callsStarted"]) >= 1
    assert any(int(each["data"].get("streamsStarted", 0)) >= 1 for each in found)


def test_only_the_services_user_can_open_the_socket(observed: tuple[Stack, Path]) -> None:
    _, folder = observed

    assert stat.S_IMODE((folder / SOCKET).stat().st_mode) == 0o600


def test_the_services_port_has_no_channelz(observed: tuple[Stack, Path]) -> None:
    """Nor has the gateway, which calls only this port."""
    stack, _ = observed
    with (
        grpc.insecure_channel(f"{HOST}:{stack.grpc_port}", options=GRPC_OPTIONS) as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        channelz_pb2_grpc.ChannelzStub(channel).GetServers(
            channelz_pb2.GetServersRequest(), metadata=(("authorization", f"Bearer {stack.key}"),)
        )

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
