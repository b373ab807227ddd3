"""Validation of a request's messages."""

from __future__ import annotations

from typing import Any

from arouter.chat.shapes import MESSAGE_FIELDS, REQUIRED_OF_ROLE
from arouter.chat.types import check, missing, name_of, wrong_type
from arouter.errors import invalid_request

_ROLES = ", ".join(sorted(REQUIRED_OF_ROLE))


def check_messages(messages: list[Any]) -> None:
    """Validates the messages of a request.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the first invalid member.
    """
    if not messages:
        raise invalid_request("Parameter 'messages' must hold at least one message.", "messages")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")


def _check_message(message: Any, path: str) -> None:
    if type(message) is not dict:
        raise wrong_type(path, "an object", message)
    role = message.get("role")
    if role is None:
        raise missing(f"{path}.role")
    required = REQUIRED_OF_ROLE.get(role) if type(role) is str else None
    if required is None:
        shown = repr(role[:64]) if isinstance(role, str) else name_of(role)
        raise invalid_request(
            f"Invalid value for '{path}.role': {shown}. Supported values are: {_ROLES}.", f"{path}.role"
        )
    for field, value in message.items():
        kind = MESSAGE_FIELDS.get(field)
        if kind is not None and value is not None and not (type(value) is str and str in kind.types):
            check(value, kind, f"{path}.{field}")
    for field in required:
        if message.get(field) is None:
            raise missing(f"{path}.{field}")
