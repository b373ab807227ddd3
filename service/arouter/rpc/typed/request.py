"""Converts a typed chat request to OpenAI's JSON, as the REST API would have received it.

Unset fields are omitted. OpenAI's own constraints are validated later, as for every request; this module rejects only
what JSON cannot express (a missing role, an empty oneof, invalid JSON text).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import Message

from arouter.chat.request import ChatRequest, check_body
from arouter.errors import invalid_request
from arouter.rpc.typed.message import content_parts, message
from arouter.rpc.typed.presence import add_extra, chosen, json_object, optional_fields, set_fields
from arouter.rpc.typed.tool import function_call_choice, function_definition, tool, tool_choice
from arouter.v1.chat_moderation_pb2 import ModerationOptions, ModerationPolicy
from arouter.v1.chat_option_pb2 import (
    AudioOptions,
    JsonSchemaFormat,
    Prediction,
    ResponseFormat,
    WebSearchOptions,
)
from arouter.v1.chat_service_pb2 import ChatCompletionRequest
from arouter.v1.route_option_pb2 import MaxPrice, Plugin, ProviderPreferences

Convert = Callable[[Any, str], Any]


def request_to_dict(request: ChatCompletionRequest) -> dict[str, Any]:
    """Returns the request as OpenAI's JSON, without `stream`, which the method implies.

    Raises:
        ARouterError: INVALID_REQUEST; `param` is the path of the invalid typed field.
    """
    body: dict[str, Any] = {}
    for field, value in request.ListFields():
        name = field.name
        body[name] = _CONVERT[name](value, name) if name in _CONVERT else value
    extra = body.pop("extra_body", None)
    if extra:
        if "stream" in extra:
            raise invalid_request("'extra_body' must not contain 'stream': the method determines it.", "extra_body")
        add_extra(body, extra, "extra_body")
    return body


def typed_chat(request: ChatCompletionRequest, *, stream: bool) -> ChatRequest:
    """Returns the request for the pipeline.

    Raises:
        ARouterError: INVALID_REQUEST; `param` is the path of the invalid field.
    """
    body = request_to_dict(request)
    check_body(body)
    # A typed stream always ends with usage.
    return ChatRequest(body, stream=stream, include_usage=True)


def _each(convert: Convert) -> Convert:
    def convert_all(values: Iterable[Any], path: str) -> list[Any]:
        return [convert(value, f"{path}[{i}]") for i, value in enumerate(values)]

    return convert_all


def _list(value: Iterable[str], _path: str) -> list[str]:
    return list(value)


def _dict(value: dict[str, Any], _path: str) -> dict[str, Any]:
    return dict(value)


def _response_format(value: ResponseFormat, path: str) -> dict[str, Any]:
    kind = chosen(value, "format", path)
    if kind != "json_schema":
        return {"type": kind}
    return {"type": kind, kind: _json_schema(value.json_schema, f"{path}.json_schema")}


def _json_schema(value: JsonSchemaFormat, path: str) -> dict[str, Any]:
    out = {"name": value.name, **optional_fields(value, "description")}
    if value.schema_json:
        out["schema"] = json_object(value.schema_json, f"{path}.schema_json")
    if value.HasField("strict"):
        out["strict"] = value.strict
    return out


def _audio(value: AudioOptions, path: str) -> dict[str, Any]:
    kind = chosen(value, "voice_form", f"{path}.voice")
    return {"format": value.format, "voice": value.voice if kind == "voice" else {"id": value.voice_id}}


def _prediction(value: Prediction, path: str) -> dict[str, Any]:
    kind = chosen(value, "content_form", f"{path}.content")
    content = value.content if kind == "content" else content_parts(value.content_parts, f"{path}.content_parts")
    return {"type": "content", "content": content}


def _web_search(value: WebSearchOptions, _path: str) -> dict[str, Any]:
    out = optional_fields(value, "search_context_size")
    if value.HasField("user_location"):
        out["user_location"] = {"type": "approximate", "approximate": set_fields(value.user_location.approximate)}
    return out


def _moderation(value: ModerationOptions, _path: str) -> dict[str, Any]:
    out: dict[str, Any] = {"model": value.model}
    if value.HasField("policy"):
        out["policy"] = _moderation_policy(value.policy)
    return out


def _moderation_policy(value: ModerationPolicy) -> dict[str, Any]:
    return {field.name: {"mode": rule.mode} for field, rule in value.ListFields()}


def provider_preferences(value: ProviderPreferences, _path: str = "") -> dict[str, Any]:
    """Returns the object `provider` of a request."""
    out: dict[str, Any] = {}
    for field, item in value.ListFields():
        if field.is_repeated:
            out[field.name] = list(item)
        else:
            out[field.name] = set_fields(item) if isinstance(item, MaxPrice) else item
    return out


def _plugin(value: Plugin, path: str) -> dict[str, Any]:
    kind = chosen(value, "plugin", path)
    out: dict[str, Any] = {"id": kind.replace("_", "-"), **optional_fields(value.auto_router, "enabled")}
    if value.auto_router.allowed_models:
        out["allowed_models"] = list(value.auto_router.allowed_models)
    return out


def _scalars(value: Message, _path: str) -> dict[str, Any]:
    return set_fields(value)


_CONVERT: dict[str, Convert] = {
    "messages": _each(message),
    "tools": _each(tool),
    "tool_choice": tool_choice,
    "response_format": _response_format,
    "stop": _list,
    "stream_options": _scalars,
    "extra_body": json_object,
    "logit_bias": _dict,
    "modalities": _list,
    "audio": _audio,
    "prediction": _prediction,
    "web_search_options": _web_search,
    "moderation": _moderation,
    "metadata": _dict,
    "prompt_cache_options": _scalars,
    "functions": _each(function_definition),
    "function_call": function_call_choice,
    "models": _list,
    "provider": provider_preferences,
    "plugins": _each(_plugin),
}
