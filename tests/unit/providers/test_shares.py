"""How connections are shared out among keys and providers."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.errors import ARouterError, Failure, ProviderError
from arouter.providers.driver import Upstream
from arouter.providers.provider import Provider
from arouter.providers.shares import Share, Shares
from support.raw_provider import OK, REQUEST, Connection, raw_provider


def fill(shares: Shares, provider: str, caller: str) -> list[Share]:
    taken = []
    while True:
        try:
            taken.append(shares.take(provider, caller))
        except ARouterError:
            return taken


def test_one_key_alone_gets_two_thirds() -> None:
    assert len(fill(Shares(300), "p", "greedy")) == 200


def test_who_has_its_share_is_told_to_come_again() -> None:
    shares = Shares(1)
    shares.take("p", "a")

    with pytest.raises(ARouterError) as refused:
        shares.take("p", "a")

    assert (refused.value.failure, refused.value.retry_after) == (Failure.UNAVAILABLE, 1)
    # Not the provider's fault.
    assert not isinstance(refused.value, ProviderError)


def test_another_key_gets_its_own_at_the_same_provider() -> None:
    shares = Shares(300)
    fill(shares, "p", "greedy")

    assert len(fill(shares, "p", "quiet")) >= 50


def test_one_provider_alone_gets_eight_ninths() -> None:
    shares = Shares(900)
    held = sum(len(fill(shares, "hanging", f"key-{number}")) for number in range(100))

    assert held == pytest.approx(800, abs=5)
    assert len(fill(shares, "other", "key-1")) == 0
    assert len(fill(shares, "other", "quiet")) > 30


def test_a_provider_has_a_maximum_that_no_number_of_keys_exceeds() -> None:
    shares = Shares(900, 300)
    held = sum(len(fill(shares, "hanging", f"key-{number}")) for number in range(100))

    assert held == 300
    assert len(fill(shares, "other", "quiet")) > 200


@pytest.mark.parametrize("total", [1, 2, 3, 10])
def test_a_key_always_gets_one(total: int) -> None:
    shares = Shares(total)
    fill(shares, "p", "greedy")

    assert shares.take("q", "quiet")


def test_the_routers_own_calls_are_always_granted() -> None:
    shares = Shares(1)

    assert [shares.take("p", "") for _ in range(3)]
    assert shares.overtaken


@given(st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from(["", "a", "b"]), st.booleans()), max_size=60))
def test_what_is_given_back_is_there_again(steps: list[tuple[str, str, bool]]) -> None:
    shares, held = Shares(8), []
    for provider, caller, give in steps:
        if give and held:
            shares.give(held.pop())
        else:
            try:
                held.append(shares.take(provider, caller))
            except ARouterError:
                continue
        assert shares.taken == len(held)
    for share in held:
        shares.give(share)

    assert len(fill(shares, "p", "a")) == len(fill(Shares(8), "p", "a"))


async def test_a_provider_that_hangs_leaves_connections_to_others() -> None:
    release = asyncio.Event()

    async def hang(connection: Connection, _number: int) -> None:
        await connection.request()
        await release.wait()
        await connection.send(OK)

    upstream = Upstream(max_connections=6)
    async with raw_provider(hang) as raw:

        async def ask(caller: str) -> None:
            await upstream.complete(raw.provider, raw.provider.credentials[0], REQUEST, math.inf, caller=caller)

        greedy = [asyncio.ensure_future(ask("greedy")) for _ in range(20)]
        quiet = asyncio.ensure_future(ask("quiet"))
        await asyncio.sleep(0)
        assert upstream.open_calls == 5
        release.set()
        await quiet
        refused = [each for each in await asyncio.gather(*greedy, return_exceptions=True) if each is not None]
    await upstream.close()

    assert len(refused) == 16
    assert {each.failure for each in refused if isinstance(each, ARouterError)} == {Failure.UNAVAILABLE}
    assert upstream.open_calls == 0


async def test_a_provider_that_hangs_with_all_that_it_may_have_does_not_slow_another_one_down() -> None:
    answered = asyncio.Event()

    async def hang(connection: Connection, _number: int) -> None:
        await connection.request()
        answered.set()
        await connection.request()

    async def answer(connection: Connection, _number: int) -> None:
        while await connection.request():
            await connection.send(OK)

    upstream = Upstream(max_connections=8)
    async with raw_provider(hang) as hanging, raw_provider(answer) as good:

        async def ask(provider: Provider, caller: int) -> None:
            await upstream.complete(provider, provider.credentials[0], REQUEST, math.inf, caller=f"key-{caller}")

        stuck = replace(hanging.provider, id="hanging")
        waiting = [asyncio.ensure_future(ask(stuck, caller)) for caller in range(20)]
        await answered.wait()
        assert upstream.open_calls == 6
        for caller in range(20):
            await ask(good.provider, caller)
        assert upstream.open_calls == 6
        for each in waiting:
            each.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    await upstream.close()

    refused = [each for each in ended if isinstance(each, ARouterError)]
    assert {str(each) for each in refused} == {"Too many calls to provider 'hanging' are open. Try again shortly."}
    assert {each.failure for each in refused} == {Failure.UNAVAILABLE}
    assert len(refused) == 14
