"""Tool calls, whose arguments are a JSON text in canonical form, and an object in Anthropic's and Gemini's. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from arouter.errors import invalid_request


def tool_of(call: dict[str, Any]) -> dict[str, Any]:
    """Returns the function or custom tool of a call, or of a piece of one; empty if it has none."""
    tool = call.get("function") or call.get("custom")
    return tool if isinstance(tool, dict) else {}


def arguments_of(call: dict[str, Any]) -> str:
    """Returns the arguments of a call of a function, or the input of one of a custom tool."""
    tool = tool_of(call)
    text = tool.get("arguments") or tool.get("input")
    return text if isinstance(text, str) else ""


def json_text(value: Any, path: str) -> str:
    """Returns a JSON value as text.

    Args:
        value: The value.
        path: Its path in the request.

    Raises:
        ARouterError: INVALID_REQUEST if it is nested too deeply: orjson's limit is lower for writing than for reading.
    """
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise invalid_request(f"'{path}' is nested too deeply.", path) from error


def is_object(text: str) -> bool:
    """Returns whether a text is a JSON object; not, if more of it is to come."""
    # Parsing is for what can be one: the text is asked about as it grows.
    if not text.rstrip().endswith("}"):
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def object_of(text: str) -> Any:
    """Returns the object in a text, with the model's key order and number precision.

    If the model wrote something other than a JSON object, the text is wrapped in one, so that the conversation can
    continue.
    """
    if not text.strip():
        return {}
    return orjson.Fragment(text) if is_object(text) else {"arguments": text}
