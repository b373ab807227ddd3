"""The names of all targets."""

from __future__ import annotations

TARGETS = (
    "json_bounds",
    "sse_parser",
    "http_response",
    "openai_stream",
    "anthropic_stream",
    "gemini_stream",
    "answers",
    "typed_requests",
)
