"""Two workers that share a Valkey count as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from arouter.v1 import model_service_pb2
from emulator import Emulator
from support.keys import add_key
from support.stack import Stack, running
from support.typed import TIMEOUT, Client, chat_request, refusal
from support.valkey import ValkeyServer, valkey_running

CALLS = 40
ALLOWED = 25
CHANNELS = 10


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_running() as server:
        yield server


@pytest.fixture(scope="module")
def workers(config: dict[str, Any], valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    patient = {**config, "limits": {"timeout": 30}}
    with running(
        tmp_path_factory.mktemp("shared"), patient, ("serve", "--workers", "2"), {"AROUTER_REDIS_URL": valkey.url}
    ) as stack:
        stack.process.wait_until(lambda: stack.process.log.count("serving on") == 2, "two workers")
        yield stack


@pytest.mark.parametrize("rate", ["requests_per_minute", "requests_per_day"])
def test_workers_let_in_as_many_as_one(workers: Stack, emulator: Emulator, rate: str) -> None:
    metadata = (("authorization", f"Bearer {add_key(workers.folder / 'state', **{rate: ALLOWED})}"),)
    with ExitStack() as channels:
        clients = [Client(workers, channels.enter_context(workers.channel())) for _ in range(CHANNELS)]
        for client in clients:
            workers.process.wait_until(lambda client=client: is_known(client, metadata), "the key is known")
        calls = [
            clients[index % CHANNELS].chat.ChatCompletion.future(chat_request(), metadata=metadata, timeout=TIMEOUT)
            for index in range(CALLS)
        ]
        failures = [call.exception() for call in calls]

    refused = [failure for failure in failures if failure is not None]
    assert {refusal(failure).reason for failure in refused} == {"RATE_LIMITED"}
    assert len(refused) == CALLS - ALLOWED


def is_known(client: Client, metadata: Any) -> bool:
    try:
        client.models.ListModels(model_service_pb2.ListModelsRequest(), metadata=metadata, timeout=TIMEOUT)
    except grpc.RpcError as error:
        if refusal(error).code is grpc.StatusCode.UNAUTHENTICATED:
            return False
        raise
    return True
