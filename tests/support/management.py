"""Accounts and keys over REST, as an operator manages them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai
from openai import OpenAI

from support.rest import Answer, Rest
from support.stack import Stack

KEYS = "/api/v1/keys"
ACCOUNTS = "/api/v1/accounts"


class Manager:
    """A management key's connection to the gateway."""

    def __init__(self, stack: Stack, key: str | None = None) -> None:
        self.stack = stack
        self.rest = Rest(stack.port, key or stack.management_key)

    def create(self, **fields: Any) -> tuple[dict[str, Any], str]:
        """Makes a key, waits until it is known, and returns it with its secret."""
        answer = self.rest.request("POST", KEYS, {"name": "a test's"} | fields)
        assert answer.status == 200, answer.body
        secret = answer.json["key"]
        self.until(lambda: Manager(self.stack, secret).current().status == 200, "the key is known")
        return answer.json["data"], secret

    def patch(self, key: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Changes a key and returns it."""
        answer = self.rest.request("PATCH", f"{KEYS}/{key['hash']}", fields)
        assert answer.status == 200, answer.body
        return answer.json["data"]

    def delete(self, key: dict[str, Any]) -> Answer:
        return self.rest.request("DELETE", f"{KEYS}/{key['hash']}")

    def current(self) -> Answer:
        """Asks for the calling key, on a connection of its own."""
        try:
            return self.rest.get("/v1/key")
        finally:
            self.rest.close()

    def until(self, ready: Any, what: str) -> None:
        """Waits for a change to take effect."""
        self.stack.process.wait_until(ready, what)


@contextmanager
def managing(stack: Stack, key: str | None = None) -> Iterator[Manager]:
    """Yields a connection of a management key, by default the operator's."""
    manager = Manager(stack, key)
    try:
        yield manager
    finally:
        manager.rest.close()


def assert_refused(answer: Answer, status: int, param: str | None) -> None:
    """Checks an error's status and which field it names."""
    assert (answer.status, answer.error["param"]) == (status, param), answer.body


def sdk(stack: Stack, secret: str) -> OpenAI:
    """Returns a client that has one try."""
    return OpenAI(base_url=stack.base_url, api_key=secret, max_retries=0)


def listed(client: OpenAI) -> set[str]:
    """Returns the ids of the models that the client's key sees."""
    return {model.id for model in client.models.list()}


def is_refused(client: OpenAI) -> bool:
    """Says whether the client's key is not valid any more."""
    try:
        client.models.list()
    except openai.AuthenticationError:
        return True
    return False
