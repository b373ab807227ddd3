"""Keys and accounts over typed gRPC: unset and empty differ, and a mask says what changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode

from arouter.v1 import account_service_pb2 as accounts
from arouter.v1 import key_pb2 as keys
from arouter.v1 import key_service_pb2 as service
from support.stack import Stack
from support.typed import Client, Refusal, refusal

LATER = Timestamp(seconds=4_000_000_000, nanos=500_000_000)


@pytest.fixture(params=["direct", "through Envoy"])
def client(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Client]:
    with stack.channel(stack.port if request.param == "through Envoy" else None) as channel:
        yield Client(stack, channel, stack.management_key)


def refused(method: Any, request: Any, client: Client) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        method(request, **client.options)
    return refusal(caught.value)


def create(client: Client, **fields: Any) -> service.CreateKeyResponse:
    return client.keys.CreateKey(service.CreateKeyRequest(key=keys.Key(**{"name": "typed"} | fields)), **client.options)


def update(client: Client, hash_: str, paths: list[str], **fields: Any) -> keys.Key:
    request = service.UpdateKeyRequest(hash=hash_, key=keys.Key(**fields), update_mask=FieldMask(paths=paths))
    return client.keys.UpdateKey(request, **client.options).data


def test_a_bare_key(client: Client) -> None:
    made = create(client)

    assert made.key.startswith("lr_live_")
    assert not made.HasField("http_body")
    key = made.data
    assert (key.name, key.key_type, key.account) == ("typed", keys.KEY_TYPE_REGULAR, "default")
    for field in ("limit", "limit_remaining", "allowed_providers", "allowed_models", "rate_limit", "expires_at"):
        assert not key.HasField(field)
    assert key.limit_reset == keys.LIMIT_RESET_UNSPECIFIED
    assert key.created_at == key.updated_at
    assert client.keys.GetKey(service.GetKeyRequest(hash=key.hash), **client.options).data == key


def test_keys_are_listed_newest_first(client: Client) -> None:
    """Also those that are made in the same second."""
    made = [create(client).data.hash for _ in range(6)][::-1]
    listed: list[str] = []
    request = service.ListKeysRequest(page_size=2)
    while len(listed) < len(made):
        page = client.keys.ListKeys(request, **client.options)
        listed += [key.hash for key in page.data]
        request.page_token = page.next_page_token

    assert listed == made


def test_a_key_with_everything(client: Client) -> None:
    fields = {
        "key_type": keys.KEY_TYPE_REGULAR,
        "disabled": True,
        "limit": 0.25,
        "limit_reset": keys.LIMIT_RESET_MONTHLY,
        "allowed_providers": keys.StringList(),
        "allowed_models": keys.StringList(values=["emu/*"]),
        "rate_limit": keys.RateLimit(requests_per_day=7),
        "expires_at": LATER,
    }

    key = create(client, **fields).data

    expected = keys.Key(**fields)
    for field in fields:
        assert getattr(key, field) == getattr(expected, field)
        if field not in ("key_type", "disabled", "limit_reset"):
            assert key.HasField(field)
    assert not key.rate_limit.HasField("requests_per_minute")
    assert key.limit_remaining == 0.25
    assert key.account == "default"


def test_a_management_key_takes_no_limits(client: Client) -> None:
    management = {"name": "typed", "key_type": keys.KEY_TYPE_MANAGEMENT}
    made = create(client, **management).data
    assert made.account == ""
    limits = {"rate_limit": keys.RateLimit(requests_per_day=7)}

    for method, request in (
        (client.keys.CreateKey, service.CreateKeyRequest(key=keys.Key(**management | limits))),
        (
            client.keys.UpdateKey,
            service.UpdateKeyRequest(
                hash=made.hash, key=keys.Key(**limits), update_mask=FieldMask(paths=["name", "rate_limit"])
            ),
        ),
    ):
        request.key.name = "typed"
        error = refused(method, request, client)
        assert (error.code, error.info["param"]) == (StatusCode.INVALID_ARGUMENT, "rate_limit")
    assert not update(client, made.hash, ["rate_limit", "limit"]).HasField("rate_limit")


def test_only_what_the_mask_names_changes(client: Client) -> None:
    made = create(client, limit=5, allowed_models=keys.StringList(values=["a"])).data
    made = update(client, made.hash, ["rate_limit"], rate_limit=keys.RateLimit(requests_per_minute=1))

    key = update(client, made.hash, ["disabled", "limit"], disabled=True, name="not this")
    assert (key.disabled, key.name, key.HasField("limit")) == (True, "typed", False)
    assert list(key.allowed_models.values) == ["a"]

    key = update(
        client, made.hash, ["allowed_models", "rate_limit.requests_per_day"], rate_limit={"requests_per_day": 2}
    )
    assert not key.HasField("allowed_models")
    assert key.rate_limit == keys.RateLimit(requests_per_minute=1, requests_per_day=2)

    key = update(client, made.hash, ["rate_limit.requests_per_minute", "expires_at"], expires_at=LATER)
    assert key.rate_limit == keys.RateLimit(requests_per_day=2)
    assert key.expires_at == LATER
    key = update(client, made.hash, ["rate_limit", "expires_at"])
    assert (key.HasField("rate_limit"), key.HasField("expires_at")) == (False, False)


@pytest.mark.parametrize(
    "paths", [[], ["usage"], ["account"], ["name.x"], ["*", "name"], ["name", "limit_usd"], ["x" * 500]]
)
def test_a_bad_mask_is_refused(client: Client, paths: list[str]) -> None:
    request = service.UpdateKeyRequest(hash="0" * 64, key=keys.Key(name="x"), update_mask=FieldMask(paths=paths))

    error = refused(client.keys.UpdateKey, request, client)

    assert (error.code, error.info["param"]) == (StatusCode.INVALID_ARGUMENT, "update_mask")


def test_a_star_is_all_fields(client: Client) -> None:
    """AIP-134: what is unset is taken away."""
    made = create(client, limit=5, disabled=True, allowed_models=keys.StringList(values=["a"])).data

    key = update(client, made.hash, ["*"], name="new", limit=7)

    assert (key.name, key.limit, key.disabled, key.HasField("allowed_models")) == ("new", 7, False, False)


def test_an_unknown_member_is_refused(client: Client) -> None:
    mask = FieldMask(paths=["rate_limit.per_hour"])

    error = refused(client.keys.UpdateKey, service.UpdateKeyRequest(hash="0" * 64, update_mask=mask), client)

    assert (error.code, error.info["param"]) == (StatusCode.INVALID_ARGUMENT, "rate_limit.per_hour")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"key_type": 9}, "key_type"),
        ({"limit_reset": 9}, "limit_reset"),
        ({"limit": float("nan")}, "limit"),
        ({"limit": float("inf")}, "limit"),
        ({"limit": -1}, "limit"),
        ({"rate_limit": keys.RateLimit(tokens_per_minute=0)}, "rate_limit.tokens_per_minute"),
        ({"rate_limit": keys.RateLimit(tokens_per_minute=2**32 - 1)}, "rate_limit.tokens_per_minute"),
        ({"allowed_providers": keys.StringList(values=["a", ""])}, "allowed_providers[1]"),
        ({"expires_at": Timestamp()}, "expires_at"),
        ({"expires_at": Timestamp(seconds=2**62)}, "expires_at"),
        ({"expires_at": Timestamp(seconds=4_000_000_000, nanos=-5)}, "expires_at"),
        ({"account": "missing"}, "account"),
        ({"account": "Not An Id"}, "account"),
    ],
)
def test_a_bad_field_is_named(client: Client, fields: dict[str, Any], param: str) -> None:
    request = service.CreateKeyRequest(key=keys.Key(**{"name": "typed"} | fields))

    error = refused(client.keys.CreateKey, request, client)

    assert (error.code, error.info["param"]) == (StatusCode.INVALID_ARGUMENT, param)


def test_a_deleted_key_is_not_found(client: Client) -> None:
    hash_ = create(client).data.hash
    listed = client.keys.ListKeys(service.ListKeysRequest(page_size=1000), **client.options)
    assert hash_ in [key.hash for key in listed.data]

    answer = client.keys.DeleteKey(service.DeleteKeyRequest(hash=hash_), **client.options)

    assert answer == service.DeleteKeyResponse()
    for method, request in (
        (client.keys.GetKey, service.GetKeyRequest(hash=hash_)),
        (client.keys.DeleteKey, service.DeleteKeyRequest(hash=hash_)),
    ):
        error = refused(method, request, client)
        assert (error.code, error.info["param"]) == (StatusCode.NOT_FOUND, "hash")


def test_a_page_goes_on_where_the_one_before_ended(client: Client) -> None:
    hashes = {create(client).data.hash for _ in range(3)}

    request = service.ListKeysRequest(page_size=2)
    seen: list[str] = []
    while True:
        page = client.keys.ListKeys(request, **client.options)
        seen += [key.hash for key in page.data]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert hashes <= set(seen)
    assert len(seen) == len(set(seen))


def test_pages_are_as_aip_158_says(client: Client) -> None:
    """A size over the maximum is the maximum, a negative one is refused, and so is the token of another query."""
    for _ in range(3):
        create(client)
    assert client.keys.ListKeys(service.ListKeysRequest(page_size=1_000_000), **client.options).data
    token = client.keys.ListKeys(service.ListKeysRequest(page_size=1), **client.options).next_page_token
    lists = client.accounts.ListAccounts
    for method, request, param in (
        (client.keys.ListKeys, service.ListKeysRequest(page_size=-1), "page_size"),
        (client.keys.ListKeys, service.ListKeysRequest(page_token=token, include_disabled=True), "page_token"),
        (client.keys.ListKeys, service.ListKeysRequest(page_token=token, account="default"), "page_token"),
        (lists, accounts.ListAccountsRequest(page_token=token), "page_token"),
    ):
        error = refused(method, request, client)
        assert (error.code, error.info["param"]) == (StatusCode.INVALID_ARGUMENT, param)
    assert client.keys.ListKeys(service.ListKeysRequest(page_token=token, page_size=2), **client.options).data


def test_an_account_that_is_not_there_is_named_as_the_request_does(client: Client) -> None:
    mask = FieldMask(paths=["name"])
    for method, request in (
        (client.accounts.GetAccount, accounts.GetAccountRequest(account_id="missing")),
        (client.accounts.DeleteAccount, accounts.DeleteAccountRequest(account_id="missing")),
        (
            client.accounts.UpdateAccount,
            accounts.UpdateAccountRequest(account_id="missing", account={"name": "x"}, update_mask=mask),
        ),
    ):
        error = refused(method, request, client)
        assert (error.code, error.info["param"]) == (StatusCode.NOT_FOUND, "account_id")


def test_the_calling_key(stack: Stack, client: Client) -> None:
    key = client.keys.GetCurrentKey(service.GetCurrentKeyRequest(), **client.options).data

    assert (key.name, key.key_type, key.account) == ("AROUTER_MGMT_KEY", keys.KEY_TYPE_MANAGEMENT, "")
    assert not key.HasField("created_at")


def test_a_regular_key_does_not_manage(stack: Stack) -> None:
    with stack.channel() as channel:
        client = Client(stack, channel)
        for method, request in (
            (client.keys.ListKeys, service.ListKeysRequest()),
            (client.accounts.ListAccounts, accounts.ListAccountsRequest()),
        ):
            assert refused(method, request, client).code is StatusCode.PERMISSION_DENIED
        assert client.keys.GetCurrentKey(service.GetCurrentKeyRequest(), **client.options).data.account == "default"


def test_accounts(request: pytest.FixtureRequest, client: Client) -> None:
    id_ = "typed-" + ("envoy" if "Envoy" in request.node.name else "direct")
    made = client.accounts.CreateAccount(
        accounts.CreateAccountRequest(account=accounts.Account(id=id_, providers=keys.StringList(values=["EMU"]))),
        **client.options,
    ).data
    assert (made.name, list(made.providers.values), made.disabled) == (id_, ["emu"], False)
    assert not made.HasField("default_model")
    again = accounts.CreateAccountRequest(account=accounts.Account(id=id_))
    assert refused(client.accounts.CreateAccount, again, client).code is StatusCode.ALREADY_EXISTS

    mask = FieldMask(paths=["name", "providers", "default_model"])
    new = accounts.Account(name="New", default_model="emu/text:floor")
    update_ = accounts.UpdateAccountRequest(account_id=id_, account=new, update_mask=mask)
    changed = client.accounts.UpdateAccount(update_, **client.options).data
    assert (changed.name, changed.HasField("providers"), changed.default_model) == ("New", False, "emu/text:floor")
    assert client.accounts.GetAccount(accounts.GetAccountRequest(account_id=id_), **client.options).data == changed
    update_.update_mask.paths[:] = ["default_model"]
    update_.account.ClearField("default_model")
    assert not client.accounts.UpdateAccount(update_, **client.options).data.HasField("default_model")
    listed = client.accounts.ListAccounts(accounts.ListAccountsRequest(), **client.options).data
    assert {"default", id_} <= {account.id for account in listed}

    assert client.accounts.DeleteAccount(accounts.DeleteAccountRequest(account_id=id_), **client.options) is not None
    gone = refused(client.accounts.GetAccount, accounts.GetAccountRequest(account_id=id_), client)
    assert (gone.code, gone.info["param"]) == (StatusCode.NOT_FOUND, "account_id")
