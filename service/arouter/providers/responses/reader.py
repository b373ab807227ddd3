"""Reads responses of the Responses API."""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.errors import ProviderError
from arouter.providers import openai_errors
from arouter.providers.adapter import Reader
from arouter.providers.json_reader import parse_object
from arouter.providers.responses.decode import decode_response
from arouter.providers.responses.stream import ResponsesStreamDecoder


class ResponsesReader(Reader):
    """Decodes responses to the canonical form."""

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        response = parse_object(body, "a response")
        if "output" not in response:
            openai_errors.raise_embedded(response)
        return decode_response(response)

    @override
    def stream_decoder(self) -> ResponsesStreamDecoder:
        return ResponsesStreamDecoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return openai_errors.decode_error(status, body, retry_after)
