"""How paths may be written, that no key in one is shown, and what more than one key means."""

from __future__ import annotations

import json
import secrets
import socket
from pathlib import Path
from typing import Any

import grpc
import pytest

from arouter.v1 import model_service_pb2
from emulator import Emulator
from support.log import lines
from support.ports import HOST
from support.rest import Rest
from support.stack import Stack, running
from support.typed import Client

CHAT = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/",
        "/v1/chat/completions//",
        "//v1/chat/completions",
        "/v1//chat///completions/?a=b",
        "/v1/./chat/../chat/completions/",
    ],
)
def test_slashes_mean_nothing(rest: Rest, emulator: Emulator, path: str) -> None:
    whole = rest.request("POST", path, CHAT)
    stream = rest.request("POST", path, CHAT | {"stream": True})

    assert whole.json["object"] == "chat.completion"
    assert stream.body.endswith(b"data: [DONE]\n\n")


def test_every_path_may_end_in_a_slash(rest: Rest, stack: Stack) -> None:
    for path in ("/v1/models", "/v1/models/emu/text", "/v1/key", "/api/v1/providers", "/api/v1/usage"):
        plain, slashed = rest.get(path), rest.get(f"{path}/")
        assert plain.status == slashed.status == 200
        assert slashed.json.keys() == plain.json.keys()
    assert rest.get("/v1/models/?view=full").json["data"][0]["details"]


def test_a_chat_with_a_slash_may_take_its_time(rest: Rest, stack: Stack) -> None:
    """The routes of a path, for short and for other bodies, are those of the path with a slash: one deadline."""
    config = (stack.folder / "state" / "gateway" / "envoy.yaml").read_text()

    routes = [line for line in config.splitlines() if "/v1/chat/completions/?" in line and '"route"' in line]
    assert [json.loads(route.strip().removeprefix("- "))["route"]["timeout"] for route in routes] == ["0s", "0s"]


@pytest.mark.parametrize(
    "path",
    [
        "/V1/chat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat/completions%2F",
        "/v1/chat/completions;a=b",
        "/v1/chat/completions:unary",
        "/v1/chat/completions:unary/",
        "/v1/chat/completions%3Aunary",
        "/v1/chat/Completions",
    ],
)
def test_what_looks_like_a_path_and_is_none_is_not_found(rest: Rest, path: str) -> None:
    answer = rest.request("POST", path, CHAT)

    assert (answer.status, answer.error["type"]) == (404, "invalid_request_error")


def test_a_secret_in_a_path_is_neither_logged_nor_shown(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path
) -> None:
    secret = f"lr_live_{secrets.token_urlsafe(32)}"
    paths = [f"/{secret}", f"/v1/models/{secret}", f"/v1/{secret}", f"/api/v1/keys/{secret}", f"/v1/models/a/{secret}"]
    with running(tmp_path, config) as stack:
        with stack.rest() as rest, Rest(stack.port, stack.management_key) as manager:
            for path in paths:
                for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
                    for each in (rest, manager):
                        answer = each.request(method, path, {} if method == "POST" else None)
                        assert secret.encode() not in answer.body
                        assert secret not in str(answer.headers)
        with stack.channel(stack.port) as channel:
            for method in (f"/arouter.v1.ModelService/{secret}", f"/{secret}/x"):
                call = channel.unary_unary(method, lambda _: b"", lambda data: data)
                with pytest.raises(grpc.RpcError) as caught:
                    call(None, metadata=stack.metadata, timeout=10)
                assert secret not in str(caught.value.details())
        stack.process.stop()

        assert secret not in stack.process.log + stack.process.printed
        logged = [line for line in lines(stack.process.log) if "first_byte_ms" in line]
    assert {line["path"] for line in logged} >= {None, "/api/v1/keys/{hash}", "/v1/models/{model=**}"}


@pytest.mark.parametrize("header", ["authorization: Bearer {}", "x-api-key: {}"])
@pytest.mark.parametrize("order", [("{key}", "lr_live_other"), ("lr_live_other", "{key}"), ("{key}", "{key}")])
def test_two_keys_are_none(stack: Stack, header: str, order: tuple[str, str]) -> None:
    values = [value.format(key=stack.key) for value in order]
    kinds = ["\r\n".join(header.format(value) for value in values), header.format(", ".join(values))]

    for kind in kinds:
        request = f"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{kind}\r\n\r\n"
        with socket.create_connection((HOST, stack.port), timeout=10) as raw:
            raw.sendall(request.encode())
            assert raw.recv(4096).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
@pytest.mark.parametrize("through_gateway", [True, False])
def test_two_keys_are_none_over_grpc(stack: Stack, name: str, through_gateway: bool) -> None:
    prefix = "Bearer " if name == "authorization" else ""
    for values in (("lr_live_other", stack.key), (stack.key, "lr_live_other"), (stack.key, stack.key)):
        metadata = tuple((name, prefix + value) for value in values)
        port = stack.port if through_gateway else stack.grpc_port
        with stack.channel(port) as channel, pytest.raises(grpc.RpcError) as caught:
            Client(stack, channel).models.ListModels(
                model_service_pb2.ListModelsRequest(), metadata=metadata, timeout=10
            )
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_authorization_counts_before_x_api_key(stack: Stack) -> None:
    with Rest(stack.port, stack.key) as rest:
        assert rest.get("/v1/models", {"x-api-key": "lr_live_other"}).status == 200
    with Rest(stack.port, "lr_live_other") as rest:
        assert rest.get("/v1/models", {"x-api-key": stack.key}).status == 401
