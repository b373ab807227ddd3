"""The service with TLS: which clients get in, which caller a certificate makes, and new certificates while it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from arouter.accounts.keys import hash_workload
from arouter.client import AsyncClient, Tls, UnavailableError
from arouter.client import Client as PythonClient
from arouter.v1 import (
    account_service_pb2,
    key_service_pb2,
    model_service_pb2,
    usage_service_pb2,
    usage_service_pb2_grpc,
)
from emulator import Emulator
from emulator.answers import TEXT
from support.ledger import recorded
from support.ports import HOST, free_ports
from support.stack import GRPC_OPTIONS, PROVIDER_KEY, Stack, running
from support.tls import EXPIRED, Authority, Folder, Pair, TlsClient, shown
from support.typed import TIMEOUT, Client, chat_request, refusal

CHECKOUT = "spiffe://example.org/ns/shop/sa/checkout"
WATCHER = "spiffe://example.org/ns/shop/sa/watcher"
CLOSED = "spiffe://example.org/ns/shop/sa/closed"
UNKNOWN = "spiffe://example.org/ns/shop/sa/unknown"
OPTIONS: dict[str, Any] = {"timeout": TIMEOUT}


class Secure(NamedTuple):
    """A service that wants certificates.

    Attributes:
        stack: It, called with a certificate of no workload.
        authority: Issues the certificates.
        folder: Has the service's.
        health_port: Where its health is in plain text.
    """

    stack: Stack
    authority: Authority
    folder: Folder
    health_port: int

    def channel(self, own: Pair | None) -> grpc.Channel:
        """Opens a channel that shows a certificate."""
        credentials = TlsClient(self.authority.pem, own).credentials()
        return grpc.secure_channel(f"{HOST}:{self.stack.grpc_port}", credentials, options=GRPC_OPTIONS)

    def workload(self, *ids: str) -> grpc.Channel:
        return self.channel(self.authority.issue(*ids))

    def shown(self, own: Pair) -> bytes:
        """Returns the certificate that a new connection gets."""
        return shown(self.stack.grpc_port, TlsClient(self.authority.pem, own), self.stack.folder)


@pytest.fixture(scope="module")
def secure(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    authority = Authority()
    path = tmp_path_factory.mktemp("secure")
    folder = Folder(path / "tls", authority.issue(), authority.pem)
    [health_port] = free_ports(1)
    row = {"protocol": "openai", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
    workloads = [
        {"spiffe_id": CHECKOUT, "account": "shop"},
        {"spiffe_id": WATCHER, "account": "watcher"},
        {"spiffe_id": CLOSED, "account": "closed"},
        {"spiffe_id": f"{CHECKOUT}/other", "account": "not-made"},
    ]
    config = {
        "providers": [{"id": "emu", **row}, {"id": "other", **row}],
        "server": {"tls": {**folder.own, "client_ca": folder.ca}},
        "accounts": {"workloads": workloads},
    }
    tls = TlsClient(authority.pem, authority.issue())
    with running(path / "stack", config, ("serve",), {"AROUTER_HEALTH_PORT": str(health_port)}, tls) as stack:
        with stack.channel() as channel:
            accounts = Client(stack, channel, stack.management_key)
            for id_, disabled in (("shop", False), ("watcher", False), ("closed", True)):
                accounts.accounts.CreateAccount(
                    account_service_pb2.CreateAccountRequest(
                        account={"id": id_, "name": id_, "providers": {"values": ["emu"]}, "disabled": disabled}
                    ),
                    **accounts.options,
                )
        yield Secure(stack, authority, folder, health_port)


def models(secure: Secure, channel: grpc.Channel, **options: Any) -> list[str]:
    request = model_service_pb2.ListModelsRequest()
    listed = Client(secure.stack, channel).models.ListModels(request, **OPTIONS, **options)
    return [model.id for model in listed.data]


def allow_all(secure: Secure, channel: grpc.Channel, account: str) -> None:
    """Lets an account use all providers."""
    manager = Client(secure.stack, channel, secure.stack.management_key)
    request = account_service_pb2.UpdateAccountRequest(account_id=account, update_mask={"paths": ["providers"]})
    manager.accounts.UpdateAccount(request, **manager.options)


def test_a_right_certificate_and_a_key_get_in(secure: Secure) -> None:
    with secure.stack.channel() as channel:
        listed = models(secure, channel, metadata=secure.stack.metadata)

    assert {"emu/text", "other/text"} <= set(listed)


@pytest.mark.parametrize("fault", ["no certificate", "expired", "another authority's", "plain text"])
def test_others_do_not_get_in(secure: Secure, fault: str) -> None:
    address = f"{HOST}:{secure.stack.grpc_port}"
    match fault:
        case "no certificate":
            channel = secure.channel(None)
        case "expired":
            channel = secure.channel(secure.authority.issue(until=EXPIRED))
        case "another authority's":
            channel = secure.channel(Authority().issue(CHECKOUT))
        case _:
            channel = grpc.insecure_channel(address, options=GRPC_OPTIONS)

    with channel, pytest.raises(grpc.RpcError) as refused:
        models(secure, channel, metadata=secure.stack.metadata)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert not refused.value.trailing_metadata()


def test_a_service_of_another_authority_is_not_believed(secure: Secure) -> None:
    credentials = TlsClient(Authority().pem, secure.authority.issue()).credentials()
    channel = grpc.secure_channel(f"{HOST}:{secure.stack.grpc_port}", credentials, options=GRPC_OPTIONS)
    with channel, pytest.raises(grpc.RpcError) as refused:
        models(secure, channel, metadata=secure.stack.metadata)

    assert "CERTIFICATE_VERIFY_FAILED" in refused.value.details()


def test_probes_need_no_certificate_and_get_nothing_but_health(secure: Secure) -> None:
    with grpc.insecure_channel(f"{HOST}:{secure.health_port}", options=GRPC_OPTIONS) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), **OPTIONS)
        with pytest.raises(grpc.RpcError) as refused:
            models(secure, channel, metadata=secure.stack.metadata)

    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_workload_is_its_account(secure: Secure, emulator: Emulator) -> None:
    with secure.workload(CHECKOUT) as channel:
        client = Client(secure.stack, channel)
        listed = models(secure, channel)
        answer = client.chat.ChatCompletion(chat_request(), **OPTIONS)
        streamed = client.chat.StreamChatCompletion(chat_request(), **OPTIONS)
        text = "".join(choice.delta.content for chunk in streamed for choice in chunk.choices)
        with pytest.raises(grpc.RpcError) as refused:
            client.chat.ChatCompletion(chat_request("other/text"), **OPTIONS)
        key = client.keys.GetCurrentKey(key_service_pb2.GetCurrentKeyRequest(), **OPTIONS).data

    assert listed
    assert {id_.partition("/")[0] for id_ in listed} == {"emu"}
    assert (answer.choices[0].message.content, text) == (TEXT, TEXT)
    assert refusal(refused.value).code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED)
    assert (key.name, key.account, key.hash) == (CHECKOUT, "shop", hash_workload(CHECKOUT))

    def is_recorded() -> bool:
        return any(row["generation_id"] == answer.id for row in recorded(secure.stack.folder))

    secure.stack.process.wait_until(is_recorded, "recorded")
    [row] = [row for row in recorded(secure.stack.folder) if row["generation_id"] == answer.id]
    assert (row["account"], row["key_hash"]) == ("shop", hash_workload(CHECKOUT))
    with secure.workload(CHECKOUT) as channel:
        usage = usage_service_pb2_grpc.UsageServiceStub(channel)
        shown = usage.GetGeneration(usage_service_pb2.GetGenerationRequest(id=answer.id), **OPTIONS)
    assert shown.account == "shop"


async def test_the_python_client_shows_its_certificate(secure: Secure) -> None:
    own = secure.authority.issue(CHECKOUT)
    tls = Tls(secure.authority.pem, own.certificate, own.key)
    target = f"{HOST}:{secure.stack.grpc_port}"

    with PythonClient(target, tls=tls, timeout=TIMEOUT) as client:
        assert client.list_models()
    async with AsyncClient(target, tls=tls, timeout=TIMEOUT) as async_client:
        assert await async_client.list_models()
    with (
        PythonClient(target, tls=Tls(secure.authority.pem), timeout=TIMEOUT) as without,
        pytest.raises(UnavailableError),
    ):
        without.list_models()


def test_a_workload_may_watch_models(secure: Secure) -> None:
    with secure.workload(WATCHER) as channel, secure.stack.channel() as managers:
        watch = Client(secure.stack, channel).models.WatchModels(model_service_pb2.WatchModelsRequest(), **OPTIONS)
        first = next(watch)
        allow_all(secure, managers, "watcher")
        more = next(watch)
        watch.cancel()

    assert {model.id.partition("/")[0] for model in first.models} == {"emu"}
    assert {model.id.partition("/")[0] for model in more.added} == {"other"}


def test_a_key_counts_before_the_certificate(secure: Secure) -> None:
    with secure.workload(CHECKOUT) as channel:
        listed = models(secure, channel, metadata=secure.stack.metadata)
        with pytest.raises(grpc.RpcError) as refused:
            models(secure, channel, metadata=(("authorization", "Bearer lr_live_wrong"),))
        with pytest.raises(grpc.RpcError) as no_bearer:
            models(secure, channel, metadata=(("authorization", "Basic Og=="),))

    assert "other/text" in listed
    assert refusal(refused.value).code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal(no_bearer.value).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize(
    "ids",
    [
        (),
        (UNKNOWN,),
        (CLOSED,),
        (f"{CHECKOUT}/other",),
        (f"{CHECKOUT}/more",),
        (f"{CHECKOUT}\0more",),
        (CHECKOUT.upper(),),
        (CHECKOUT, UNKNOWN),
    ],
    ids=["none", "unknown", "account disabled", "no such account", "longer", "longer by a NUL", "capitals", "two"],
)
def test_other_certificates_need_a_key(secure: Secure, ids: tuple[str, ...]) -> None:
    with secure.workload(*ids) as channel:
        listed = models(secure, channel, metadata=secure.stack.metadata)
        with pytest.raises(grpc.RpcError) as refused:
            models(secure, channel)

    assert listed
    assert refusal(refused.value).reason == "INVALID_API_KEY"


@pytest.mark.parametrize(
    "metadata",
    [
        ("peer_spiffe_id", CHECKOUT),
        ("x-forwarded-client-cert", f"URI={CHECKOUT}"),
        ("authorization", f"Bearer {CHECKOUT}"),
        ("authorization", f"Bearer {hash_workload(CHECKOUT)}"),
    ],
)
def test_metadata_claims_nothing(secure: Secure, metadata: tuple[str, str]) -> None:
    with secure.stack.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        models(secure, channel, metadata=(metadata,))

    assert refusal(refused.value).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_call_that_somebody_forwards_is_not_the_certificates(secure: Secure) -> None:
    with secure.workload(CHECKOUT) as channel, pytest.raises(grpc.RpcError) as refused:
        models(secure, channel, metadata=(("x-forwarded-for", "192.0.2.1"),))

    assert refusal(refused.value).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_workload_manages_nothing(secure: Secure) -> None:
    with secure.workload(CHECKOUT) as channel:
        client = Client(secure.stack, channel)
        for call, request in (
            (client.keys.ListKeys, key_service_pb2.ListKeysRequest()),
            (client.accounts.ListAccounts, account_service_pb2.ListAccountsRequest()),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                call(request, **OPTIONS)
            assert refusal(refused.value).code is grpc.StatusCode.PERMISSION_DENIED


def test_new_files_are_taken_and_bad_ones_are_not(secure: Secure) -> None:
    authority, folder, log = secure.authority, secure.folder, secure.stack.process
    mine = authority.issue()
    first, second, third = (authority.issue() for _ in range(3))
    with secure.stack.channel() as open_channel:
        folder.rename(first, authority.pem)
        assert secure.shown(mine) == first.der
        # The key of another certificate; half a file; none.
        for broken in (
            second._replace(key=third.key),
            second._replace(certificate=second.certificate[:200]),
            second._replace(certificate=b""),
        ):
            folder.rename(broken, authority.pem)
            assert [secure.shown(mine) for _ in range(3)] == [first.der] * 3
        assert (
            log.log.count("the certificate is unchanged, because its files are invalid") == 3 - 1
        )  # the last two are the same trouble
        (folder.path / "tls.key").unlink()
        assert secure.shown(mine) == first.der
        folder.swap_link(second, authority.pem)
        assert secure.shown(mine) == second.der
        folder.swap_link(third, authority.pem)
        assert secure.shown(mine) == third.der

        assert models(secure, open_channel, metadata=secure.stack.metadata)


def test_a_new_authority_for_clients_is_taken(secure: Secure) -> None:
    old, new, folder = secure.authority, Authority(), secure.folder
    pair = old.issue()
    mine, others = old.issue(), new.issue()
    folder.swap_link(pair, old.pem + new.pem)
    assert secure.shown(mine) == secure.shown(others) == pair.der

    folder.swap_link(pair, new.pem)
    with secure.channel(mine) as channel, pytest.raises(grpc.RpcError) as refused:
        models(secure, channel, metadata=secure.stack.metadata)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    with secure.channel(others) as channel:
        assert models(secure, channel, metadata=secure.stack.metadata)

    folder.swap_link(pair, old.pem)
