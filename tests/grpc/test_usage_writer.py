"""Nothing that was used goes unrecorded, however the service ends; and no call asks the database."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import yaml
from sqlalchemy import Engine, event

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.rpc.interceptors.auth import caller
from arouter.server.app import App
from arouter.server.database import run_migrations
from arouter.v1.chat_service_pb2_grpc import ChatServiceStub
from arouter.v1.usage_service_pb2 import SummarizeUsageRequest
from arouter.v1.usage_service_pb2_grpc import UsageServiceStub
from emulator import Emulator
from support.ledger import recorded
from support.ports import free_ports
from support.stack import CLIENT_KEY, Stack, running
from support.typed import Client, chat_request

CALLERS = 20


async def call_until_refused(client: Client, answered: set[str]) -> None:
    """Calls again and again, whole and streamed in turns, until the service goes."""
    while True:
        try:
            whole = await client.chat.ChatCompletion(chat_request(), **client.options)
            answered.add(whole.id)
            stream = client.chat.StreamChatCompletion(chat_request(), **client.options)
            answered.add([chunk.id async for chunk in stream][-1])
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                return
            raise


async def stop_under_load(stack: Stack, enough: Callable[[], bool]) -> set[str]:
    """Sends SIGTERM in the middle of a load; returns the ids of the answers that came whole."""
    answered: set[str] = set()
    async with stack.async_channel() as channel:
        callers = [asyncio.create_task(call_until_refused(Client(stack, channel), answered)) for _ in range(CALLERS)]
        await asyncio.to_thread(stack.process.wait_until, enough, "under load")
        stack.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*callers)
    return answered


async def test_a_stop_under_load_loses_no_record(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, config, ("serve",)) as stack:
        answered = await stop_under_load(stack, lambda: len(emulator.calls) >= 500)
        assert await asyncio.to_thread(stack.process.wait) == 0

    rows = recorded(tmp_path)
    assert Counter(row["generation_id"] for row in rows) == Counter(dict.fromkeys(answered, 1))
    assert len(rows) == len(emulator.calls)


async def test_no_call_asks_the_database(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    """In this process, so that it can be seen on whose behalf a statement is sent: a call's task knows its caller."""
    [port] = free_ports(1)
    environment = read_environment(
        {"AROUTER_GRPC_PORT": str(port), "AROUTER_STATE_DIR": str(tmp_path), "AROUTER_DEV_KEY": CLIENT_KEY}
    )
    on_request_path: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if caller.get(None) is not None:
            on_request_path.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await run_migrations(environment)
        app = App(parse_config(yaml.safe_dump(config), {}), environment, share_port=False)
        await app.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            options: Any = {"metadata": (("authorization", f"Bearer {CLIENT_KEY}"),), "timeout": 30}
            chat = ChatServiceStub(channel)
            for _ in range(10):
                await asyncio.gather(*(chat.ChatCompletion(chat_request(), **options) for _ in range(100)))
            assert len(emulator.calls) == 1000
            assert on_request_path == []

            # The check can fail: this is a method that does ask.
            await UsageServiceStub(channel).SummarizeUsage(SummarizeUsageRequest(), **options)
            assert len(on_request_path) == 1
        await app.stop(asyncio.Event())
    finally:
        event.remove(Engine, "before_cursor_execute", note)
