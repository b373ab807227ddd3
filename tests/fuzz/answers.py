"""Whole answers, errors and model lists of every protocol: from the bytes of a provider to what both doors send."""

from __future__ import annotations

from arouter.chat.usage import read_usage
from arouter.errors import ProviderError
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.openai import OpenAIAdapter
from arouter.rpc.typed.response import completion_to_proto
from fuzz.mutation import mutate_json as mutate
from fuzz.streams import WIRE, size_of

__all__ = ["SEEDS", "check", "mutate"]

SEEDS = [
    *(path.read_bytes() for path in sorted(WIRE.glob("*/*/response.*.json"))),
    *(path.read_bytes() for path in sorted(WIRE.glob("*/error_*/response.wire.json"))),
    b'{"data": [{"id": "m", "created": 1, "context_length": 5, "pricing": {"prompt": "0.1"}}], "has_more": false}',
    b'{"models": [{"name": "models/m", "supportedGenerationMethods": ["generateContent"]}], "nextPageToken": "x"}',
]
_ADAPTERS = (OpenAIAdapter(), AnthropicAdapter(), GeminiAdapter())
_OUTPUT_PER_BYTE = 200


def check(data: bytes) -> None:
    for adapter in _ADAPTERS:
        try:
            completion = adapter.decode(data)
        except ProviderError as error:
            error.json()
        else:
            read_usage(completion.get("usage"))
            completion_to_proto(completion)
            assert size_of(completion) <= 10_000 + _OUTPUT_PER_BYTE * len(data)
        for status in (400, 401, 404, 429, 500, 529):
            error = adapter.decode_error(status, data, None)
            error.json()
        try:
            page = adapter.decode_models(data)
        except ProviderError as error:
            error.json()
        else:
            assert len(page.models) <= len(data)
