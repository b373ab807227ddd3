"""A completion and a chunk as OpenAI's JSON, with every part that the typed messages have."""

from __future__ import annotations

from typing import Any

_RESULTS = {
    "type": "moderation_results",
    "model": "omni-moderation-latest",
    "results": [
        {
            "type": "moderation_result",
            "flagged": True,
            "categories": {"violence": True},
            "category_scores": {"violence": 0.75},
            "category_applied_input_types": {"violence": ["text", "image"]},
            "model": "omni-moderation-2024-09-26",
        }
    ],
}
_MODERATION = {"input": _RESULTS, "output": {"type": "error", "code": "timeout", "message": "Too slow."}}
_USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {
        "cached_tokens": 1,
        "cache_write_tokens": 2,
        "audio_tokens": 3,
        "image_tokens": 4,
        "text_tokens": 5,
    },
    "completion_tokens_details": {
        "reasoning_tokens": 6,
        "audio_tokens": 7,
        "text_tokens": 8,
        "accepted_prediction_tokens": 9,
        "rejected_prediction_tokens": 10,
    },
    "cost": 0.00125,
}
_TOKEN = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}
_LOGPROBS = {
    "content": [{**_TOKEN, "top_logprobs": [_TOKEN, {"token": "Oh", "logprob": -9999.0, "bytes": None}]}],
    "refusal": [{**_TOKEN, "top_logprobs": []}],
}
_TEXTS = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "refusal": "No."}
_AUDIO = {"id": "audio_1", "data": "AAAA", "expires_at": 1754003600, "transcript": "Hi"}
_CITATION = {"url": "https://example.com", "title": "Example", "start_index": 0, "end_index": 2}
_FUNCTION_CALL = {"name": "weather", "arguments": '{"city": "Paris"}'}
SIGNED = {"google": {"thought_signature": "c2ln+/=="}}
_FUNCTION = {"id": "call_1", "type": "function", "function": _FUNCTION_CALL, "extra_content": SIGNED}
_CUSTOM = {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
_OTHER_PARTS = {
    "audio": _AUDIO,
    "annotations": [{"type": "url_citation", "url_citation": _CITATION}],
    "function_call": _FUNCTION_CALL,
    "reasoning_details": [{"type": "reasoning.text", "text": "Grüße", "signature": "EqQB+/==", "index": 0}],
}
EXTRA_FIELDS = {
    "completion": '{"citations":["https://example.com"]}',
    "choice": '{"native_finish_reason":"tool_use"}',
    "message": ('{"reasoning_details":[{"type":"reasoning.text","text":"Grüße","signature":"EqQB+/==","index":0}]}'),
    "tool_call": '{"extra_content":{"google":{"thought_signature":"c2ln+/=="}}}',
}
"""What of these objects has no typed field, as text."""

COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1754000000,
    "model": "gpt-5.4",
    "choices": [
        {
            "index": 1,
            "message": {**_TEXTS, **_OTHER_PARTS, "name": "Ada", "tool_calls": [_FUNCTION, _CUSTOM]},
            "finish_reason": "tool_calls",
            "logprobs": _LOGPROBS,
            "native_finish_reason": "tool_use",
        }
    ],
    "usage": _USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "metadata": {"team": "search"},
    "moderation": _MODERATION,
    "citations": ["https://example.com"],
}

CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1754000000,
    "model": "gpt-5.4",
    "choices": [
        {
            "index": 1,
            "delta": {**_TEXTS, **_OTHER_PARTS, "tool_calls": [{"index": 2, **_FUNCTION}, {"index": 3, **_CUSTOM}]},
            "finish_reason": "tool_calls",
            "logprobs": _LOGPROBS,
            "native_finish_reason": "tool_use",
        }
    ],
    "usage": _USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_1",
    "obfuscation": "xyz",
    "moderation": _MODERATION,
    "citations": ["https://example.com"],
}

GARBAGE = [None, True, -1, 2**40, 1.5, float(2**70), "", "x", [], [None], ["x"], [[1]], [{}], {}, {"x": {"y": [1]}}]


def spoiled(value: Any) -> list[tuple[tuple[str | int, ...], Any]]:
    """Returns copies of `value`, each with one place filled with one piece of garbage, and the path of that place."""
    return [(path, _replaced(value, path, garbage)) for path in _paths(value) if path for garbage in GARBAGE]


def _paths(value: Any) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *rest) for key, item in items for rest in _paths(item))]


def _replaced(value: Any, path: tuple[str | int, ...], garbage: Any) -> Any:
    if not path:
        return garbage
    copy = value.copy()
    copy[path[0]] = _replaced(copy[path[0]], path[1:], garbage)
    return copy
