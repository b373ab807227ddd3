"""`ModelService.WatchModels`: the caller's list, then every change to it, until the key is no longer valid."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from arouter.v1.model_pb2 import Model
from arouter.v1.model_service_pb2 import ListModelsRequest, WatchModelsRequest, WatchModelsResponse
from emulator import Emulator
from support.management import ACCOUNTS, Manager, managing
from support.stack import PROVIDER_KEY, Stack, running
from support.typed import Client, refusal


@pytest.fixture(scope="module")
def growing() -> Iterator[Emulator]:
    """A provider whose list changes."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def following(growing: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("following"), config(growing)) as stack:
        yield stack


@pytest.fixture
def stack(growing: Emulator, following: Stack) -> Stack:
    """A stack whose provider lists two models."""
    growing.listed = {name: growing.listed[name] for name in ("echo", "text")}
    with following.channel() as channel:
        client = Client(following, channel)
        following.process.wait_until(lambda: len(listed(client)) == 3, "listing two models")
    return following


@pytest.fixture
def operator(stack: Stack) -> Iterator[Manager]:
    with managing(stack) as manager:
        yield manager


def config(provider: Emulator) -> dict[str, Any]:
    row = {"base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
    return {
        "providers": [{"id": "emu", **row}, {"id": "fixed", **row, "models": ["text"]}],
        "catalogue": {"sync_interval": 0.2},
    }


def listed(client: Client) -> list[Model]:
    return list(client.models.ListModels(ListModelsRequest(), **client.options).data)


@contextmanager
def watching(stack: Stack, key: str | None = None, view: str = "", port: int | None = None) -> Iterator[Any]:
    """Yields the call, whose first response has not been read."""
    with stack.channel(port) as channel:
        client = Client(stack, channel, key)
        call = client.models.WatchModels(WatchModelsRequest(view=view), **client.options)
        try:
            yield call
        finally:
            call.cancel()


def ids(response: WatchModelsResponse) -> dict[str, list[str]]:
    """Returns what a response says, by field."""
    said = {name: [model.id for model in getattr(response, name)] for name in ("models", "added", "changed")}
    said["removed"] = list(response.removed)
    return {name: models for name, models in said.items() if models}


@pytest.mark.parametrize("through", ["direct", "Envoy"])
def test_the_list_then_every_change(stack: Stack, growing: Emulator, through: str) -> None:
    """Models that come, change and go are told as such, and nothing else is."""
    with watching(stack, port=stack.port if through == "Envoy" else None) as call:
        first = next(call)
        assert ids(first) == {"models": ["emu/echo", "emu/text", "fixed/text"]}
        with stack.channel() as channel:
            assert list(first.models) == listed(Client(stack, channel))

        two = growing.listed
        growing.listed = {**two, "tools": None}
        assert ids(next(call)) == {"added": ["emu/tools"]}
        earlier = (two["echo"] or 0) - 1000
        growing.listed = {**two, "echo": earlier}
        response = next(call)
        assert ids(response) == {"changed": ["emu/echo"], "removed": ["emu/tools"]}
        assert response.changed[0].created == earlier


def test_the_full_view_has_details(stack: Stack) -> None:
    """`view` means what it means in `ListModels`."""
    with watching(stack, view="full") as call:
        assert all(model.HasField("details") for model in next(call).models)
    with watching(stack, view="whole") as call:
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert refusal(caught.value).info["param"] == "view"


def test_only_what_the_key_may_use(stack: Stack, growing: Emulator, operator: Manager) -> None:
    """What other keys see is never told; what is changed for the key is told at once."""
    key, secret = operator.create(name="narrow", allowed_models=["emu/text"])
    with watching(stack, secret) as call:
        assert ids(next(call)) == {"models": ["emu/text"]}
        growing.listed = {**growing.listed, "tools": None}
        operator.patch(key, allowed_models=["tools", "fixed/*"])

        seen: dict[str, set[str]] = {"added": set(), "removed": set()}
        while seen["added"] != {"emu/tools", "fixed/text"}:
            for name, models in ids(next(call)).items():
                seen[name].update(models)
    operator.delete(key)

    assert seen["removed"] == {"emu/text"}


def test_a_provider_taken_from_the_account(stack: Stack, operator: Manager) -> None:
    """The account's rights are the key's."""
    assert operator.rest.request("POST", ACCOUNTS, {"id": "watched"}).status == 200
    _, secret = operator.create(name="of an account", account="watched")
    with watching(stack, secret) as call:
        assert ids(next(call)) == {"models": ["emu/echo", "emu/text", "fixed/text"]}
        assert operator.rest.request("PATCH", f"{ACCOUNTS}/watched", {"providers": ["fixed"]}).status == 200
        assert ids(next(call)) == {"removed": ["emu/echo", "emu/text"]}
        assert operator.rest.request("PATCH", f"{ACCOUNTS}/watched", {"providers": None}).status == 200
        assert ids(next(call)) == {"added": ["emu/echo", "emu/text"]}

        assert operator.rest.request("DELETE", f"{ACCOUNTS}/watched").status == 200
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert refusal(caught.value).reason == "INVALID_API_KEY"


@pytest.mark.parametrize("ending", ["revoked", "disabled", "expired"])
def test_a_key_that_is_no_longer_valid_ends_its_watch(stack: Stack, operator: Manager, ending: str) -> None:
    """With UNAUTHENTICATED, whatever made it invalid."""
    key, secret = operator.create(name="short-lived")
    with watching(stack, secret) as call:
        next(call)
        match ending:
            case "revoked":
                operator.delete(key)
            case "disabled":
                operator.patch(key, disabled=True)
            case "expired":
                soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
                operator.patch(key, expires_at=soon)
        with pytest.raises(grpc.RpcError) as caught:
            next(call)

    ended = refusal(caught.value)
    assert (ended.code, ended.reason) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_API_KEY")


def test_watches_do_not_hold_up_the_end(growing: Emulator, tmp_path: Path) -> None:
    """The service stops with watches open, within its usual time and without a word in the log."""
    with running(tmp_path, config(growing), command=("serve",)) as stack, watching(stack) as call:
        next(call)
        assert stack.process.stop() == 0, stack.process.log
        # On a busy machine the list may have come after the start, as a change to tell first.
        with pytest.raises(grpc.RpcError) as caught:
            list(call)

    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
