"""What a call used and cost: in its answer, in its record, and in the sums."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import openai
import pytest

from emulator import Emulator
from support.ledger import recorded
from support.management import ACCOUNTS, managing
from support.rest import Rest, events
from support.stack import PROVIDER_KEY, Stack, running

PRICES = {"prompt": 2.0, "completion": 10.0, "cache_read": 0.5}


@pytest.fixture(scope="module")
def priced(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    models = [{"name": name, "prices": PRICES} for name in provider.models]
    row = {"id": "paid", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY], "models": models}
    free = {"id": "unpriced", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}
    with running(tmp_path_factory.mktemp("priced"), {"providers": [row, free]}) as stack:
        yield stack


@pytest.fixture
def client(priced: Stack, emulator: Emulator) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=priced.base_url, api_key=priced.key, max_retries=0) as client:
        yield client


def ask(model: str = "paid/text", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello."}], **fields}


def price_of(usage: Any) -> float:
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    plain = usage.prompt_tokens - cached
    return (plain * 2.0 + cached * 0.5 + usage.completion_tokens * 10.0) / 1e6


def generation(stack: Stack, id_: str) -> dict[str, Any]:
    """Waits for the record of a generation."""
    with stack.rest() as rest:
        path = f"/api/v1/generation?id={id_}"
        stack.process.wait_until(lambda: rest.get(path).status == 200, "recorded")
        return rest.get(path).json


@pytest.mark.parametrize("model", ["paid/text", "paid/reasoning"])
def test_the_answer_says_what_it_cost_and_the_record_agrees(client: openai.OpenAI, priced: Stack, model: str) -> None:
    answer = client.chat.completions.create(**ask(model))

    assert answer.usage is not None
    assert answer.usage.cost == pytest.approx(price_of(answer.usage))
    record = generation(priced, answer.id)
    assert (record["id"], record["model"], record["provider"]) == (answer.id, model, "paid")
    assert (record["status"], record["stream"], record["account"]) == ("ok", False, "default")
    assert record["usage"]["cost"] == answer.usage.cost
    assert record["usage"]["total_tokens"] == answer.usage.total_tokens
    assert record["usage"]["estimated"] is False
    assert record["latency_ms"] >= 0
    assert "first_token_ms" not in record
    created = datetime.fromisoformat(record["created_at"])
    assert abs((datetime.now(UTC) - created).total_seconds()) < 60


def test_a_stream_says_it_with_its_usage(client: openai.OpenAI, priced: Stack) -> None:
    stream = client.chat.completions.create(**ask(stream=True, stream_options={"include_usage": True}))
    last = list(stream)[-1]

    assert last.usage.cost == pytest.approx(price_of(last.usage))
    record = generation(priced, last.id)
    assert (record["stream"], record["usage"]["cost"]) == (True, last.usage.cost)
    assert record["first_token_ms"] <= record["latency_ms"]


def test_no_cost_is_claimed_where_no_price_is_known(client: openai.OpenAI, priced: Stack) -> None:
    answer = client.chat.completions.create(**ask("unpriced/text"))

    assert not hasattr(answer.usage, "cost")
    assert generation(priced, answer.id)["usage"]["cost"] == 0


def test_a_client_that_leaves_pays_for_the_prompt_and_what_it_was_given(priced: Stack, emulator: Emulator) -> None:
    with priced.rest() as rest:
        response = rest.open("POST", "/v1/chat/completions", ask("paid/gated", stream=True, user="leaver"))
        response.readline()
        emulator.call("leaver").started.wait()
        rest.vanish()
    assert emulator.call("leaver").disconnected.wait(10)
    priced.process.wait_until(lambda: "client_cancelled" in [row["status"] for row in recorded(priced.folder)], "left")

    [row] = [row for row in recorded(priced.folder) if row["status"] == "client_cancelled"]
    assert row["estimated"] == 1
    assert (row["prompt_tokens"], row["completion_tokens"]) > (0, 0)
    assert row["cost_nanos"] == row["prompt_tokens"] * 2000 + row["completion_tokens"] * 10_000


def test_what_a_provider_failed_is_free(priced: Stack, emulator: Emulator) -> None:
    before = len(recorded(priced.folder))
    with priced.rest() as rest:
        assert rest.chat(ask("paid/status-429")).status == 429
        assert b"error" in list(events(rest.chat(ask("paid/cut-later-event", stream=True)).body))[-1]
    priced.process.wait_until(lambda: len(recorded(priced.folder)) == before + 2, "recorded")

    for row in recorded(priced.folder)[before:]:
        assert (row["status"], row["cost_nanos"]) == ("failed", 0)


def test_a_request_that_reached_no_provider_has_no_record(priced: Stack, emulator: Emulator) -> None:
    before = len(recorded(priced.folder))
    with priced.rest() as rest:
        assert rest.chat(ask("paid/missing")).status == 404
        assert rest.chat(ask(temperature=9)).status == 400
        id_ = rest.chat(ask()).json["id"]
    generation(priced, id_)

    assert len(recorded(priced.folder)) == before + 1


def test_usage_is_summed_up(client: openai.OpenAI, priced: Stack, rest: Rest) -> None:
    answers = [client.chat.completions.create(**ask("paid/vendor/echo")) for _ in range(3)]
    generation(priced, answers[-1].id)

    with priced.rest() as own:
        sums = own.get("/api/v1/usage?group_by=model,key").json["data"]
        days = own.get("/api/v1/usage").json["data"]
    [echo] = [row for row in sums if row["model"] == "paid/vendor/echo"]
    assert "day" not in echo
    assert len(echo["key_hash"]) == 64
    assert echo["requests"] == 3
    assert echo["prompt_tokens"] == sum(answer.usage.prompt_tokens for answer in answers if answer.usage)
    assert echo["cost"] == pytest.approx(sum(answer.usage.cost for answer in answers if answer.usage))
    assert days[-1]["day"] == datetime.now(UTC).date().isoformat()


def test_repeated_groups_count_together(client: openai.OpenAI, priced: Stack) -> None:
    generation(priced, client.chat.completions.create(**ask()).id)

    with priced.rest() as own:
        rows = own.get("/api/v1/usage?group_by=day&group_by=key,account").json["data"]
        assert rows == own.get("/api/v1/usage?group_by=account,day,key").json["data"]
    assert {(len(row["key_hash"]), row["account"]) for row in rows} == {(64, "default")}
    assert all("day" in row and "model" not in row for row in rows)


def test_usage_of_one_account(client: openai.OpenAI, priced: Stack) -> None:
    generation(priced, client.chat.completions.create(**ask()).id)
    with managing(priced) as operator:
        assert operator.rest.request("POST", ACCOUNTS, {"id": "idle"}).status == 200
        _, secret = operator.create(account="idle", key_type="management")
        everything = operator.rest.get("/api/v1/usage").json
        assert operator.rest.get("/api/v1/usage?account=default").json == everything
        assert operator.rest.get("/api/v1/usage?account=idle").json == {"data": []}
        assert operator.rest.get("/api/v1/usage?account=Not%20One").error["param"] == "account"

    for key, own, other in ((secret, "idle", "default"), (priced.key, "default", "idle")):
        with Rest(priced.port, key) as rest:
            assert rest.get(f"/api/v1/usage?account={own}").json == rest.get("/api/v1/usage").json
            refused = rest.get(f"/api/v1/usage?account={other}")
            assert (refused.status, refused.error["param"]) == (404, "account")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?start_date=yesterday", "start_date"),
        ("?end_date=2026-13-01", "end_date"),
        ("?start_date=2026-02-01&end_date=2026-01-01", "start_date"),
        ("?group_by=day,planet", "group_by"),
        ("?group_by=day&group_by=planet", "group_by"),
        ("?end_date=20260101", "end_date"),
        ("?end_date=2026-W01-1", "end_date"),
    ],
)
def test_bad_input_names_its_field(rest: Rest, query: str, param: str) -> None:
    answer = rest.get("/api/v1/usage" + query)

    assert (answer.status, answer.error["param"]) == (400, param)


def test_a_generation_must_be_named_and_known(rest: Rest) -> None:
    assert rest.get("/api/v1/generation").error["param"] == "id"
    assert rest.get("/api/v1/generation?id=gen-1").status == 404


def test_the_first_day_there_is_can_be_asked_for(rest: Rest) -> None:
    assert rest.get("/api/v1/usage?end_date=0001-01-01").json == {"data": []}
