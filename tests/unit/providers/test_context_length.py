"""A request that is too long for a model: what each provider says of it, and that clients get one code for all."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.errors import Failure
from arouter.providers.adapter import Adapter
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.openai_errors import embedded_error

OPENAI, ANTHROPIC, GEMINI = OpenAIAdapter(), AnthropicAdapter(), GeminiAdapter()


def openai(message: str, code: Any = None, type_: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": "messages", "code": code}}


def anthropic(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


TOO_LONG: list[tuple[str, Adapter, int, dict[str, Any]]] = [
    ("OpenAI, chat", OPENAI, 400, openai("Input tokens exceed the configured limit of 272000 tokens.", None)),
    ("OpenAI, responses", OPENAI, 400, openai("Your input exceeds the context window of this model.", None)),
    ("OpenAI, code", OPENAI, 400, openai("Too much.", "context_length_exceeded")),
    (
        "OpenAI, older",
        OPENAI,
        400,
        openai("This model's maximum context length is 8192 tokens. However, your messages resulted in 8545 tokens."),
    ),
    ("OpenAI, embeddings", OPENAI, 400, openai("Invalid 'input[0]': maximum context length is 8192 tokens.")),
    ("Groq", OPENAI, 400, openai("Please reduce the length of the messages or completion.", "context_length_exceeded")),
    ("Groq, without code", OPENAI, 413, openai("Please reduce the length of the messages or completion.")),
    (
        "OpenRouter",
        OPENAI,
        400,
        openai("This endpoint's maximum context length is 128000 tokens. However, you requested about 140000.", 400),
    ),
    ("xAI", OPENAI, 400, {"code": "x", "error": "This model's maximum prompt length is 131072 but it has 537812."}),
    (
        "Mistral",
        OPENAI,
        400,
        {"object": "error", "message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context"},
    ),
    ("Mistral, code", OPENAI, 400, {"object": "error", "message": "Too large.", "code": "3051"}),
    ("Moonshot", OPENAI, 400, openai("Invalid request: Your request exceeded model token limit: 8192")),
    ("MiniMax", OPENAI, 400, openai("invalid params, context window exceeds limit (2013)")),
    ("DashScope", OPENAI, 400, openai("Range of input length should be [1, 129024]", "invalid_parameter_error")),
    ("Z.ai", OPENAI, 400, openai("Prompt exceeds max length", "1261")),
    ("Cohere", OPENAI, 400, {"message": "too many tokens: size limit exceeded by 11326 tokens."}),
    ("Together", OPENAI, 422, openai("`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 and 100")),
    ("Fireworks", OPENAI, 400, openai("The prompt is too long: 150000, model maximum context length: 131071")),
    ("Novita", OPENAI, 403, openai("Token count + max_tokens exceeds the context length.")),
    ("GitHub Copilot", OPENAI, 400, openai("prompt token count of 140000 exceeds the limit of 128000")),
    ("GitHub Models", OPENAI, 413, openai("Request body too large for gpt-4o model.", "tokens_limit_reached")),
    (
        "vLLM",
        OPENAI,
        400,
        {
            "object": "error",
            "type": "BadRequestError",
            "message": "The prompt (9 tokens) is longer than the maximum model length of 8.",
        },
    ),
    ("SGLang", OPENAI, 400, openai("The input (9000 tokens) is longer than the model's context length (8192 tokens).")),
    (
        "llama.cpp",
        OPENAI,
        400,
        openai("request (9013 tokens) exceeds the available context size (8192 tokens), try increasing it", 400),
    ),
    ("llama.cpp, type", OPENAI, 400, openai("No.", 400, "exceed_context_size_error")),
    ("LM Studio", OPENAI, 400, {"error": "The number of tokens to keep is greater than the context length."}),
    ("Ollama", OPENAI, 400, openai("prompt too long; exceeded max context length by 4 tokens")),
    ("Anthropic", ANTHROPIC, 400, anthropic("prompt is too long: 215692 tokens > 200000 maximum")),
    (
        "Anthropic, max_tokens",
        ANTHROPIC,
        400,
        anthropic("input length and `max_tokens` exceed context limit: 196655 + 21333 > 200000"),
    ),
    ("Bedrock", ANTHROPIC, 400, anthropic("Input is too long for requested model.")),
    (
        "Gemini",
        GEMINI,
        400,
        {
            "error": {
                "code": 400,
                "message": "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
                "status": "INVALID_ARGUMENT",
            }
        },
    ),
]

OTHERS: list[tuple[str, Adapter, int, dict[str, Any], Failure]] = [
    (
        "tokens per minute",
        OPENAI,
        429,
        openai("Request too large: reduce the length of the messages"),
        Failure.PAYLOAD_TOO_LARGE,
    ),
    ("throttling", OPENAI, 429, openai("Too many tokens: please wait before trying again."), Failure.RATE_LIMITED),
    (
        "completion",
        OPENAI,
        400,
        openai("max_tokens is too large: 100000. This model supports at most 16384 completion tokens."),
        Failure.INVALID_REQUEST,
    ),
    (
        "argument",
        OPENAI,
        400,
        openai("Invalid 'tools[0].function.name': string too long.", "string_above_max_length"),
        Failure.INVALID_REQUEST,
    ),
    ("images", ANTHROPIC, 400, anthropic("messages.0.content: at most 100 images"), Failure.INVALID_REQUEST),
    ("bytes", ANTHROPIC, 413, anthropic("Request exceeds the maximum size"), Failure.PAYLOAD_TOO_LARGE),
    ("credentials", OPENAI, 402, openai("The prompt is too long for your balance."), Failure.PROVIDER_CREDENTIALS),
    ("repeated text", OPENAI, 400, openai("No: " + "x" * 1000 + " prompt is too long"), Failure.INVALID_REQUEST),
]


@pytest.mark.parametrize(("name", "adapter", "status", "body"), TOO_LONG, ids=[row[0] for row in TOO_LONG])
def test_a_request_that_is_too_long_has_one_code(
    name: str, adapter: Adapter, status: int, body: dict[str, Any]
) -> None:
    error = adapter.decode_error(status, orjson.dumps(body), None)

    assert (error.failure, error.code) == (Failure.CONTEXT_LENGTH_EXCEEDED, "context_length_exceeded")
    nested = body.get("error", body)
    assert error.message == (nested if isinstance(nested, str) else nested["message"])


@pytest.mark.parametrize(("name", "adapter", "status", "body", "failure"), OTHERS, ids=[row[0] for row in OTHERS])
def test_other_errors_remain_what_they_are(
    name: str, adapter: Adapter, status: int, body: dict[str, Any], failure: Failure
) -> None:
    assert adapter.decode_error(status, orjson.dumps(body), None).failure is failure


@pytest.mark.parametrize(
    "event",
    [
        {"message": "prompt is too long", "code": 400},
        {"message": "Too long.", "code": "context_length_exceeded"},
        {"message": "Too long.", "type": "exceed_context_size_error", "code": None},
        {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "invalid_request_error"},
    ],
    ids=str,
)
def test_it_is_the_same_in_a_response_with_status_200(event: dict[str, Any]) -> None:
    assert embedded_error(event).failure is Failure.CONTEXT_LENGTH_EXCEEDED
