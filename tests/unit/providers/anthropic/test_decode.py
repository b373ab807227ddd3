"""Whole answers, errors and model lists; more answers are in the golden files."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from anthropic.types import ModelInfo

from arouter.errors import Failure, ProviderError
from arouter.providers.adapter import ListedModel, ModelPage
from arouter.providers.anthropic.adapter import AnthropicAdapter
from judges.anthropic import message

ADAPTER = AnthropicAdapter()
TEXT = {"type": "text", "text": "Hi"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": "ü"}}


@pytest.mark.parametrize(
    ("reason", "content", "finish"),
    [
        ("end_turn", TEXT, "stop"),
        ("stop_sequence", TEXT, "stop"),
        ("pause_turn", TEXT, "stop"),
        ("max_tokens", TEXT, "length"),
        ("max_tokens", CALL, "length"),
        ("model_context_window_exceeded", TEXT, "length"),
        ("tool_use", CALL, "tool_calls"),
        ("end_turn", CALL, "tool_calls"),
        ("refusal", TEXT, "content_filter"),
    ],
)
def test_translates_the_reason_of_the_end(reason: str, content: dict[str, Any], finish: str) -> None:
    (choice,) = ADAPTER.decode(message(content, stop_reason=reason))["choices"]

    assert (choice["finish_reason"], choice["native_finish_reason"]) == (finish, reason)


def test_keeps_a_calls_arguments_in_order() -> None:
    (choice,) = ADAPTER.decode(message(CALL, stop_reason="tool_use"))["choices"]

    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"b":1,"a":"ü"}'


def test_an_answer_of_nothing_is_an_empty_one() -> None:
    (choice,) = ADAPTER.decode(message())["choices"]

    assert choice["message"] == {"role": "assistant", "content": None, "refusal": None}


def test_a_refusal_without_words_has_none() -> None:
    details = {"type": "refusal", "category": None, "explanation": None}

    (choice,) = ADAPTER.decode(message(stop_reason="refusal", stop_details=details))["choices"]

    assert (choice["finish_reason"], choice["message"]["refusal"]) == ("content_filter", None)


def test_counts_what_the_cache_gave_and_took_as_prompt() -> None:
    usage = {
        "input_tokens": 1,
        "cache_read_input_tokens": 20,
        "cache_creation_input_tokens": 300,
        "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 40},
    }

    assert ADAPTER.decode(message(TEXT, usage=usage))["usage"] == {
        "prompt_tokens": 321,
        "completion_tokens": 50,
        "total_tokens": 371,
        "prompt_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 300},
        "completion_tokens_details": {"reasoning_tokens": 40},
    }


def test_makes_do_with_a_server_that_says_less() -> None:
    answer = {"content": [{"type": "text"}, {"type": "thinking"}, {"type": "tool_use"}], "stop_reason": "end_turn"}

    completion = ADAPTER.decode(orjson.dumps(answer))

    assert "usage" not in completion
    assert completion["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"null",
        b"{}",
        b'{"content": null, "stop_reason": "end_turn"}',
        b'{"content": ["x"], "stop_reason": "end_turn"}',
        b'{"content": [], "stop_reason": null}',
    ],
)
def test_refuses_an_answer_that_is_none(answer: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.decode(answer)

    assert caught.value.failure is Failure.PROVIDER_BAD_RESPONSE


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": 5}', b'{"error": {"message": 5}}', b"\xff"])
def test_makes_do_with_an_error_body_that_says_nothing(body: bytes) -> None:
    assert ADAPTER.decode_error(400, body, None).message == "The provider rejected the request with status 400."


@pytest.mark.parametrize("body", [b'{"type": "error"}', b'{"error": {"message": "why"}}', b'{"error": "why"}'])
def test_reads_an_error_that_came_with_200(body: bytes) -> None:
    with pytest.raises(ProviderError) as caught:
        ADAPTER.decode(body)

    assert caught.value.failure is Failure.PROVIDER_ERROR


@pytest.mark.parametrize(("asked", "told"), [(17, 17), (None, 1)])
def test_a_429_always_says_when_to_retry(asked: int | None, told: int) -> None:
    assert ADAPTER.decode_error(429, b"", asked).retry_after == told


def test_an_account_that_cannot_pay_is_not_the_clients_fault() -> None:
    said = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}

    error = ADAPTER.decode_error(400, orjson.dumps(body), None)

    assert error.failure is Failure.PROVIDER_CREDENTIALS
    assert "credit" not in error.message


def listed(id_: str, created_at: str) -> dict[str, Any]:
    """Returns an entry of the model list, checked by the SDK."""
    entry = {"type": "model", "id": id_, "display_name": id_, "created_at": created_at, "lifecycle": "active"}
    ModelInfo.model_validate(entry)
    return entry


def test_reads_a_model_list_page_by_page() -> None:
    page = {
        "data": [listed("claude-a", "2025-09-29T00:00:00Z"), listed("claude-b", "1970-01-01T00:00:00Z")],
        "has_more": True,
        "first_id": "claude-a",
        "last_id": "claude b/1",
    }

    assert ADAPTER.models_path == "/v1/models?limit=1000"
    assert ADAPTER.decode_models(orjson.dumps(page)) == ModelPage(
        [ListedModel("claude-a", 1759104000), ListedModel("claude-b", None)],
        "/v1/models?limit=1000&after_id=claude%20b%2F1",
    )
    assert ADAPTER.decode_models(orjson.dumps({**page, "has_more": False})).next_path is None
    assert ADAPTER.decode_models(orjson.dumps({**page, "last_id": None})).next_path is None


def test_skips_what_is_no_model() -> None:
    data = [{"id": "a"}, {"id": "b", "created_at": "soon"}, {"id": "c", "created_at": "2025-01-01"}, {"id": ""}, {}, 5]

    assert ADAPTER.decode_models(orjson.dumps({"data": data})) == ModelPage(
        [ListedModel("a", None), ListedModel("b", None), ListedModel("c", None)]
    )


def test_refuses_a_model_list_without_data() -> None:
    with pytest.raises(ProviderError):
        ADAPTER.decode_models(b'{"models": []}')


def test_headers_carry_the_key_and_the_version() -> None:
    assert ADAPTER.headers("k") == {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    assert ADAPTER.headers(None) == {"anthropic-version": "2023-06-01"}
