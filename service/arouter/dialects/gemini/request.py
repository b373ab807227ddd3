"""Translates the body of `generateContent`, `streamGenerateContent` and `countTokens` to a canonical request."""

from __future__ import annotations

from typing import Any

from arouter.chat.native import NativeRequest
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.request import ChatRequest, check_body
from arouter.chat.types import BOOLEAN
from arouter.dialects.gemini.config import read_config
from arouter.dialects.gemini.contents import read_contents
from arouter.dialects.gemini.fields import Fields, Json
from arouter.dialects.gemini.tools import read_tools
from arouter.dialects.unserved import Unserved

NAME = "gemini"

_TIERS = {"STANDARD": "default", "FLEX": "flex", "PRIORITY": "priority"}
_OWN = frozenset({"model", *ROUTER_FIELDS})
"""Members that are not for a provider: the model is in the path, and the router's own are an extension."""


def read_request(body: Any, *, stream: bool) -> ChatRequest:
    """Returns the canonical request.

    Args:
        body: The JSON value of the request body, with the model of the path as `model`; left unchanged.
        stream: Whether the response is streamed.

    Raises:
        ARouterError: INVALID_REQUEST with the client's path of the invalid member.
    """
    if isinstance(body, dict) and isinstance(whole := body.get("generateContentRequest"), dict):
        body = {**whole, "model": body.get("model")}  # of countTokens
    request = Fields(body)
    unserved = Unserved()
    canonical: Json = {}
    model = request.text("model")
    if model:
        canonical["model"] = model.removeprefix("models/")
    canonical |= {name: value for name in ROUTER_FIELDS if (value := request.take_any(name)) is not None}
    canonical["messages"] = read_contents(request, unserved)
    canonical |= read_tools(request, unserved)
    canonical |= read_config(request, unserved)
    tier = request.text("serviceTier")
    if tier is not None:
        canonical["service_tier"] = _TIERS.get(tier.upper(), tier.lower())
    if (store := request.take("store", BOOLEAN)) is not None:
        canonical["store"] = store
    if request.text("cachedContent"):
        unserved.require_native("cachedContent")
    for name in request.rest():
        unserved.add(name)
    check_body(canonical)
    return ChatRequest(
        canonical,
        stream=stream,
        include_usage=True,
        native=NativeRequest(NAME, {name: value for name, value in body.items() if name not in _OWN}),
        unserved=unserved.names(),
        native_only=tuple(unserved.native_only),
    )


def shows_thoughts(request: ChatRequest) -> bool:
    """Returns whether the client wants to see the model's thoughts."""
    body = request.native.body if request.native else {}
    config = Fields(body.get("generationConfig") or body.get("generation_config") or {}).object("thinkingConfig")
    return config is not None and config.flag("includeThoughts") is True
