"""A running service takes another configuration, and drops no call for it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.v1 import chat_service_pb2, model_service_pb2
from emulator import Emulator
from emulator.answers import TEXT
from support.log import lines
from support.reloading import Reloading
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
START: dict[str, Any] = {
    "providers": [{"id": "idle", "base_url": "http://127.0.0.1:9/v1", "api_keys": [], "models": ["none"]}]
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("reload"), START, ("serve",)) as stack:
        yield stack


@pytest.fixture
def file(service: Stack) -> Iterator[Reloading]:
    """Its configuration, which is the first one again after the test."""
    file = Reloading(service)
    yield file
    file.apply(START)


@pytest.fixture(scope="module")
def channel(service: Stack) -> Iterator[grpc.Channel]:
    with service.channel() as channel:
        yield channel


@pytest.fixture
def client(service: Stack, channel: grpc.Channel) -> Client:
    return Client(service, channel)


def row(emulator: Emulator, id_: str = "emu", **fields: Any) -> dict[str, Any]:
    return {"id": id_, "base_url": emulator.base_url, "api_keys": [PROVIDER_KEY], "models": ["text", "gated"]} | fields


def listed(client: Client) -> set[str]:
    return {
        model.id for model in client.models.ListModels(model_service_pb2.ListModelsRequest(), **client.options).data
    }


def say(client: Client, model: str = "emu/text") -> str:
    return client.chat.ChatCompletion(chat_request(model), **client.options).choices[0].message.content


def refused(client: Client, model: str) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        say(client, model)
    return caught.value.code()


def first_words(client: Client, model: str) -> Any:
    """Returns a gated stream whose first word has come."""
    stream = client.chat.StreamChatCompletion(chat_request(model), **client.options)
    while "Hello" not in next(stream).choices[0].delta.content:
        pass
    return stream


def rest_of(stream: Any) -> str:
    return "".join(choice.delta.content for chunk in stream for choice in chunk.choices)


def health(channel: grpc.Channel, provider: str) -> Any:
    """Watches the health of a provider."""
    request = health_pb2.HealthCheckRequest(service=f"provider/{provider}")
    return health_pb2_grpc.HealthStub(channel).Watch(request, timeout=30)


def test_a_provider_comes_and_goes(
    service: Stack, file: Reloading, channel: grpc.Channel, client: Client, emulator: Emulator
) -> None:
    """Its list is read at once; who watches is told; and the call that it is in the middle of ends well."""
    watch = client.models.WatchModels(model_service_pb2.WatchModelsRequest(), **client.options)
    assert {model.id for model in next(watch).models} == {"idle/none"}
    status = health(channel, "emu")
    assert next(status).status == UNKNOWN

    new = row(emulator)
    del new["models"]
    file.apply({"providers": [new]})
    assert next(status).status == SERVING
    added: set[str] = set()
    while "emu/text" not in added:
        added |= {model.id for model in next(watch).added}
    assert listed(client) == {f"emu/{name}" for name in emulator.models}
    assert say(client) == TEXT

    stream = first_words(client, "emu/gated")
    file.apply({"providers": [row(emulator, "other")]})
    assert next(status).status == UNKNOWN
    removed: set[str] = set()
    while "emu/text" not in removed:
        removed |= set(next(watch).removed)
    assert listed(client) == {"other/text", "other/gated"}
    assert refused(client, "emu/text") is grpc.StatusCode.NOT_FOUND
    assert say(client, "other/text") == TEXT
    emulator.release_all()
    assert rest_of(stream) == TEXT.removeprefix("Hello")
    watch.cancel()
    status.cancel()


def test_what_is_known_of_others_stays(
    service: Stack, file: Reloading, channel: grpc.Channel, client: Client, emulator: Emulator
) -> None:
    """The list of a provider that has gone away meanwhile, and that it fails; until it is elsewhere."""
    with Emulator() as away:
        kept = row(away, "away")
        del kept["models"]
        breaker = {"routing": {"breaker": {"failures": 1, "cooldown": 3600, "max_cooldown": 3600}}}
        file.apply({"providers": [kept], **breaker})
        service.process.wait_until(lambda: "away/text" in listed(client), "listing")
    refused(client, "away/text")
    status = health(channel, "away")
    while next(status).status != NOT_SERVING:
        pass

    file.apply({"providers": [kept, row(emulator)], **breaker})
    assert {"away/text", "emu/text"} <= listed(client)
    check = health_pb2.HealthCheckRequest(service="provider/away")
    assert health_pb2_grpc.HealthStub(channel).Check(check, timeout=30).status == NOT_SERVING

    file.apply({"providers": [kept | {"base_url": emulator.base_url}], **breaker})
    assert next(status).status == SERVING
    assert say(client, "away/text") == TEXT
    status.cancel()


def test_deadlines_change_for_new_calls(file: Reloading, client: Client, emulator: Emulator) -> None:
    """A call that is under way keeps the one that it began with."""
    file.apply({"providers": [row(emulator)]})
    stream = first_words(client, "emu/gated")

    file.apply({"providers": [row(emulator)], "timeouts": {"total": 0.2}})

    with pytest.raises(grpc.RpcError, match="The answer of provider 'emu' did not arrive in time"):
        say(client, "emu/gated")
    emulator.release_all()
    assert rest_of(stream) == TEXT.removeprefix("Hello")


def test_routing_changes(file: Reloading, client: Client, emulator: Emulator) -> None:
    providers = [row(emulator, "one"), row(emulator, "two")]
    file.apply({"providers": providers, "models": [{"id": "shared/m", "endpoints": ["one/text"]}]})
    assert client.chat.ChatCompletion(chat_request("shared/m"), **client.options).route.attempts[-1].provider == "one"
    with pytest.raises(grpc.RpcError, match="model"):
        say(client, "")

    file.apply(
        {
            "providers": providers,
            "models": [{"id": "shared/m", "endpoints": ["two/text"]}],
            "routing": {"default_model": "shared/m"},
        }
    )

    assert client.chat.ChatCompletion(chat_request(""), **client.options).route.attempts[-1].provider == "two"


def test_the_silence_before_a_comment_changes(file: Reloading, client: Client, emulator: Emulator) -> None:
    file.apply({"providers": [row(emulator)], "server": {"keep_alive": 0.05}})
    body = b'{"model": "emu/gated", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    request = chat_service_pb2.CreateChatCompletionRequest(http_body=httpbody_pb2.HttpBody(data=body))

    events = client.chat.CreateChatCompletion(request, **client.options)
    while next(events).data != b": keep-alive\n\n":
        pass
    emulator.release_all()

    assert b"[DONE]" in b"".join(event.data for event in events)


def test_what_cannot_be_used_changes_nothing(
    service: Stack, file: Reloading, client: Client, emulator: Emulator
) -> None:
    """It is said once, however often the file is looked at; and the next good one is taken."""
    file.apply({"providers": [row(emulator)]})

    for text, why in {
        "providers: [": "arouter.yaml: line 1: not valid YAML",
        "provders: []": "arouter.yaml: unknown field 'provders'; did you mean 'providers'?",
        "timeouts: {total: 0}": "arouter.yaml: timeouts.total:",
        'providers: [{id: openai, api_keys: ["${NOT_THERE}"]}]': "environment variable NOT_THERE is not set",
        "providers: [{id: x}]": "arouter.yaml: providers[0]: provider 'x' needs a base_url",
    }.items():
        assert why in file.refuse(text)
        assert say(client) == TEXT
    refusals = file.refusals
    file.write("providers: [{id: x}]")
    file.hang_up()
    service.process.wait_until(lambda: "is unchanged and still invalid" in service.process.log, "said so")
    assert file.refusals == refusals

    file.apply({"providers": [row(emulator, "better")]})
    assert say(client, "better/text") == TEXT


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "{}", "null", "---\n", "providers:\n", "providers: []\n", "timeouts: {total: 60}\n"]
)
def test_the_last_provider_is_not_taken_away(
    service: Stack, file: Reloading, client: Client, emulator: Emulator, text: str
) -> None:
    """A file that was emptied, or is being written."""
    file.apply({"providers": [row(emulator)], "timeouts": {"total": 50}})

    assert "arouter.yaml: " in file.refuse(text)

    assert say(client) == TEXT


def test_a_config_map_that_is_empty_for_a_moment_is_harmless(
    service: Stack, file: Reloading, client: Client, emulator: Emulator
) -> None:
    file.apply({"providers": [row(emulator)]})
    refusals, taken = len(file.refusals), file.taken

    file.swap("")
    file.hang_up()
    service.process.wait_until(lambda: len(file.refusals) > refusals, "refused")
    assert say(client) == TEXT
    file.swap({"providers": [row(emulator, "next")]})

    file.wait_taken(taken + 1)
    assert say(client, "next/text") == TEXT


def test_a_file_that_goes_away_and_comes_back(
    service: Stack, file: Reloading, client: Client, emulator: Emulator
) -> None:
    file.apply({"providers": [row(emulator)]})
    refusals = len(file.refusals)

    file.path.unlink()
    service.process.wait_until(lambda: len(file.refusals) > refusals, "refused")
    assert "arouter.yaml: No such file or directory" in file.refusals[-1]
    assert say(client) == TEXT

    taken = file.taken
    file.rename({"providers": [row(emulator, "back")]})
    file.wait_taken(taken + 1)
    assert say(client, "back/text") == TEXT


def test_what_needs_a_restart_is_said(service: Stack, file: Reloading, client: Client, emulator: Emulator) -> None:
    """And the rest is taken."""
    file.apply(
        {
            "providers": [row(emulator)],
            "timeouts": {"total": 700},
            "server": {"max_provider_connections": 5, "drain_grace": 20},
            "gateway": {"max_connections": 5},
        }
    )

    assert say(client) == TEXT
    said = [line["event"] for line in lines(service.process.log) if line["level"] == "warning"]
    assert "takes effect after a restart: server.max_provider_connections" in said
    assert (
        "takes effect after the gateway is rendered again and restarted: gateway.max_connections, timeouts.total"
        in said
    )


def test_calls_get_the_grace_of_the_new_configuration(emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, {"providers": [row(emulator)]}, ("serve", "--workers", "2")) as stack:
        stack.process.wait_until(lambda: stack.process.log.count("serving on") == 2, "two workers")
        Reloading(stack, workers=2).apply({"providers": [row(emulator)], "server": {"drain_grace": 0.5}})
        with stack.channel() as channel:
            stream = first_words(Client(stack, channel), "emu/gated")
            stack.process.send_signal(signal.SIGTERM)
            with pytest.raises(grpc.RpcError, match="shutting down"):
                rest_of(stream)
        assert stack.process.wait() == 0
