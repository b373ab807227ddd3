"""A request that is too long for a model: clients get one code for it, however a provider words the error."""

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
    (
        "xAI",
        OPENAI,
        400,
        {"code": "x", "error": "This model's maximum prompt length is 131072 but the request contains 537812 tokens."},
    ),
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

MORE = [
    ("Vertex", "the input token count is 32825 but model only supports up to 32768"),
    ("Bedrock Nova", "Input Tokens Exceeded: Number of input tokens exceeds maximum length."),
    ("Bedrock Titan", "Too many input tokens. Max input tokens: 8192, request input token count: 9000"),
    ("SGLang, scheduler", "Input length (9000 tokens) exceeds the maximum allowed length (8186 tokens)."),
    ("DeepInfra", "Requested input length 9000 exceeds maximum input length 8192"),
    ("NIM, embeddings", "Input length 600 exceeds maximum allowed token size 512"),
    ("Moonshot, length", "Input token length too long"),
    ("LM Studio, loaded", "the model is loaded with context length of only 4096 tokens, which is not enough"),
    ("LM Studio, n_keep", "Cannot truncate prompt with n_keep (4099) >= n_ctx (4096)"),
    ("vLLM, total length", "The prompt (total length 9000) is too long to fit into the model (context length 8192)."),
    ("vLLM, negative", "max_tokens must be at least 1, got -808."),
    ("SiliconFlow", "length of prompt_tokens (104553) must be less than max_seq_len (98304)."),
    ("Z.ai, words", "Prompt 超长"),
    ("llama.cpp, while generating", "Context size has been exceeded."),
    ("llama.cpp, embeddings", "input (601 tokens) is too large to process. increase the physical batch size"),
    ("TensorRT-LLM", "Prompt length (9000) exceeds maximum input length (8192)"),
    ("LiteLLM", "litellm.ContextWindowExceededError: litellm.BadRequestError: it is too much"),
    ("Volcengine", "Total tokens of image and text exceed max message tokens"),
    ("watsonx", "the number of input tokens 9000 cannot exceed the total tokens limit 8192 for this model"),
    ("Voyage", "The example at index 0 does not fit into the model's context window of 32000 tokens"),
    ("GitHub Models, words", "Request body too large for gpt-4o model. Max size: 8000 tokens."),
    (
        "vLLM, max_tokens",
        "'max_tokens' is too large: 32000. This model's maximum context length is 131072 tokens and your request "
        "has 120000 input tokens (32000 > 131072 - 120000).",
    ),
]
TOO_LONG += [(name, OPENAI, status, openai(words)) for name, words in MORE for status in (400, 500)]
TOO_LONG += [
    ("Mistral, number", OPENAI, 400, {"object": "error", "message": "Too large.", "code": 3051}),
]


OTHERS: list[tuple[str, int, str, Failure]] = [
    ("tokens per minute", 429, "Request too large: reduce the length of the messages", Failure.PAYLOAD_TOO_LARGE),
    ("throttling", 429, "Too many tokens: please wait before trying again.", Failure.RATE_LIMITED),
    ("credentials", 402, "The prompt is too long for your balance.", Failure.PROVIDER_CREDENTIALS),
    ("overload", 503, "The prompt is too long to be served at the moment.", Failure.PROVIDER_ERROR),
    ("rate", 403, "Input tokens per minute exceed the limit of 6000", Failure.PERMISSION_DENIED),
]
OTHERS += [
    (words[:30], 400, words, Failure.INVALID_REQUEST)
    for words in (
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
        # Cohere
        "too many tokens: max tokens must be less than or equal to 4096, the maximum output for this model.",
        "max_tokens (200000) exceeds model context length (131072)",
        "number of output tokens requested (100000) exceeds the limit of 8192",
        "thinking.budget_tokens 100000 tokens exceeds the limit of 32000",
        "Invalid 'tools[0].function.name': it exceeds the maximum model length",
        "negative prompt too long: at most 500 characters",
        "Audio input is too long: 30 s",
        "[{'type': 'string_type', 'loc': ('body', 'x'), 'input': 'I get: prompt is too long'}]",
        "1 validation error: input_value='maximum context length is 5'",
        "No: " + "x" * 1000 + " prompt is too long",
    )
]


@pytest.mark.parametrize(
    ("adapter", "status", "body"), [pytest.param(*row, id=f"{name}, {row[1]}") for name, *row in TOO_LONG]
)
def test_a_request_that_is_too_long_has_one_code(adapter: Adapter, status: int, body: dict[str, Any]) -> None:
    error = adapter.decode_error(status, orjson.dumps(body), None)

    assert (error.failure, error.code) == (Failure.CONTEXT_LENGTH_EXCEEDED, "context_length_exceeded")
    nested = body.get("error", body)
    assert error.message == (nested if isinstance(nested, str) else nested["message"])


@pytest.mark.parametrize(("status", "message", "failure"), [pytest.param(*row, id=name) for name, *row in OTHERS])
def test_other_errors_remain_what_they_are(status: int, message: str, failure: Failure) -> None:
    assert OPENAI.decode_error(status, orjson.dumps(openai(message)), None).failure is failure


WRAPPED = [
    {
        "error": {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "invalid_request_error"},
        "type": "error",
    },
    [
        {
            "error": {
                "code": 400,
                "message": "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            }
        }
    ],
    {"object": "error", "message": "Too large.", "type": "x", "code": 3051},
]


@pytest.mark.parametrize("raw", WRAPPED, ids=str)
def test_an_error_that_openrouter_passes_on_is_that_of_the_provider_behind_it(raw: Any) -> None:
    metadata = {"raw": orjson.dumps(raw).decode(), "provider_name": "X"}
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}
    error = OPENAI.decode_error(400, orjson.dumps(body), None)

    one = raw[0] if isinstance(raw, list) else raw
    assert error.failure is Failure.CONTEXT_LENGTH_EXCEEDED
    assert error.message == one.get("error", one)["message"]


@pytest.mark.parametrize("raw", [None, 7, "", "<html>", "[]", "{}", '{"error": 7}', '{"error": "x"}'])
def test_an_error_that_wraps_nothing_keeps_its_own_message(raw: Any) -> None:
    body = {"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw}}}

    assert OPENAI.decode_error(400, orjson.dumps(body), None).message == "Provider returned error"


@pytest.mark.parametrize(
    "event",
    [
        {"message": "prompt is too long", "code": 400},
        {"message": "Too long.", "code": "context_length_exceeded"},
        {"message": "Too long.", "type": "exceed_context_size_error", "code": None},
        {"message": "prompt is too long: 9 tokens > 8 maximum", "type": "invalid_request_error"},
        {"message": "prompt is too long"},
        {"message": "Too large.", "code": "tokens_limit_reached"},
        "prompt is too long",
    ],
    ids=str,
)
def test_it_is_the_same_in_a_response_with_status_200(event: Any) -> None:
    assert embedded_error(event).failure is Failure.CONTEXT_LENGTH_EXCEEDED
