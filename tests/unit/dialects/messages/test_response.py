"""Complete responses, where the properties do not look."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from anthropic.types import Message

from arouter.chat.chunks import chunks_of
from arouter.chat.native import NativeChunk, NativeCompletion
from arouter.chat.request import ChatRequest
from arouter.dialects.messages.dialect import MessagesDialect
from arouter.dialects.messages.errors import TYPES
from arouter.errors import ARouterError, Failure
from judges.message_stream import events_of, message_of

DIALECT = MessagesDialect()
REQUEST = ChatRequest({"model": "m", "messages": [], "stop": ["STOP"]}, stream=False, include_usage=False)


def encode(message: dict[str, Any], usage: Any = None, **choice: Any) -> dict[str, Any]:
    one = {"index": 0, "message": {"role": "assistant", "content": None, **message}, "finish_reason": "stop", **choice}
    completion = {"id": "gen-1", "model": "p/m", "choices": [one], "usage": usage}
    encoded: dict[str, Any] = orjson.loads(orjson.dumps(DIALECT.encode(completion, REQUEST)))
    Message.model_validate(encoded, strict=True)
    return encoded


CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
ENDINGS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"content": "a"}, {}, "end_turn"),
    ({"content": "a"}, {"finish_reason": "length"}, "max_tokens"),
    ({"tool_calls": [CALL]}, {"finish_reason": "tool_calls"}, "tool_use"),
    ({"tool_calls": [CALL]}, {"finish_reason": "stop"}, "tool_use"),
    ({"tool_calls": [CALL]}, {"finish_reason": "length"}, "max_tokens"),
    ({"content": "a"}, {"finish_reason": "content_filter"}, "refusal"),
    ({"refusal": "No."}, {}, "refusal"),
    ({"content": "a"}, {"native_finish_reason": "pause_turn"}, "pause_turn"),
    ({"content": "a"}, {"native_finish_reason": "STOP"}, "end_turn"),
    ({"content": "a"}, {"stop_reason": "STOP"}, "stop_sequence"),
    ({"content": "a"}, {"stop_reason": 7}, "end_turn"),
]


@pytest.mark.parametrize(("message", "choice", "reason"), ENDINGS, ids=str)
def test_stop_reasons(message: dict[str, Any], choice: dict[str, Any], reason: str) -> None:
    encoded = encode(message, **choice)

    assert encoded["stop_reason"] == reason
    assert encoded["stop_sequence"] == ("STOP" if reason == "stop_sequence" else None)


def test_a_refusal_is_text_and_an_explanation_is_not() -> None:
    assert encode({"refusal": "No."})["content"] == [{"type": "text", "text": "No."}]
    filtered = encode({"content": "Well", "refusal": "Cyber."}, finish_reason="content_filter")
    assert filtered["content"] == [{"type": "text", "text": "Well"}]
    assert filtered["stop_details"] == {"type": "refusal", "category": None, "explanation": "Cyber."}


def test_input_tokens_exclude_those_of_the_cache() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 7,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }

    assert encode({"content": "a"}, usage)["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 5},
    }


def test_citations_are_on_the_text_that_they_support() -> None:
    cited = {"url": "https://a.test", "title": "A", "start_index": 4, "end_index": 9, "content": "sky"}
    place = {
        "type": "char_location",
        "cited_text": "x",
        "document_index": 0,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    annotations = [
        {"type": "url_citation", "url_citation": cited},
        {"type": "file_citation", "file_citation": {**place, "start_index": 4, "end_index": 9}},
        {"type": "unknown"},
    ]
    content = encode({"content": "The sky. Yes.", "annotations": annotations})["content"]

    web = {
        "type": "web_search_result_location",
        "url": "https://a.test",
        "title": "A",
        "cited_text": "sky",
        "encrypted_index": "",
    }
    assert content == [
        {"type": "text", "text": "The "},
        {"type": "text", "text": "sky. ", "citations": [web, place]},
        {"type": "text", "text": "Yes."},
    ]


def test_arguments_that_are_no_object_are_wrapped() -> None:
    call = {**CALL, "function": {"name": "look", "arguments": "[1]"}}

    assert encode({"tool_calls": [call]})["content"][0]["input"] == {"arguments": "[1]"}


def test_images_are_links_or_noted() -> None:
    urls = ["https://images.test/1.png", "data:image/png;base64,aGk=", "aGk="]
    images = [{"type": "image_url", "index": index, "image_url": {"url": url}} for index, url in enumerate(urls)]
    notes = [
        "![image](https://images.test/1.png)",
        "[image/png: the Messages API has no images in responses]",
        "[image: the Messages API has no images in responses]",
    ]
    expected = [{"type": "text", "text": text} for text in ["Two.", *notes]]
    message = encode({"content": "Two.", "images": images})
    assert message["content"] == expected

    encoder = DIALECT.events(REQUEST)
    whole = {"role": "assistant", "content": "Two.", "images": images}
    chunks = chunks_of({"id": "g", "model": "m", "choices": [{"index": 0, "message": whole, "finish_reason": "stop"}]})
    assert message_of(events_of(encoder.encode(chunks) + encoder.finish()))["content"] == expected


def test_native_responses_differ_by_the_model_alone() -> None:
    native = {"id": "msg_1", "model": "claude", "content": [{"type": "new"}], "usage": {"input_tokens": 1}}
    completion = NativeCompletion({"id": "gen-1", "model": "p/m", "choices": []}, native)

    assert DIALECT.encode(completion, REQUEST) == {**native, "model": "p/m"}


def test_native_events_differ_by_the_model_alone() -> None:
    start = {"type": "message_start", "message": {"id": "msg_1", "model": "claude"}}
    delta = {"type": "new_event", "index": 3}
    stop = {"type": "message_stop"}
    encoder = DIALECT.events(REQUEST)
    chunk = {"id": "gen-1", "model": "p/m", "choices": []}
    data = encoder.encode([NativeChunk(chunk, [("message_start", start), ("ping", {"type": "ping"})])])
    data += encoder.encode([NativeChunk(chunk, [("", delta)]), chunk, NativeChunk(chunk, [("message_stop", stop)])])
    data += encoder.finish()

    renamed = {**start, "message": {"id": "msg_1", "model": "p/m"}}
    assert events_of(data) == [renamed, delta, stop]
    assert b"event: ping\n" in data


VLLM = "This model's maximum context length is 131072 tokens"
TOO_LONG = [
    ("prompt is too long: 9 tokens > 8 maximum", "prompt is too long: 9 tokens > 8 maximum"),
    ("Your input exceeds the context window.", "prompt is too long: Your input exceeds the context window."),
    (
        "maximum context length is 200000 tokens. However, you requested about 200255 tokens (128184 of text input, "
        "8071 of tool input, 64000 in the output)",
        "input length and `max_tokens` exceed context limit: 136255 + 64000 > 200000. ",
    ),
    (
        "maximum context length is 16385 tokens, however you requested 16610 tokens (14138 in the messages, 226 in the "
        "functions, and 2246 in the completion).",
        "input length and `max_tokens` exceed context limit: 14364 + 2246 > 16385. ",
    ),
    (
        "maximum context length is 131,072 tokens. You requested 140,000 tokens (120,000 in the messages, 20,000 in "
        "the completion).",
        "input length and `max_tokens` exceed context limit: 120000 + 20000 > 131072. ",
    ),
    (
        "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 5000 `inputs` tokens and 4000 `max_new_tokens`",
        "input length and `max_tokens` exceed context limit: 5000 + 4000 > 8193. ",
    ),
    (
        f"{VLLM}. However, your messages resulted in 140000 tokens.",
        "prompt is too long: 140000 tokens > 131072 maximum. ",
    ),
    (
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "prompt is too long: 537812 tokens > 131072 maximum. ",
    ),
    (
        "request (9013 tokens) exceeds the available context size (8192 tokens), try increasing it",
        "prompt is too long: 9013 tokens > 8192 maximum. ",
    ),
    (
        "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
        "prompt is too long: 1196265 tokens > 1048575 maximum. ",
    ),
    # A lower bound: the prompt may be longer than the limit.
    (
        f"{VLLM}. You requested 10 output tokens and your prompt contains at least 131063 input tokens.",
        "prompt is too long: Thi",
    ),
    ("9" * 1000 + " tokens in the messages", "prompt is too long: 999"),
    (
        f"{VLLM}. However, you requested 132000 tokens (100000 in the messages, 32000 in the completion).",
        "input length and `max_tokens` exceed context limit: 100000 + 32000 > 131072. ",
    ),
    (
        "It exceeds the model's maximum context length of 262144 tokens. You requested a total of 262462 tokens: "
        "230462 tokens from the input messages and 32000 tokens for the completion.",
        "input length and `max_tokens` exceed context limit: 230462 + 32000 > 262144. ",
    ),
    (
        f"'max_tokens' is too large: 32000. {VLLM} and your request has 120000 input tokens (32000 > 131072 - 120000).",
        "input length and `max_tokens` exceed context limit: 120000 + 32000 > 131072. ",
    ),
    (f"{VLLM}. You requested 140000 tokens (139000 in the messages, 1000 in the completion).", "prompt is too long: "),
]


@pytest.mark.parametrize(("sent", "beginning"), TOO_LONG, ids=lambda text: text[:30])
def test_a_prompt_that_is_too_long_is_reported_in_anthropics_words(sent: str, beginning: str) -> None:
    error = DIALECT.encode_error(ARouterError(Failure.CONTEXT_LENGTH_EXCEEDED, sent))["error"]

    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith(beginning)
    assert error["message"].endswith(sent)


def test_every_failure_has_a_type() -> None:
    assert TYPES.keys() == set(Failure)
    error = DIALECT.encode_error(ARouterError(Failure.RATE_LIMITED, "Slower.", param="x"))
    assert error == {"type": "error", "error": {"type": "rate_limit_error", "message": "Slower."}}
