"""A fleet: three emulated providers behind one stack, whose bad days a test decides on."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from emulator import Call, Emulator, answers, wire
from emulator.scenarios import Scenario
from support.ledger import recorded
from support.rest import Answer, events
from support.stack import PROVIDER_KEY, Stack, running

PROVIDERS = ("alpha", "beta", "gamma")
SHARED = "shared/m"
"""Served by all three."""

PRICES = {"alpha": 1.0, "beta": 2.0, "gamma": 4.0}
"""USD per million tokens of a prompt; an answer costs twice as much."""

KEYS = {
    "alpha": (f"{PROVIDER_KEY}-alpha-1", f"{PROVIDER_KEY}-alpha-2"),
    "beta": (f"{PROVIDER_KEY}-beta",),
    "gamma": (f"{PROVIDER_KEY}-gamma",),
}
NEVER = {"failures": 1_000_000}
"""A breaker that never opens: for tests that want to see each failure itself."""


def says(name: str) -> Scenario:
    """Answers with a text that names who says it."""
    pieces = (name, " says", " hello")

    async def scenario(call: Call) -> web.StreamResponse:
        if not call.wants_stream:
            return wire.document(answers.completion(call.model, "".join(pieces)))
        return await wire.send(call, wire.events(answers.text_chunks(call.model, pieces, usage=call.wants_usage)))

    return scenario


class Fleet:
    """Running providers, and the stack in front of them.

    Attributes:
        stack: The stack.
        emulators: The providers, by id.
        does: What each does, by provider and native model name; to be changed at will.
    """

    def __init__(
        self, stack: Stack, emulators: Mapping[str, Emulator], does: Mapping[str, dict[str, Scenario]]
    ) -> None:
        self.stack = stack
        self.emulators = emulators
        self.does = does

    def chat(self, model: Any = None, *, stream: bool = False, **fields: Any) -> Reply:
        """Sends one request on a connection of its own."""
        body = {"messages": [{"role": "user", "content": "hi"}], "stream": stream, **fields}
        if model is not None:
            body["model"] = model
        with self.stack.rest() as rest:
            return Reply(rest.chat(body), stream)

    def asked(self) -> list[str]:
        """Returns how often each was asked since `forget`, as `alpha alpha beta`, in the order of `PROVIDERS`."""
        return [name for name, emulator in self.emulators.items() for _ in emulator.calls]

    def forget(self) -> None:
        """Waits until nothing is open at the providers, and drops their records."""
        for emulator in self.emulators.values():
            emulator.release_all()
            emulator.wait_idle()
            emulator.forget()

    def records(self, generations: Collection[str]) -> dict[str, list[dict[str, Any]]]:
        """Waits until generations have usage records; returns each one's, in the order of its attempts."""
        found: dict[str, list[dict[str, Any]]] = {}

        def read() -> bool:
            found.clear()
            for row in recorded(self.stack.folder):
                found.setdefault(row["generation_id"], []).append(row)
            return found.keys() >= set(generations)

        self.stack.process.wait_until(read, "recorded")
        return {id_: found[id_] for id_ in generations}


class Reply(NamedTuple):
    """What a client got.

    Attributes:
        answer: The response.
        stream: Whether it was asked for as one.
    """

    answer: Answer
    stream: bool

    @property
    def documents(self) -> list[Any]:
        """The chunks, or the one answer."""
        if not self.stream or self.answer.status != 200:
            return [self.answer.json]
        return [json.loads(event) for event in events(self.answer.body) if event != b"[DONE]"]

    @property
    def text(self) -> str:
        """All that was said."""
        choices = [choice for document in self.documents for choice in document.get("choices", ())]
        return "".join((choice.get("delta") or choice.get("message") or {}).get("content") or "" for choice in choices)

    @property
    def model(self) -> str:
        """The one model that every chunk names."""
        [model] = {document["model"] for document in self.documents}
        return str(model)

    @property
    def id(self) -> str:
        """The generation's id."""
        return str(self.documents[0]["id"])

    @property
    def provider(self) -> str | None:
        """Who answered, by the header."""
        return self.answer.headers.get("x-arouter-provider")

    def check(self, provider: str, model: str) -> None:
        """Checks that this is the whole answer of one provider, and says so everywhere."""
        assert self.answer.status == 200, self.answer.body
        assert (self.text, self.provider, self.model) == (f"{provider} says hello", provider, model)


@contextmanager
def fleet(
    folder: Path,
    does: Mapping[str, Mapping[str, Scenario]] | None = None,
    *,
    rows: Mapping[str, Mapping[str, Any]] | None = None,
    details: Mapping[str, Mapping[str, Any]] | None = None,
    more: Iterable[Mapping[str, Any]] = (),
    mapped: Iterable[Mapping[str, Any]] = (),
    providers: Iterable[str] = PROVIDERS,
    **config: Any,
) -> Iterator[Fleet]:
    """Runs providers and a stack.

    Args:
        folder: An empty folder for the stack's files.
        does: What providers do with models beside `m`, which all of them answer.
        rows: What a provider's row says beside the usual, by its id.
        details: What the configuration says of every model of a provider, by its id; beside its price.
        more: Rows of providers that are not emulated.
        mapped: More of the configuration's `models`, or what stands there instead of the usual.
        providers: The ids of those that there are.
        config: More of `arouter.yaml`.
    """
    names = tuple(providers)
    chosen = {name: {"m": says(name), **(does or {}).get(name, {})} for name in names}
    with ExitStack() as held:
        emulators = {name: held.enter_context(Emulator(chosen[name])) for name in names}
        listed = [_row(name, emulators[name], (details or {}).get(name, {})) for name in names]
        every = dict.fromkeys(model for name in names for model in chosen[name])
        models = {f"shared/{model}": [f"{name}/{model}" for name in names if model in chosen[name]] for model in every}
        models |= {row["id"]: row["endpoints"] for row in mapped}
        content = {
            "providers": [row | (rows or {}).get(row["id"], {}) for row in listed] + list(more),
            "models": [{"id": id_, "endpoints": endpoints} for id_, endpoints in models.items()],
            **config,
        }
        yield Fleet(held.enter_context(running(folder, content)), emulators, chosen)


def _row(name: str, emulator: Emulator, details: Mapping[str, Any]) -> dict[str, Any]:
    prices = {"prompt": PRICES[name], "completion": 2 * PRICES[name]}
    return {
        "id": name,
        "base_url": emulator.base_url,
        "api_keys": list(KEYS[name]),
        "models": [{"name": model, "prices": prices, **details} for model in emulator.models],
    }
