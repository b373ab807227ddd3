"""What providers really send and really refuse, as public trackers report it, through the gateway and the service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from judges.openai_answers import accumulated
from support.reports import REPORTS, Case, ReportedProvider, cases, unmet
from support.rest import Answer, Rest, events
from support.stack import Stack, running

SOURCES = REPORTS.parent / "SOURCES.md"


@pytest.fixture(scope="module")
def provider() -> Iterator[ReportedProvider]:
    with ReportedProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def reported(provider: ReportedProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # Cases of one provider must not see what the breaker learned from those before them.
    config = {"routing": {"breaker": {"failures": 1_000_000}}, "providers": provider.rows()}
    with running(tmp_path_factory.mktemp("reports"), config) as stack:
        yield stack


@pytest.fixture(scope="module")
def client(reported: Stack) -> Iterator[Rest]:
    with reported.rest() as rest:
        yield rest


@pytest.mark.parametrize("name", cases())
def test_a_reported_case(client: Rest, provider: ReportedProvider, name: str) -> None:
    case = Case(name)
    provider.turn_to(case)

    answer = client.chat(case.request)

    expected = case.expected
    assert answer.status == expected.get("status", 200), answer.body
    if expected.get("dropped") is not None:
        assert sorted(_dropped(answer)) == sorted(expected["dropped"])
    if "sent" in expected:
        assert unmet(provider.seen[-1], expected["sent"]) == [], json.dumps(provider.seen[-1], indent=1)
    if answer.status != 200:
        _check_error(answer.error, expected["error"])
    elif case.request.get("stream"):
        _check_stream(answer.body, expected)
    else:
        _check_answer(answer.json, expected)


def test_each_case_has_its_source() -> None:
    logged = SOURCES.read_text("utf-8")

    for case in map(Case, cases()):
        assert f"`{case.name}`" in logged, case.name
        assert case.expected["reports"], case.name
        assert all(report in logged for report in case.expected["reports"]), case.name


def _check_stream(body: bytes, expected: dict[str, Any]) -> None:
    *pieces, last = events(body)
    chunks = [json.loads(piece) for piece in pieces]
    if "error" in expected:
        _check_error(json.loads(last)["error"], expected["error"])
    else:
        assert last == b"[DONE]"
    _check_answer(accumulated(chunks), expected)


def _check_answer(completion: dict[str, Any], expected: dict[str, Any]) -> None:
    choices = completion["choices"]
    messages = [choice["message"] for choice in choices]
    if "finish" in expected:
        assert [choice["finish_reason"] for choice in choices] == expected["finish"]
    if "text" in expected:
        assert "".join(message.get("content") or "" for message in messages) == expected["text"]
    if "reasoning" in expected:
        assert "".join(message.get("reasoning_content") or "" for message in messages) == expected["reasoning"]
    if "calls" in expected:
        calls = [call for message in messages for call in message.get("tool_calls") or ()]
        said = [[call["function"]["name"], json.loads(call["function"]["arguments"])] for call in calls]
        assert said == [call[:2] for call in expected["calls"]]
        assert all(call["id"] for call in calls)
        given = [(call["id"], told[2]) for call, told in zip(calls, expected["calls"], strict=True) if len(told) > 2]
        assert all(id_ == told for id_, told in given)
    if "answer" in expected:
        assert unmet(completion, expected["answer"]) == []


def _check_error(error: dict[str, Any], expected: dict[str, Any]) -> None:
    for field, wanted in expected.items():
        assert re.search(wanted, str(error[field])), (field, error)


def _dropped(answer: Answer) -> list[str]:
    named = answer.headers.get("x-arouter-dropped-params", "")
    return [name.strip() for name in named.split(",") if name.strip()]
