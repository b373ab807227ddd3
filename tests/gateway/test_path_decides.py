"""The path says which key, account or model a request is about: no body and no query can name another."""

from __future__ import annotations

import base64
import json
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

import arouter_gateway
from arouter_gateway.contract import Contract, Rule
from support.http2 import Http2, post
from support.management import ACCOUNTS, KEYS, Manager, managing
from support.ports import HOST
from support.rest import Answer, Rest
from support.stack import Stack

CONTRACT = Contract((Path(arouter_gateway.__file__).parent / "arouter.binpb").read_bytes())
WITH_PATH = [rule for rule in CONTRACT.rules if rule.fields]
WITHOUT_BODY = [rule for rule in CONTRACT.rules if not rule.body]
INTERNAL = (":unary", ":messages")
"""Paths between the gateway and the service, which clients cannot call."""


def name(rule: Rule) -> str:
    return f"{rule.method} {rule.template}"


class Pair(NamedTuple):
    """Two resources of a kind.

    Attributes:
        mine: The id in the path.
        yours: The id that body and query name.
        read: Returns whether one is there, and what must not change of it.
    """

    mine: str
    yours: str
    read: Callable[[str], Any]


@pytest.fixture
def pair(rule: Rule, stack: Stack, operator: Manager, rest: Rest) -> Iterator[Pair]:
    """Two resources of what the rule's path names."""
    if rule.fields == ("model",):
        yield Pair("emu/text", "emu/echo", lambda id_: rest.get(f"/v1/models/{id_}").json)
    elif rule.fields == ("hash",):
        made = [operator.rest.request("POST", KEYS, {"name": each}).json["data"]["hash"] for each in ("mine", "yours")]
        yield Pair(*made, lambda id_: operator.rest.get(f"{KEYS}/{id_}").json)
        for each in made:
            operator.rest.request("DELETE", f"{KEYS}/{each}")
    else:
        assert rule.fields == ("account_id",), "a new path field needs a pair here"
        ids = [f"{each}-{secrets.token_hex(4)}" for each in ("mine", "yours")]  # an account's id is taken for ever
        for id_ in ids:
            assert operator.rest.request("POST", ACCOUNTS, {"id": id_}).status == 200
        yield Pair(*ids, lambda id_: operator.rest.get(f"{ACCOUNTS}/{id_}").json)
        for id_ in ids:
            operator.rest.request("DELETE", f"{ACCOUNTS}/{id_}")


def spellings(rule: Rule) -> Iterator[str]:
    """Yields the names under which a client may try to set the path's field."""
    (field,) = rule.fields
    first, *rest = field.split("_")
    camel = first + "".join(word.title() for word in rest)
    escaped = "".join(f"%{ord(letter):02x}" for letter in field)
    yield from dict.fromkeys(
        [field, camel, field.upper(), escaped, field[0] + escaped[3:], escaped.replace("%", "%25")]
    )


def key_for(stack: Stack, rule: Rule) -> str:
    manages = ("arouter.v1.KeyService/", "arouter.v1.AccountService/")
    return stack.management_key if rule.rpc.startswith(manages) else stack.key


def ask(stack: Stack, rule: Rule, path: str, body: Any = None) -> Answer:
    with Rest(stack.port, key_for(stack, rule)) as rest:
        return rest.request(rule.method, path, body)


def in_path(rule: Rule, id_: str) -> str:
    (field,) = rule.fields
    return rule.template.replace(f"{{{field}}}", id_).replace(f"{{{field}=**}}", quote(id_))


@pytest.mark.parametrize("rule", WITH_PATH, ids=name)
def test_no_body_names_another_resource(stack: Stack, rule: Rule, pair: Pair) -> None:
    before = pair.read(pair.yours)
    bodies = [json.dumps({each: pair.yours, "name": "changed"}).encode() for each in spellings(rule)]

    for body in bodies:
        answer = ask(stack, rule, in_path(rule, pair.mine), body)
        if rule.template.endswith(INTERNAL):
            assert answer.status == 404, answer
            continue
        assert rule.body or answer.status == 400, (answer, body)
        assert answer.status in (200, 400), answer
        assert pair.yours not in answer.body.decode()
        assert pair.read(pair.yours) == before


