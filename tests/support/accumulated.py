"""Puts a stream's pieces together as the protos tell clients to."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from arouter.v1.chat_message_pb2 import ChatMessage
from arouter.v1.chat_service_pb2 import StreamChatCompletionResponse
from arouter.v1.chat_tool_pb2 import ToolCall, ToolCallDelta

_SAID_ONCE = frozenset({"id", "type", "format"})


def accumulated(responses: Iterable[StreamChatCompletionResponse]) -> dict[int, ChatMessage]:
    """Returns the messages by choice."""
    messages: dict[int, ChatMessage] = {}
    for choice in (choice for response in responses for choice in response.choices):
        message = messages.setdefault(choice.index, ChatMessage())
        delta = choice.delta
        message.role = message.role or delta.role
        for name in ("content", "reasoning_content", "refusal"):
            if delta.HasField(name):
                setattr(message, name, getattr(message, name) + getattr(delta, name))
        for piece in delta.tool_calls:
            while len(message.tool_calls) <= piece.index:
                message.tool_calls.add()
            _add_piece(message.tool_calls[piece.index], piece)
        message.extra_fields_json = _merged_text(message.extra_fields_json, delta.extra_fields_json)
    return messages


def _add_piece(call: ToolCall, piece: ToolCallDelta) -> None:
    call.id += piece.id
    if piece.HasField("function"):
        call.function.name += piece.function.name
        call.function.arguments += piece.function.arguments
    call.extra_fields_json = _merged_text(call.extra_fields_json, piece.extra_fields_json)


def _merged_text(before: str, piece: str) -> str:
    if not before or not piece:
        return before or piece
    return json.dumps(_merged(json.loads(before), json.loads(piece)), ensure_ascii=False)


def _merged(before: Any, piece: Any, name: str = "") -> Any:
    if isinstance(before, dict) and isinstance(piece, dict):
        news = {key: _merged(before.get(key), item, key) for key, item in piece.items() if item is not None}
        return before | news
    if isinstance(before, list) and isinstance(piece, list):
        return _merged_list(before, piece)
    if isinstance(before, str) and isinstance(piece, str) and name not in _SAID_ONCE:
        return before + piece
    return piece


def _merged_list(before: list[Any], piece: list[Any]) -> list[Any]:
    merged = list(before)
    for entry in piece:
        index = entry.get("index") if isinstance(entry, dict) else None
        same = [i for i, old in enumerate(merged) if index is not None and old.get("index") == index]
        if same:
            merged[same[0]] = _merged(merged[same[0]], entry)
        else:
            merged.append(entry)
    return merged
