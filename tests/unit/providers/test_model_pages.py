"""Model lists that are long or wrong in places: an entry that cannot be read costs no other."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arouter.errors import ProviderError
from arouter.providers import driver, model_pages
from arouter.providers.driver import MAX_LIST_BYTES, Upstream
from arouter.providers.model_pages import MAX_MODELS
from arouter.providers.openai_models import decode_model_list
from support.raw_provider import Connection, once, raw_provider

GOOD = b'{"id":"good"}'


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream(max_connections=2)
    yield upstream
    await upstream.close()


def listed(*entries: bytes) -> bytes:
    return b'{"object":"list","data":[' + b",".join(entries) + b"]}"


@pytest.mark.parametrize(
    "entry",
    [
        rb'{"id":"\ud800"}',
        rb'{"id":"a\uDFFFb"}',
        rb'{"id":"\ud800\ud800"}',
        b'{"id":"\xff"}',
        b'{"id":"\xed\xa0\x80"}',
        rb'{"id":"a\u0007"}',
        rb'{"id":"a\u0000"}',
        b'{"id":"' + 513 * b"x" + b'"}',
        b'{"id":7}',
        b"{}",
        b"[]",
        b"null",
        b'"good"',
        b"[" * 300 + b"]" * 300,
    ],
)
def test_an_entry_that_cannot_be_read_costs_itself_alone(entry: bytes) -> None:
    models = decode_model_list(listed(GOOD, entry, b'{"id":"better"}')).models

    assert [model.name for model in models] == ["good", "better"]
    assert (models.unreadable, models.beyond) == (1, 0)


def test_half_a_character_elsewhere_costs_no_entry() -> None:
    models = decode_model_list(listed(rb'{"id":"a","owned_by":"\ud800"}', rb'{"id":"\ud83d\ude00"}')).models

    assert [model.name for model in models] == ["a", "😀"]
    assert models.unreadable == 0


def test_a_backslash_before_an_escape_is_no_escape() -> None:
    models = decode_model_list(listed(rb'{"id":"\\ud800"}', rb'{"id":"\ud800"}')).models

    assert [model.name for model in models] == [r"\ud800"]


def test_what_cannot_chat_is_not_unreadable() -> None:
    assert decode_model_list(listed(b'{"id":"text-embedding-3-small"}')).models.unreadable == 0


def test_a_byte_order_mark_is_passed_over() -> None:
    assert [model.name for model in decode_model_list(b"\xef\xbb\xbf" + listed(GOOD)).models] == ["good"]


def test_a_list_is_taken_up_to_its_bound() -> None:
    models = decode_model_list(listed(*(b'{"id":"m%d"}' % number for number in range(MAX_MODELS + 7)))).models

    assert (len(models), models.beyond) == (MAX_MODELS, 7)


@pytest.mark.parametrize("body", [b"", b"{", b"5", b'{"data":5}', b'{"data":null}', b"{}", listed(GOOD)[:-1]])
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ProviderError):
        decode_model_list(body)


@given(st.lists(st.binary(max_size=20), max_size=4))
def test_no_bytes_make_it_raise_otherwise(entries: list[bytes]) -> None:
    try:
        decode_model_list(listed(GOOD, *entries))
    except ProviderError as error:
        assert error.retry_after is None  # noqa: PT017


def page(start: int, *, more: bool) -> bytes:
    data = [{"id": f"claude-{start + number}"} for number in range(2)]
    return orjson.dumps({"data": data, "has_more": more, "last_id": f"claude-{start + 1}"})


async def test_pages_are_read_until_there_are_enough(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_pages, "MAX_MODELS", 3)
    monkeypatch.setattr(driver, "MAX_MODELS", 3)
    asked = []

    async def handle(connection: Connection, number: int) -> None:
        for count in range(3):
            asked.append((number, await connection.request()))
            body = page(2 * count, more=True)
            await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async with raw_provider(handle, protocol="anthropic") as raw:
        models = await upstream.list_models(raw.provider)

    assert [model.name for model in models] == ["claude-0", "claude-1", "claude-2"]
    assert (models.beyond, len(asked)) == (1, 2)


async def test_a_page_that_is_too_long_is_refused(upstream: Upstream) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % math.floor(MAX_LIST_BYTES * 1.1)
    answer += bytes(math.floor(MAX_LIST_BYTES * 1.1))
    async with raw_provider(lambda connection, _: once(answer, connection)) as raw:
        with pytest.raises(ProviderError, match=r"more than \d+ bytes"):
            await upstream.list_models(raw.provider)
