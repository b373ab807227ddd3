"""`POST /api/v1/route:explain` plans without a trace of it; `x-arouter-route` says what came of a real call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulator import Emulator
from support.management import Manager, managing
from support.rest import Answer, Rest
from support.routes import PROMPT, config
from support.stack import Stack, running

EXPLAIN = "/api/v1/route:explain"
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def routed(provider: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("routed"), config(provider)) as stack:
        yield stack


@pytest.fixture
def door(routed: Stack, emulator: Emulator) -> Iterator[Rest]:
    with routed.rest() as rest:
        yield rest


@pytest.fixture
def operator(routed: Stack) -> Iterator[Manager]:
    with managing(routed) as manager:
        yield manager


def explain(door: Rest, query: str = "", **fields: Any) -> Answer:
    return door.request("POST", EXPLAIN + query, {"messages": PROMPT, **fields})


def route(door: Rest, **fields: Any) -> dict[str, Any]:
    answer = explain(door, **fields)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json["route"]
    return found


def why_not(door: Rest, id_: str, **fields: Any) -> tuple[str, str]:
    answer = explain(door, f"?why_not={id_}", **fields)
    assert answer.status == 200, answer.body
    found = answer.json["why_not"]
    assert found["model"] == id_
    return found["verdict"], found["reason"]


def test_auto_is_explained(door: Rest) -> None:
    """Difficulty, candidates best first with score and reasons, and who is not asked."""
    found = route(door, model="auto", tools=[TOOL])

    assert found["requested_models"] == ["auto"]
    assert found["difficulty"] in ("easy", "medium", "hard")
    assert found["difficulty_score"] >= 0
    candidates = found["candidates"]
    assert {each["model"] for each in candidates} == {"meta/shared", "good/echo"}
    assert {each["endpoint"] for each in candidates} == {"good/text", "other/text", "good/echo"}
    assert all(each["score"] > 0 and each["reasons"] for each in candidates)
    assert [each["score"] for each in candidates] == sorted((each["score"] for each in candidates), reverse=True)
    assert {"model": "cheap/text", "provider": "cheap", "cause": "capability", "reason": "knows no tools"} in found[
        "excluded"
    ]
    assert found["attempts"] == []


def test_a_named_model_needs_no_difficulty(door: Rest) -> None:
    """Only `auto` looks at how demanding a request is."""
    found = route(door, model="good/echo")

    assert "difficulty" not in found
    assert [each["endpoint"] for each in found["candidates"]] == ["good/echo"]


def test_the_plan_is_the_one_that_is_followed(door: Rest) -> None:
    """What is explained first is what answers."""
    for fields in ({"model": "auto"}, {"model": "meta/shared", "provider": {"order": ["other"]}}):
        first = route(door, **fields)["candidates"][0]
        answer = door.chat({"messages": PROMPT, **fields})

        assert (answer.json["model"], answer.headers["x-arouter-provider"]) == (first["model"], first["provider"])


def test_explaining_leaves_no_trace(door: Rest, operator: Manager, routed: Stack, emulator: Emulator) -> None:
    """No provider is asked, no limit is used up, nothing is recorded."""
    key, secret = operator.create(name="explains", rate_limit={"requests_per_minute": 1})
    with Rest(routed.port, secret) as limited:
        for _ in range(3):
            assert explain(limited, model="auto").status == 200
        assert emulator.calls == []
        answer = limited.chat({"model": "auto", "messages": PROMPT})
        assert answer.status == 200
        usage = limited.get("/api/v1/usage?group_by=key")
    operator.delete(key)

    assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    assert sum(int(row["requests"]) for row in usage.json["data"]) <= 1


def test_nobody_left_is_a_plan_too(door: Rest) -> None:
    """Where the chat is refused the plan has no candidates and says why."""
    fields = {"model": "meta/shared", "provider": {"only": ["cheap"]}}
    found = route(door, **fields)

    assert found["candidates"] == []
    assert {(each["provider"], each["cause"], each["reason"]) for each in found["excluded"]} == {
        ("good", "preference", "is not in provider.only"),
        ("other", "preference", "is not in provider.only"),
    }
    assert door.chat({"messages": PROMPT, **fields}).status == 404


def test_why_not_this_model(door: Rest) -> None:
    """Each verdict, with a sentence that says why."""
    verdict, reason = why_not(door, "good/echo", model="auto", tools=[TOOL])
    assert verdict == "candidate"
    assert reason.startswith("'good/echo' is candidate 3 of 3: premium for a request that is ")

    assert why_not(door, "cheap/text", model="auto", tools=[TOOL]) == (
        "excluded",
        "cheap/text at cheap knows no tools.",
    )
    assert why_not(door, "other/status-500", model="auto") == (
        "not_asked_for",
        "'other/status-500' is not among what 'auto' may choose (routing.auto.models).",
    )
    assert why_not(door, "good/echo", model="cheap/text") == ("not_asked_for", "The request names other models.")
    verdict, reason = why_not(door, "good/missing", model="auto")
    assert verdict == "unknown"
    assert reason.startswith("The model 'good/missing' does not exist.")


def test_an_endpoint_is_a_model_too(door: Rest) -> None:
    """An endpoint of a model that several providers serve is found under its own id."""
    verdict, reason = why_not(door, "other/text", model="meta/shared", provider={"order": ["good"]})
    assert (verdict, reason.partition(":")[0]) == ("candidate", "'other/text' is candidate 2 of 2")

    assert why_not(door, "other/text", model="auto", provider={"ignore": ["other", "good"]}) == (
        "excluded",
        "meta/shared at good is in provider.ignore; meta/shared at other is in provider.ignore.",
    )


def test_no_more_is_told_than_by_a_call(door: Rest, operator: Manager, routed: Stack) -> None:
    """Models that a key may not use are in no plan; asked about by name, what a call's 403 says is said."""
    key, secret = operator.create(name="narrow", allowed_providers=["cheap"])
    with Rest(routed.port, secret) as narrow:
        answer = explain(narrow, "?why_not=good/echo", model="auto")
        refused = narrow.chat({"model": "good/echo", "messages": PROMPT})
        unknown = explain(narrow, model="good/echo")
    operator.delete(key)

    assert "good" not in str(answer.json["route"])
    assert answer.json["why_not"]["verdict"] == "forbidden"
    assert answer.json["why_not"]["reason"] == refused.error["message"]
    assert (unknown.status, unknown.error["message"]) == (403, refused.error["message"])


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"model": "auto"}, 400, "messages"),
        ({"model": "auto", "messages": PROMPT, "provider": {"sort": "beauty"}}, 400, "provider.sort"),
        ({"model": "good/missing", "messages": PROMPT}, 404, "model"),
        (b"{", 400, None),
        (None, 400, None),
    ],
)
def test_what_a_chat_refuses_is_refused(door: Rest, body: Any, status: int, param: str | None) -> None:
    """A request that could not be planned fails as the chat would."""
    answer = door.request("POST", EXPLAIN, body)

    assert (answer.status, answer.error["param"]) == (status, param)


