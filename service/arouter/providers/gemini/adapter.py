"""Gemini's paths, headers, model list and request assembly; each part of the translation has its own module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from arouter.chat.dropped import Dropped
from arouter.chat.request import ChatRequest
from arouter.errors import ProviderError
from arouter.providers import tool_ids, tool_names
from arouter.providers.adapter import Adapter, ModelPage, WireRequest
from arouter.providers.counting import CountReader
from arouter.providers.gemini.contents import encode_messages
from arouter.providers.gemini.decode import decode_answer
from arouter.providers.gemini.errors import embedded_error, error_from_body
from arouter.providers.gemini.model_list import read_model
from arouter.providers.gemini.parameters import encode_parameters
from arouter.providers.gemini.stream import GeminiStreamDecoder
from arouter.providers.gemini.thinking import continues_answers, validates_signatures
from arouter.providers.json_reader import parse_object
from arouter.providers.json_writer import request_json
from arouter.providers.lenient import text_in
from arouter.providers.model_pages import decode_page
from arouter.providers.native import NativeReader
from arouter.providers.tool_ids import has_calls, portable_ids
from arouter.providers.tool_names import portable_names

_MODELS = "/v1beta/models"
_PAGE = f"{_MODELS}?pageSize=1000"


class GeminiAdapter(Adapter):
    """Translates to and from generateContent. The base URL is the host's root."""

    dialect = "gemini"
    models_path = _PAGE

    @override
    def headers(self, api_key: str | None) -> dict[str, str]:
        # Never the `?key=` of older examples, because URLs are logged.
        return {"x-goog-api-key": api_key} if api_key else {}

    @override
    def encode(self, request: ChatRequest, model: str, *, without: frozenset[str] = frozenset()) -> WireRequest:
        method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        path = f"{_MODELS}/{quote(model.removeprefix('models/'), safe='')}:{method}"
        if request.native is not None and request.native.dialect == self.dialect:
            return WireRequest(path, request_json(request.native.body), reader=NativeReader(self))
        body, dropped, names = self._translated(request, model)
        return WireRequest(path, request_json(body), dropped, names=names)

    def encode_count(self, request: ChatRequest, model: str) -> WireRequest:
        """Encodes a request to count the tokens of `request`, as `counting.CountingAdapter` says."""
        if request.native is not None and request.native.dialect == self.dialect:
            body = request.native.body
        else:
            body, _, _ = self._translated(request, model)
        name = model.removeprefix("models/")
        whole = {"generateContentRequest": {"model": f"models/{name}", **body}}
        return WireRequest(
            f"{_MODELS}/{quote(name, safe='')}:countTokens",
            request_json(whole),
            reader=CountReader(self, "totalTokens"),
        )

    def _translated(
        self, request: ChatRequest, model: str
    ) -> tuple[dict[str, Any], tuple[str, ...], Mapping[str, str]]:
        """Returns the body, the parameters that are dropped, and the names of tools that are changed."""
        dropped = Dropped()
        canonical = dict(request.body)
        names = portable_names(canonical, tool_names.GEMINI)
        if has_calls(canonical["messages"]):
            canonical["messages"] = portable_ids(canonical["messages"], tool_ids.GEMINI)
        messages = encode_messages(
            canonical["messages"], dropped, is_3=validates_signatures(model), prefill=continues_answers(model)
        )
        body: dict[str, Any] = {**messages, **encode_parameters(canonical, model, dropped)}
        return body, dropped.names(), names

    @override
    def decode(self, body: bytes) -> dict[str, Any]:
        answer = parse_object(body, "a response")
        if answer.get("error"):
            raise embedded_error(answer["error"])
        return decode_answer(answer)

    @override
    def stream_decoder(self) -> GeminiStreamDecoder:
        return GeminiStreamDecoder()

    @override
    def decode_error(self, status: int, body: bytes, retry_after: int | None) -> ProviderError:
        return error_from_body(status, body, retry_after)

    @override
    def decode_models(self, body: bytes) -> ModelPage:
        models, page = decode_page(body, "models", read_model, optional=True)
        token = text_in(page.get("nextPageToken"))
        return ModelPage(
            models,
            f"{_PAGE}&pageToken={quote(token, safe='')}" if token else None,
        )
