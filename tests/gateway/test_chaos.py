"""Three providers with bad days, five thousand requests: nearly all are answered, each by one, and paid for once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web

from emulator import Call
from emulator.scenarios import SCENARIOS, Scenario, status
from support.fleet import PROVIDERS, SHARED, Fleet, fleet, says
from support.ledger import recorded
from support.rest import events
from support.stack import is_healthy

REQUESTS = 5000
CONCURRENT = 64
FAULTY = 0.2
ENOUGH = 0.995
SLOW = 0.3
"""Seconds to the first word; late, and still in time."""

TIMEOUTS = {"first_token": 2, "total": 5}
PREFERENCES: tuple[dict[str, Any], ...] = (
    {"model": SHARED},
    {"model": SHARED, "provider": {"order": ["gamma", "alpha"]}},
    {"models": [f"{name}/m" for name in PROVIDERS]},
    {"models": ["beta/m", SHARED]},
)


class Said(NamedTuple):
    """What a client was told.

    Attributes:
        id: The generation's; empty if there is no whole answer.
        provider: Who answered, by the header.
        text: Its words.
    """

    id: str = ""
    provider: str = ""
    text: str = ""


def moody(name: str, seed: int) -> Scenario:
    """Answers most calls, and fails the others in one of five ways."""
    random = Random(seed)

    async def slow(call: Call) -> web.StreamResponse:
        await asyncio.sleep(SLOW)
        return await says(name)(call)

    faults = [*(SCENARIOS[fault] for fault in ("status-500", "hang", "cut-first-event")), status(429), slow]

    async def scenario(call: Call) -> web.StreamResponse:
        return await (random.choice(faults) if random.random() < FAULTY else says(name))(call)

    return scenario


async def ask(session: aiohttp.ClientSession, url: str, number: int) -> Said:
    """Sends one request, every other one for a stream."""
    messages = [{"role": "user", "content": "hi"}]
    body = {**PREFERENCES[number // 2 % len(PREFERENCES)], "messages": messages, "stream": number % 2 == 1}
    async with session.post(url, json=body) as response:
        received = await response.read()
        if response.status != 200:
            return Said()
        if not body["stream"]:
            documents = [json.loads(received)]
        else:
            *pieces, end = events(received)
            documents = [json.loads(piece) for piece in pieces]
            if end != b"[DONE]" or any("error" in document for document in documents):
                return Said()
        choices = [choice for document in documents for choice in document["choices"]]
        words = [(choice.get("delta") or choice.get("message") or {}).get("content") or "" for choice in choices]
        [id_] = {document["id"] for document in documents}
        return Said(id_, response.headers["x-arouter-provider"], "".join(words))


async def ask_all(trio: Fleet) -> list[Said]:
    """Sends all requests, a few at a time, and returns what was said."""
    numbers = iter(range(REQUESTS))
    said: list[Said] = []
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"authorization": f"Bearer {trio.stack.key}"},
        timeout=aiohttp.ClientTimeout(total=30),
    ) as session:

        async def client() -> None:
            for number in numbers:
                said.append(await ask(session, f"{trio.stack.base_url}/chat/completions", number))

        await asyncio.gather(*(client() for _ in range(CONCURRENT)))
    return said


def test_chaos_is_hidden_from_clients(tmp_path: Path) -> None:
    """At a fifth of faulty calls, 99.5 % are answered; by one provider, which alone is paid; and nothing leaks."""
    does = {name: {"m": moody(name, seed)} for seed, name in enumerate(PROVIDERS)}
    rows = {name: {"timeouts": TIMEOUTS} for name in PROVIDERS}
    with fleet(tmp_path, does, rows=rows) as trio:
        said = asyncio.run(ask_all(trio))

        answered = [each for each in said if each.id]
        assert len(said) == REQUESTS
        assert len(answered) >= ENOUGH * REQUESTS, len(answered)
        assert {each.text for each in answered} == {f"{name} says hello" for name in PROVIDERS}
        assert [each for each in answered if each.text != f"{each.provider} says hello"] == []

        records = trio.records([each.id for each in answered])
        paid = {id_: [row["provider"] for row in rows if row["cost_nanos"]] for id_, rows in records.items()}
        assert paid == {each.id: [each.provider] for each in answered}
        # Also those of requests without an answer.
        calls = len(trio.asked())
        trio.stack.process.wait_until(lambda: len(recorded(tmp_path)) == calls, "recorded")
        every = recorded(tmp_path)
        assert sum(row["cost_nanos"] > 0 for row in every) == len(answered)
        assert {row["status"] for row in every if not row["cost_nanos"]} == {"failed"}

        for emulator in trio.emulators.values():
            emulator.wait_idle()
            assert emulator.open_connections <= CONCURRENT
        assert is_healthy(trio.stack.port)
