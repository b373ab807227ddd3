"""Two workers that share a Valkey count as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from valkey import Valkey

from arouter.accounts.keys import hash_secret
from arouter.limits.valkey import entry
from arouter.v1 import model_service_pb2
from emulator import Emulator
from support.keys import add_key
from support.stack import PROVIDER_KEY, Stack, running
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


def test_a_valkey_that_hangs_leaves_no_money_reserved(
    config: dict[str, Any], valkey: ValkeyServer, emulator: Emulator, tmp_path: Path
) -> None:
    """Calls that began or ended while Valkey hung hold nothing afterwards, and the key may go on."""
    prices = {"prompt": 1000, "completion": 1000}
    names = ("text", "gated")
    paid = {"id": "paid", "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY]}
    paid["models"] = [{"name": name, "prices": prices} for name in names]
    impatient = {**config, "providers": [paid], "limits": {"timeout": 0.25}}
    with (
        running(tmp_path, impatient, ("serve",), {"AROUTER_REDIS_URL": valkey.url}) as stack,
        stack.channel() as channel,
    ):
        secret = add_key(stack.folder / "state", limit_nanos=10**12)
        metadata = (("authorization", f"Bearer {secret}"),)
        client = Client(stack, channel)
        stack.process.wait_until(lambda: is_known(client, metadata), "the key is known")

        def calls(model: str) -> list[Any]:
            request = chat_request(f"paid/{model}", max_tokens=1000)
            return [client.chat.ChatCompletion.future(request, metadata=metadata, timeout=TIMEOUT) for _ in range(16)]

        for call in calls("text"):
            call.result()
        gated = calls("gated")
        emulator.wait_for(lambda: emulator.open_calls == len(gated))
        assert held(valkey, secret) > 0

        with valkey.halted():
            for call in calls("text"):
                call.result()
            emulator.release_all()
            for call in gated:
                call.result()

        stack.process.wait_until(lambda: held(valkey, secret) == 0, "nothing is reserved")
        for call in calls("text"):
            call.result()


def held(valkey: ValkeyServer, secret: str) -> int:
    """Returns what Valkey has reserved for a key without a period."""
    with Valkey.from_url(valkey.url) as store:
        period = store.hgetall(entry(hash_secret(secret), "money", "1970-01-01"))
    return sum(int(amount) for field, amount in period.items() if field != b"spent")


def is_known(client: Client, metadata: Any) -> bool:
    try:
        client.models.ListModels(model_service_pb2.ListModelsRequest(), metadata=metadata, timeout=TIMEOUT)
    except grpc.RpcError as error:
        if refusal(error).code is grpc.StatusCode.UNAUTHENTICATED:
            return False
        raise
    return True


def test_a_valkey_that_refuses_the_password_is_named_and_stops_nothing(
    config: dict[str, Any], valkey: ValkeyServer, emulator: Emulator, tmp_path: Path
) -> None:
    url = valkey.url.replace("//", "//router:secret@")
    with running(tmp_path, config, ("serve",), {"AROUTER_REDIS_URL": url}) as stack, stack.channel() as channel:
        metadata = (("authorization", f"Bearer {add_key(stack.folder / 'state', requests_per_day=5)}"),)
        client = Client(stack, channel)
        stack.process.wait_until(lambda: is_known(client, metadata), "the key is known")

        client.chat.ChatCompletion(chat_request(), metadata=metadata, timeout=TIMEOUT)

        assert stack.process.log.count("put the right user and password into AROUTER_REDIS_URL") == 1
        assert "secret" not in stack.process.log