@pytest.mark.parametrize("rule", WITH_PATH, ids=name)
def test_no_query_names_another_resource(stack: Stack, rule: Rule, pair: Pair) -> None:
    before = pair.read(pair.yours)
    queries = [f"{each}={quote(pair.yours, safe='')}" for each in spellings(rule)]

    for query in [
        *queries,
        "&".join(queries),
        *(f"x=1;{each}" for each in queries),
        *(f"&&{each}" for each in queries),
    ]:
        answer = ask(stack, rule, f"{in_path(rule, pair.mine)}?{query}", {"name": "x"} if rule.body else None)
        assert answer.status in (200, 400, 404), answer  # 404: a deletion before has done it
        assert pair.yours not in answer.body.decode()
        assert pair.read(pair.yours) == before


@pytest.mark.parametrize("rule", [rule for rule in CONTRACT.rules if rule.body], ids=name)
def test_no_query_is_a_body(stack: Stack, rule: Rule) -> None:
    """`?http_body.data=…` would be read instead of the body, or beside it."""
    body = quote(base64.b64encode(b'{"name": "from the query", "id": "from-the-query"}').decode())
    path = rule.template.replace("{hash}", "0" * 64).replace("{account_id}", "default")
    path = path.replace("{model=**}", "emu/text")

    for field in (f"{rule.body}.", rule.body.replace("_b", "B") + ".", f"{rule.body}%2e", f"%68{rule.body[1:]}."):
        answer = ask(stack, rule, f"{path}?{field}data={body}&{field}contentType=x", b"")
        assert answer.status == (404 if rule.template.endswith(INTERNAL) else 400), answer
        assert b"from" not in answer.body


@pytest.mark.parametrize("checked", ["before", "meanwhile"])
@pytest.mark.parametrize("rule", WITHOUT_BODY, ids=name)
def test_what_has_no_body_refuses_one_however_it_is_sent(stack: Stack, rule: Rule, checked: str) -> None:
    """The gateway remembers credentials that it has checked. A body may arrive while it checks others."""
    path = rule.template.replace("{hash}", "0" * 64).replace("{account_id}", "x").replace("{model=**}", "emu/text")
    key = key_for(stack, rule)
    head = f"{rule.method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
    if checked == "meanwhile":
        head += f"x-api-key: {secrets.token_hex()}\r\n"
    kinds = {
        "length": "content-length: 2\r\n\r\n{}",
        "chunks": "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "a kind of its own": "content-type: text/plain\r\ncontent-length: 1\r\n\r\nx",
        "no bytes": "content-length: 0\r\n\r\n",
        "no chunks": "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    }

    statuses = {kind: _exchange(stack, head + rest) for kind, rest in kinds.items()}

    if path.endswith(INTERNAL):
        assert set(statuses.values()) == {404}
        return
    empty = {statuses.pop("no bytes"), statuses.pop("no chunks")}
    assert set(statuses.values()) == {400}
    assert len(empty) == 1
    assert empty <= {200, 403, 404} or path == "/api/v1/generation"  # which needs an id


@pytest.mark.parametrize("header", ["x-http-method-override", "x-method-override", "x-http-method"])
def test_the_method_is_the_requests_own(stack: Stack, operator: Manager, header: str) -> None:
    key = operator.rest.request("POST", KEYS, {"name": "stays"}).json["data"]

    operator.rest.request("GET", f"{KEYS}/{key['hash']}", headers={header: "DELETE"})
    operator.rest.request("PATCH", f"{KEYS}/{key['hash']}", {}, {header: "DELETE"})

    assert operator.rest.get(f"{KEYS}/{key['hash']}").status == 200
    operator.delete(key)


def test_a_long_body_is_refused_where_there_is_none(stack: Stack) -> None:
    with managing(stack) as manager:
        answer = manager.rest.request("DELETE", f"{KEYS}/{'0' * 64}", b"[" * 1_000_000)

    assert answer.status == 400
    assert "DELETE" in answer.error["message"]


def test_little_of_a_body_is_read_where_there_is_none(stack: Stack) -> None:
    """Before the key is checked: a client without one sends it for nothing."""
    with Http2(stack.port) as client:
        client.read(1.0)
        stream = client.open({**post(f"{KEYS}/{'0' * 64}"), ":method": "DELETE"})
        sent = client.fill([stream], 10_000_000, quiet=1.0)[stream]
        client.read_to_end([stream])

    assert b"too large" in client.received[stream]
    assert sent < 700_000  # what the windows let through before the answer came


def _exchange(stack: Stack, request: str) -> int:
    """Sends a request as it is and returns the answer's status. Does not wait for the end of the connection."""
    with socket.create_connection((HOST, stack.port), timeout=10) as raw:
        raw.sendall(request.encode())
        with raw.makefile("rb") as answer:
            return int(answer.readline().split(b" ", 2)[1])
