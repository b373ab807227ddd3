"""Requests of the Gemini API, and their canonical form."""

from __future__ import annotations

from typing import Any

from arouter.chat.request import ChatRequest
from arouter.dialects.gemini.dialect import GeminiDialect

DIALECT = GeminiDialect()
HI = [{"role": "user", "parts": [{"text": "hi"}]}]


def decode(**members: Any) -> ChatRequest:
    return DIALECT.decode({"model": "google/gemini", "contents": HI, **members}, {}, stream=False)


def body(**members: Any) -> dict[str, Any]:
    found = decode(**members).body
    assert found.pop("model") == "google/gemini"
    return found


def messages(*contents: Any, **members: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(contents=list(contents), **members)["messages"]
    return found


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Any) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}
