"""The Python client in front of the real service, directly and through Envoy."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from arouter.client import (
    AsyncClient,
    CallCancelledError,
    CallError,
    Client,
    DeadlineExceededError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
)
from arouter.client.connection import Connection, reading_methods
from arouter.client.metadata import Defaults
from arouter.client.sync_calls import Channel
from arouter.v1.embedding_service_pb2 import CreateEmbeddingsRequest
from arouter.v1.key_service_pb2 import GetCurrentKeyRequest
from arouter.v1.model_service_pb2 import WatchModelsRequest
from emulator import Emulator
from emulator.answers import TEXT, TOOL_CALLS, USAGE
from emulator.scenarios import MEGABYTE
from support.ports import HOST, free_ports
from support.stack import Stack
from support.typed import chat_request


@pytest.fixture(params=["direct", "through Envoy"])
def target(request: pytest.FixtureRequest, stack: Stack, emulator: Emulator) -> str:
    return f"{HOST}:{stack.port if request.param == 'through Envoy' else stack.grpc_port}"


@pytest.fixture
def client(target: str, stack: Stack) -> Iterator[Client]:
    with Client(target, key=stack.key, timeout=30) as client:
        yield client


@pytest.fixture
async def async_client(target: str, stack: Stack) -> AsyncIterator[AsyncClient]:
    async def key() -> str:
        await asyncio.sleep(0)
        return stack.key

    async with AsyncClient(target, key=key, timeout=30) as client:
        yield client


def test_every_method_and_a_stub(client: Client) -> None:
    assert client.chat(chat_request()).choices[0].message.content == TEXT
    assert "emu/text" in [model.id for model in client.list_models()]
    assert client.get_model("emu/text").id == "emu/text"
    with pytest.raises(InvalidArgumentError, match="embeddings"):
        client.embed(CreateEmbeddingsRequest(model="emu/text", input=["a", "b"]))
    assert client.key_service.GetCurrentKey(GetCurrentKeyRequest()).data.label


async def test_every_method_and_a_stub_with_asyncio(async_client: AsyncClient) -> None:
    client = async_client
    assert (await client.chat(chat_request())).choices[0].message.content == TEXT
    assert "emu/text" in [model.id for model in await client.list_models()]
    assert (await client.get_model("emu/text")).id == "emu/text"
    with pytest.raises(InvalidArgumentError, match="embeddings"):
        await client.embed(CreateEmbeddingsRequest(model="emu/text", input=["a", "b"]))
    assert (await client.key_service.GetCurrentKey(GetCurrentKeyRequest())).data.label


async def test_streams_add_up(client: Client, async_client: AsyncClient) -> None:
    with client.stream_chat(chat_request("emu/tools")) as stream:
        chunks = list(stream)
    async with async_client.stream_chat(chat_request("emu/tools")) as async_stream:
        async_chunks = [chunk async for chunk in async_stream]

    assert len(chunks) == len(async_chunks) > 1
    for whole in (stream.completion(), async_stream.completion()):
        calls = whole.choices[0].message.tool_calls
        assert tuple((call.id, call.function.name, call.function.arguments) for call in calls) == TOOL_CALLS
        assert whole.usage.total_tokens == USAGE.total_tokens
        assert whole.choices[0].finish_reason == "tool_calls"
        assert whole.route.attempts
    assert stream.initial_metadata()["x-arouter-provider"] == "emu"
    assert (await async_stream.initial_metadata())["x-arouter-provider"] == "emu"


async def test_failures_are_errors_of_their_kind(client: Client, async_client: AsyncClient) -> None:
    with pytest.raises(ResourceExhaustedError, match="RATE_LIMITED: ") as limited:
        client.chat(chat_request("emu/status-429"))
    with pytest.raises(NotFoundError) as missing:
        await async_client.get_model("emu/none")
    with pytest.raises(ResourceExhaustedError), client.stream_chat(chat_request("emu/status-429")) as stream:
        next(stream)

    assert (limited.value.provider, limited.value.http_status) == ("emu", 429)
    assert (missing.value.reason, missing.value.code) == ("MODEL_NOT_FOUND", "model_not_found")
    assert isinstance(missing.value.__cause__, grpc.RpcError)


async def test_a_stream_that_fails_later_keeps_what_came(client: Client, async_client: AsyncClient) -> None:
    stream = client.stream_chat(chat_request("emu/error-midstream"))
    async_stream = async_client.stream_chat(chat_request("emu/error-midstream"))

    with pytest.raises(UnavailableError) as raised:
        list(stream)
    with pytest.raises(UnavailableError):
        [_ async for _ in async_stream]

    assert raised.value.reason == "PROVIDER_ERROR"
    assert stream.completion().choices[0].message.content
    assert async_stream.completion().choices == stream.completion().choices


async def test_the_deadline_of_a_call_and_of_a_client(
    target: str, stack: Stack, client: Client, async_client: AsyncClient
) -> None:
    with pytest.raises(DeadlineExceededError):
        client.chat(chat_request("emu/hang"), timeout=0.3)
    with pytest.raises(DeadlineExceededError):
        await async_client.chat(chat_request("emu/hang"), timeout=0.3)
    with Client(target, key=stack.key, timeout=0.3) as hasty, pytest.raises(DeadlineExceededError):
        hasty.chat(chat_request("emu/hang"))


def test_leaving_a_stream_cancels_the_providers_work(client: Client, emulator: Emulator) -> None:
    with client.stream_chat(chat_request("emu/flood")) as stream:
        next(stream)

    assert emulator.calls[-1].disconnected.wait(20)
    with pytest.raises(CallCancelledError):
        list(stream)


def test_a_stream_without_a_reference_is_cancelled(client: Client, emulator: Emulator) -> None:
    next(client.stream_chat(chat_request("emu/flood")))

    assert emulator.calls[-1].disconnected.wait(20)


async def test_an_iteration_that_is_left_is_cancelled(async_client: AsyncClient, emulator: Emulator) -> None:
    async for _ in async_client.stream_chat(chat_request("emu/flood")):
        break

    assert await asyncio.to_thread(emulator.calls[-1].disconnected.wait, 20)


def test_another_thread_cancels(client: Client, emulator: Emulator) -> None:
    stream = client.stream_chat(chat_request("emu/hang-midstream"))
    next(stream)
    timer = threading.Timer(0.1, stream.cancel)
    timer.start()

    with pytest.raises(CallCancelledError):
        list(stream)
    timer.join()


async def test_a_cancelled_task_and_a_cancelled_call_are_told_apart(
    async_client: AsyncClient, emulator: Emulator
) -> None:
    async def read(stream: AsyncIterator[object], begun: asyncio.Event) -> None:
        async for _ in stream:
            begun.set()

    for by_task, error in ((True, asyncio.CancelledError), (False, CallCancelledError)):
        stream, begun = async_client.stream_chat(chat_request("emu/hang-midstream")), asyncio.Event()
        task = asyncio.create_task(read(stream, begun))
        await begun.wait()
        if by_task:
            task.cancel()
        else:
            stream.cancel()
        with pytest.raises(error):
            await task
        assert await asyncio.to_thread(emulator.calls[-1].disconnected.wait, 20)


async def test_closing_the_client_ends_calls_and_not_their_tasks(target: str, stack: Stack, emulator: Emulator) -> None:
    client = AsyncClient(target, key=stack.key, timeout=30)
    begun, count = asyncio.Event(), len(emulator.calls)

    async def read() -> None:
        async for _ in client.stream_chat(chat_request("emu/hang-midstream")):
            begun.set()

    tasks = [asyncio.create_task(client.chat(chat_request("emu/hang"))), asyncio.create_task(read())]
    await begun.wait()
    while len(emulator.calls) < count + len(tasks):  # noqa: ASYNC110 -- the emulator is another thread
        await asyncio.sleep(0.01)
    await client.close()

    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in ended] == [CallCancelledError, CallCancelledError]


async def test_a_stream_cancelled_while_its_key_is_awaited_makes_no_call(target: str, emulator: Emulator) -> None:
    asked, told = asyncio.Event(), asyncio.Event()

    async def key() -> str:
        asked.set()
        await told.wait()
        return "any"

    async with AsyncClient(target, key=key, timeout=30) as client:
        stream = client.stream_chat(chat_request())
        task = asyncio.ensure_future(anext(stream))
        await asked.wait()
        stream.cancel()
        told.set()
        with pytest.raises(CallCancelledError):
            await task


async def test_what_is_no_such_message_is_an_error() -> None:
    """Of a server with other protos, or a proxy."""
    server = grpc.aio.server()
    unary = grpc.unary_unary_rpc_method_handler(lambda *_: b"\xff")
    stream = grpc.unary_stream_rpc_method_handler(lambda *_: iter([b"\xff"]))
    service = "arouter.v1.ChatService"
    methods = {"ChatCompletion": unary, "StreamChatCompletion": stream}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    target = f"{HOST}:{server.add_insecure_port(f'{HOST}:0')}"
    await server.start()
    try:
        async with AsyncClient(target) as client:
            with pytest.raises(InternalError, match="deserializing"):
                await client.chat(chat_request())
            with pytest.raises(InternalError, match="deserializing"):
                await anext(client.stream_chat(chat_request()))
        with Client(target) as sync_client, pytest.raises(InternalError, match="deserializing"):
            await asyncio.to_thread(sync_client.chat, chat_request())
    finally:
        await server.stop(None)


@pytest.mark.parametrize(
    ("name", "value"), [("x-request-id", "a\nauthorization: b"), ("x-own", "é"), ("X-Own", "a"), ("a b", "c"), ("", "")]
)
async def test_metadata_that_cannot_be_sent_is_refused(name: str, value: str) -> None:
    [port] = free_ports(1)
    with Client(f"{HOST}:{port}", key="secret") as client, pytest.raises(ValueError, match=name or "name") as refused:
        client.list_models(metadata={name: value})
    async with AsyncClient(f"{HOST}:{port}", key="secret") as client:
        with pytest.raises(ValueError, match=name or "name") as refused_too:
            await client.list_models(metadata={name: value})

    assert "secret" not in f"{refused.value!r} {refused_too.value!r}"


def test_changes_of_models_are_watched_without_a_deadline(target: str, stack: Stack) -> None:
    channel = Channel(Connection(target), Defaults(timeout=30), stack.key)

    assert channel.settings("/arouter.v1.ModelService/WatchModels", 5, None)["timeout"] == 5
    with Client(target, key=stack.key, timeout=30) as client:
        watch = client.model_service.WatchModels(WatchModelsRequest())
        assert "emu/text" in [model.id for model in next(watch).models]
        watch.cancel()


def test_large_responses_arrive(client: Client) -> None:
    response = client.chat(chat_request("emu/11mb"))

    assert len(response.choices[0].message.content) > 4 * MEGABYTE  # grpc's own limit


async def test_one_client_serves_loop_after_loop(target: str, stack: Stack, emulator: Emulator) -> None:
    client = AsyncClient(target, key=stack.key)

    async def first_id() -> str:
        return (await client.list_models())[0].id

    first = await asyncio.to_thread(asyncio.run, first_id())
    second = await asyncio.to_thread(asyncio.run, first_id())
    assert first == second == await first_id()
    await client.close()
    with pytest.raises(ValueError, match="closed"):
        await client.list_models()


def test_the_key_is_asked_for_with_each_call(target: str, stack: Stack, emulator: Emulator) -> None:
    keys = iter([stack.key, "lr_live_wrong", "with\nbreak", ""])
    with Client(target, key=lambda: next(keys)) as client:
        assert client.list_models()
        with pytest.raises(UnauthenticatedError):
            client.list_models()
        for _ in range(2):
            with pytest.raises(ValueError, match="key is empty, or") as raised:
                client.list_models()
            assert "break" not in str(raised.value).replace("line break", "")
    with pytest.raises(ValueError, match="closed"):
        client.list_models()


def test_the_request_id_is_in_the_error(stack: Stack, emulator: Emulator) -> None:
    ids = []
    for port in (stack.grpc_port, stack.port):
        with Client(f"{HOST}:{port}", key=stack.key) as client, pytest.raises(CallError) as raised:
            client.get_model("emu/none", request_id="mine")
        ids.append(raised.value.request_id)

    assert ids[0] == "mine"
    assert ids[1]


def test_a_port_without_a_service_is_unavailable() -> None:
    [port] = free_ports(1)
    with Client(f"{HOST}:{port}") as client, pytest.raises(UnavailableError) as raised:
        client.list_models()

    assert (raised.value.reason, raised.value.retry_delay) == ("", None)


def test_only_what_reads_is_repeated() -> None:
    attempts: list[str] = []

    class Unavailable(grpc.GenericRpcHandler):
        def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
            attempts.append(call.method.rpartition("/")[2])
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(grpc.StatusCode.UNAVAILABLE, "Not now.")
            )

    server = grpc.server(ThreadPoolExecutor(1), [Unavailable()])
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    with Client(f"{HOST}:{port}") as client:
        with pytest.raises(UnavailableError, match="Not now"):
            client.chat(chat_request())
        with pytest.raises(UnavailableError, match="Not now"):
            list(client.stream_chat(chat_request()))
        with pytest.raises(UnavailableError, match="Not now"):
            client.list_models()
    server.stop(None).wait()

    assert attempts == ["ChatCompletion", "StreamChatCompletion", *["ListModels"] * 4]
    assert all(name.startswith(("Get", "List", "Summarize")) for _, name in reading_methods())
