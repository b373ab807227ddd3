"""What no golden case shows: what is refused, the model list, and answers that are none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.genai import types
from unit.providers.gemini.wire import ADAPTER

from arouter.chat.request import ChatRequest
from arouter.errors import ARouterError, Failure, ProviderError
from arouter.models import ModelDetails
from arouter.providers.adapter import ListedModel, ModelPage
from arouter.providers.sse import ServerSentEvent
from judges.gemini import write_response

USER = {"role": "user", "content": "x"}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def encode(model: str = "gemini-3.6-flash", **body: Any) -> Any:
    request = {"model": "p/m", "messages": [USER], **body}
    return orjson.loads(ADAPTER.encode(ChatRequest(request, stream=False, include_usage=False), model).body)


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def test_the_key_is_in_a_header_alone() -> None:
    assert ADAPTER.headers("secret") == {"x-goog-api-key": "secret"}
    assert ADAPTER.headers(None) == {}
    assert "key" not in ADAPTER.models_path


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (user({"type": "text"}), "messages[0].content[0].text"),
        (user({"type": "hologram"}), "messages[0].content[0].type"),
        (user({"type": "image_url"}), "messages[0].content[0].image_url"),
        (user({"type": "image_url", "image_url": {"url": ""}}), "messages[0].content[0].image_url.url"),
        (user({"type": "image_url", "image_url": {"url": "ftp://a/b.png"}}), "messages[0].content[0].image_url.url"),
        (user({"type": "image_url", "image_url": {"url": "http://[::1"}}), "messages[0].content[0].image_url.url"),
        (user({"type": "image_url", "image_url": {"url": "data:image/png"}}), "messages[0].content[0].image_url.url"),
        (user({"type": "input_audio", "input_audio": {"data": "AA=="}}), "messages[0].content[0].input_audio.format"),
        (user({"type": "file", "file": {"file_id": "file-abc"}}), "messages[0].content[0].file.file_id"),
        (user({"type": "file", "file": {"file_data": "AA=="}}), "messages[0].content[0].file.file_data"),
        (user({"type": "file", "file": {}}), "messages[0].content[0].file"),
        ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
        ({"messages": [USER, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, "messages[1].tool_call_id"),
        ({"messages": [USER, {"role": "function", "name": "f", "content": "x"}]}, "messages[1].name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0].function.name"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 5}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"messages": [{"role": "assistant", "content": None}]}, "messages"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters",
        ),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice.allowed_tools"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"reasoning_effort": "gigantic"}, "reasoning_effort"),
        ({"reasoning": {"effort": 5}}, "reasoning.effort"),
        ({"reasoning": {"max_tokens": "many"}}, "reasoning.max_tokens"),
        ({"reasoning": "much"}, "reasoning"),
    ],
)
def test_refuses_what_gemini_cannot_be_told(body: dict[str, Any], param: str) -> None:
    with pytest.raises(ARouterError) as caught:
        encode(**body)

    assert (caught.value.failure, caught.value.param) == (Failure.INVALID_REQUEST, param)


def test_refuses_a_body_nested_deeper_than_json_can_be_written() -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"items": deep}

    with pytest.raises(ARouterError) as caught:
        encode(tools=[{"type": "function", "function": {"name": "f", "parameters": deep}}])

    assert caught.value.failure is Failure.INVALID_REQUEST


@pytest.mark.parametrize("depth", [5, 100, 900, 5000])
def test_a_result_of_any_depth_is_passed_on(depth: int) -> None:
    result = '{"a":' * depth + "1" + "}" * depth
    messages = [
        USER,
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": result},
    ]

    response = encode(messages=messages)["contents"][2]["parts"][0]["functionResponse"]["response"]

    assert response == (orjson.loads(result) if depth == 5 else {"output": result})


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-3.6-flash", "minimal", {"thinkingLevel": "MINIMAL", "includeThoughts": True}),
        ("gemini-3.7-flash", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "none", {"thinkingLevel": "LOW", "includeThoughts": False}),
        ("gemini-flash-latest", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-4-pro", "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0, "includeThoughts": False}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128, "includeThoughts": False}),
        ("gemini-2.5-flash-lite", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
    ],
)
def test_an_effort_is_what_the_generation_of_the_model_calls_it(model: str, effort: str, config: Any) -> None:
    assert encode(model, reasoning_effort=effort)["generationConfig"]["thinkingConfig"] == config
    assert encode(model, reasoning={"effort": effort})["generationConfig"]["thinkingConfig"] == config


@pytest.mark.parametrize(
    ("body", "config"),
    [
        ({"reasoning": {"enabled": True}}, {"includeThoughts": True}),
        ({"reasoning": {"enabled": False}}, {"thinkingLevel": "MINIMAL", "includeThoughts": False}),
        ({"reasoning": {}, "reasoning_effort": "high"}, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ({"reasoning": {"exclude": True}}, {"includeThoughts": False}),
        ({"include_reasoning": True}, {"includeThoughts": True}),
        ({"reasoning_effort": "low", "include_reasoning": False}, {"thinkingLevel": "LOW", "includeThoughts": False}),
    ],
)
def test_reasoning_is_shown_as_asked(body: dict[str, Any], config: Any) -> None:
    assert encode(**body)["generationConfig"]["thinkingConfig"] == config


def test_says_nothing_about_thinking_unless_asked() -> None:
    assert "generationConfig" not in encode()


def test_a_call_id_is_the_same_whenever_the_answer_is_read_and_differs_between_calls() -> None:
    def answer(response_id: str) -> bytes:
        call = types.Part(function_call=types.FunctionCall(name="f", args={"x": 1}))
        candidate = types.Candidate(
            content=types.Content(role="model", parts=[call, call]), finish_reason=types.FinishReason.STOP
        )
        return write_response(types.GenerateContentResponse(candidates=[candidate], response_id=response_id))

    def ids(response_id: str) -> list[str]:
        return [call["id"] for call in ADAPTER.decode(answer(response_id))["choices"][0]["message"]["tool_calls"]]

    assert ids("a") == ids("a")
    assert len({*ids("a"), *ids("b")}) == 4


@pytest.mark.parametrize("reason", [*types.FinishReason])
def test_every_finish_reason_is_an_openai_one_or_an_error(reason: types.FinishReason) -> None:
    candidate = types.Candidate(
        content=types.Content(role="model", parts=[types.Part(text="x")]), finish_reason=reason, index=0
    )
    body = write_response(types.GenerateContentResponse(candidates=[candidate]))
    failed = {
        "FINISH_REASON_UNSPECIFIED",
        "IMAGE_OTHER",
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "NO_IMAGE",
        "OTHER",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
    if reason.value in failed:
        with pytest.raises(ProviderError):
            ADAPTER.decode(body)
    else:
        finish = ADAPTER.decode(body)["choices"][0]["finish_reason"]

        assert finish == {"STOP": "stop", "MAX_TOKENS": "length", "CONTINUATION": "length"}.get(
            reason.value, "content_filter"
        )


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"candidates": []}',
        b'{"candidates": [{}]}',
        b'{"candidates": [{"content": {"parts": [{"text": "cut"}]}}]}',
        b'{"candidates": [{"content": {"parts": [{"functionCall": {}}]}, "finishReason": "STOP"}]}',
    ],
)
def test_refuses_an_answer_that_is_none(answer: bytes) -> None:
    decoder = ADAPTER.stream_decoder()

    with pytest.raises(ProviderError) as whole:
        ADAPTER.decode(answer)
    with pytest.raises(ProviderError) as streamed:  # noqa: PT012
        decoder.feed(ServerSentEvent(answer))
        decoder.finish()

    assert whole.value.failure is streamed.value.failure is Failure.PROVIDER_BAD_RESPONSE


@pytest.mark.parametrize(("asked", "told"), [(17, 17), (None, 1)])
def test_a_429_always_says_when_to_retry(asked: int | None, told: int) -> None:
    assert ADAPTER.decode_error(429, b"", asked).retry_after == told


@pytest.mark.parametrize("delay", ["", "soon", "infs", "nans", 5, None])
def test_makes_do_with_a_delay_that_is_none(delay: Any) -> None:
    body = orjson.dumps({"error": {"details": [{"retryDelay": delay}]}})

    assert ADAPTER.decode_error(429, body, None).retry_after == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"[1]", b'{"error": 5}', b'{"error": {"message": 5}}', b"\xff"]
)
def test_makes_do_with_an_error_body_that_says_nothing(body: bytes) -> None:
    assert ADAPTER.decode_error(400, body, None).message == "The provider rejected the request with status 400."


def test_reads_a_page_of_the_model_list() -> None:
    page = {
        "models": [
            {"name": "models/gemini-3.6-flash", "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "models/embedding-001", "supportedGenerationMethods": ["embedContent"]},
            {"name": "models/unknown"},
            {"name": 5, "supportedGenerationMethods": ["generateContent"]},
            "models/x",
        ],
        "nextPageToken": "a b/c&d",
    }

    assert ADAPTER.decode_models(orjson.dumps(page)) == ModelPage(
        [
            ListedModel("gemini-3.6-flash", None),
            ListedModel("embedding-001", None, ModelDetails(output_modalities=("embeddings",))),
        ],
        "/v1beta/models?pageSize=1000&pageToken=a%20b%2Fc%26d",
    )


@pytest.mark.parametrize("page", [{}, {"models": []}, {"models": [], "nextPageToken": ""}])
def test_the_last_page_names_no_other(page: dict[str, Any]) -> None:
    assert ADAPTER.decode_models(orjson.dumps(page)) == ModelPage([], None)


@pytest.mark.parametrize("page", [b"", b"[]", b'{"data": []}', b'{"models": 5}'])
def test_refuses_a_model_list_that_is_none(page: bytes) -> None:
    with pytest.raises(ProviderError):
        ADAPTER.decode_models(page)


def test_a_calls_arguments_that_cannot_be_written_are_no_answer() -> None:
    """Such as orjson reads, and does not write."""
    call = {"functionCall": {"name": "f", "args": {"a": "deep"}}}
    answer = orjson.dumps({"candidates": [{"content": {"parts": [call]}, "finishReason": "STOP"}]})
    deep = answer.replace(b'"deep"', b"[" * 300 + b"]" * 300)

    with pytest.raises(ProviderError, match="nested too deeply"):
        ADAPTER.decode(deep)
    with pytest.raises(ProviderError, match="nested too deeply"):
        ADAPTER.stream_decoder().feed(ServerSentEvent(deep))
