"""The adapter of the Messages API. The base URL is the host: the SDKs' default is `https://api.anthropic.com`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
from typing_extensions import override

from arouter.chat.request import ChatRequest
from arouter.errors import ProviderError
from arouter.providers import tool_ids, tool_names
from arouter.providers.adapter import Adapter, ModelPage, WireRequest
from arouter.providers.anthropic.decode import decode_message
from arouter.providers.anthropic.encode import encode_request
from arouter.providers.anthropic.errors import embedded_error, error_from_body
from arouter.providers.anthropic.model_list import read_model
from arouter.providers.anthropic.native import DIALECT, NativeBody, encode_native, native_reader
from arouter.providers.anthropic.profiles import describe
from arouter.providers.anthropic.stream import AnthropicStreamDecoder
from arouter.providers.counting import CountReader
from arouter.providers.json_reader import parse_object
from arouter.providers.json_writer import request_json
from arouter.providers.model_pages import decode_page
from arouter.providers.tool_ids import has_calls, portable_ids
from arouter.providers.tool_names import portable_names

API_VERSION = "2023-06-01"
"""Not the newest version: 2026-10-21 accepts nothing more, but rejects `temperature`, `top_p` and `top_k` for all
models."""

_MODELS_PATH = "/v1/models?limit=1000"
_PATH = "/v1/messages"
_COUNTED = frozenset(
    {
        "cache_control",
        "context_management",
        "mcp_servers",
        "messages",
        "model",
        "output_config",
        "output_format",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
"""The parameters of a count. Source: `anthropic.types.beta.MessageCountTokensParams` of SDK 2.12."""


class AnthropicAdapter(Adapter):
    """Translates between the canonical chat and the Messages API."""

    models_path = _MODELS_PATH

    @override
    def headers(self, api_key: str | None) -> dict[str, str]:
        credential = {"x-api-key": api_key} if api_key else {}
        return {**credential, "anthropic-version": API_VERSION}

    @override
    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        native = request.native
        if native is not None and native.dialect == DIALECT and (found := encode_native(native, model)) is not None:
            return self._pass_on(found, model)
        canonical = dict(request.body)
        names = portable_names(canonical, tool_names.ANTHROPIC)
        if has_calls(canonical["messages"]):
            canonical["messages"] = portable_ids(canonical["messages"], tool_ids.ANTHROPIC)
        body, dropped = encode_request(canonical, model, stream=request.stream)
        return WireRequest(_PATH, request_json(body), dropped, names=names)

    def encode_count(self, request: ChatRequest, model: str) -> WireRequest | None:
        """Encodes a request to count tokens; implements `CountingAdapter`. Other vendors do not count reliably."""
        if not describe(model).claude:
            return None
        wire = self.encode(request, model)
        counted = {name: value for name, value in orjson.loads(wire.body or b"").items() if name in _COUNTED}
        return WireRequest(
            f"{_PATH}/count_tokens",
            request_json(counted),
            headers=wire.headers,
            reader=CountReader(self, "input_tokens"),
        )

    def _pass_on(self, native: NativeBody, model: str) -> WireRequest:
        reader = native_reader(self, model)
        return WireRequest(_PATH, request_json(native.body), native.dropped, headers=native.headers, reader=reader)

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        answer = parse_object(body, "a response")
        if answer.get("type") == "error" or answer.get("error"):
            raise embedded_error(answer.get("error"))
        return decode_message(answer)

    @override
    def stream_decoder(self) -> AnthropicStreamDecoder:
        return AnthropicStreamDecoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return error_from_body(status, body, retry_after)

    @override
    def decode_models(self, body: bytes) -> ModelPage:
        models, page = decode_page(body, "data", read_model)
        last = page.get("last_id")
        more = page.get("has_more") is True and isinstance(last, str) and last
        return ModelPage(models, f"{_MODELS_PATH}&after_id={quote(str(last), safe='')}" if more else None)
