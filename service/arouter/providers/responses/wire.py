"""Decides which requests go to an `openai` provider's `/responses`, and encodes them."""

from __future__ import annotations

from arouter.chat.request import ChatRequest
from arouter.errors import invalid_request
from arouter.providers.adapter import WireRequest
from arouter.providers.json_writer import request_json
from arouter.providers.model_filter import has_responses, needs_responses, needs_search
from arouter.providers.native import NativeReader
from arouter.providers.quirks import Quirks
from arouter.providers.responses.encode import encode_native, encode_request
from arouter.providers.responses.reader import ResponsesReader
from arouter.providers.tool_ids import has_calls, portable_ids
from arouter.providers.tool_names import portable_names

DIALECT = "responses"
"""The dialect of the Responses API."""

_PATH = "/responses"
_INCLUDE = "include"

_READER = ResponsesReader()
_NATIVE_READER = NativeReader(_READER)


def responses_wire(
    request: ChatRequest, model: str, quirks: Quirks, without: frozenset[str] = frozenset()
) -> WireRequest | None:
    """Returns the request for `/responses`, or None if it goes to chat completions.

    Args:
        request: The request, which passes as it is if its dialect is that of the Responses API.
        model: The model's native name.
        quirks: The quirks of the provider, which serves the Responses API.
        without: Parameters that the provider has refused.

    Raises:
        ARouterError: INVALID_REQUEST if the Responses API cannot express the request.
    """
    if request.native is not None and request.native.dialect == DIALECT:
        if has_responses(model):
            native, dropped = encode_native(request.native, model, stream=request.stream)
            return WireRequest(_PATH, request_json(native), dropped, reader=_NATIVE_READER)
        if request.native_only:
            path = request.native_only[0]
            raise invalid_request(f"'{path}' cannot be sent to this model: it has only chat completions.", path)
    if not needs_responses(model):
        return None
    canonical = dict(request.body)
    names = {} if quirks.tool_names is None else portable_names(canonical, quirks.tool_names)
    if quirks.tool_ids is not None and has_calls(canonical["messages"]):
        canonical["messages"] = portable_ids(canonical["messages"], quirks.tool_ids)
    body, dropped = encode_request(canonical, model, stream=request.stream, searches=needs_search(model))
    if _INCLUDE in without:
        del body[_INCLUDE]
    return WireRequest(_PATH, request_json(body), dropped, names=names, added=frozenset({_INCLUDE}), reader=_READER)