def test_it_needs_a_key_that_calls_models(door: Rest, routed: Stack) -> None:
    """No key is a 401, a management key a 403."""
    body = {"model": "auto", "messages": PROMPT}
    with Rest(routed.port) as anonymous, Rest(routed.port, routed.management_key) as manager:
        assert anonymous.request("POST", EXPLAIN, body).status == 401
        assert manager.request("POST", EXPLAIN, body).status == 403


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_says_who_was_tried(door: Rest, stream: bool) -> None:
    """`x-arouter-route` has every attempt, in order, with its result."""
    answer = door.chat({"models": ["other/status-500", "good/echo"], "messages": PROMPT, "stream": stream})

    assert answer.status == 200
    assert answer.headers["x-arouter-route"] == "other/status-500=provider_error, good/echo=ok"


def test_the_route_of_auto_begins_with_the_difficulty(door: Rest) -> None:
    """So that a glance at the header tells why this model."""
    difficulty = route(door, model="auto")["difficulty"]
    header = door.chat({"model": "auto", "messages": PROMPT}).headers["x-arouter-route"]

    start, _, tried = header.partition("; ")
    assert start == f"auto={difficulty}"
    assert tried.endswith("=ok")


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_says_who_was_tried(door: Rest, stream: bool) -> None:
    """The last error has the same header; one without an attempt has none."""
    failed = door.chat({"model": "other/status-503", "messages": PROMPT, "stream": stream})
    refused = door.chat({"model": "good/missing", "messages": PROMPT, "stream": stream})

    assert failed.headers["x-arouter-route"] == "other/status-503=provider_error"
    assert "x-arouter-route" not in refused.headers
