"""Parses a page of a provider's model list entry by entry, so that an invalid entry does not affect others. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from arouter.providers.adapter import ListedModel, ListedModels
from arouter.providers.json_reader import BYTE_ORDER_MARK, check_values
from arouter.providers.provider_errors import bad_response

MAX_MODELS = 20_000
"""Maximum number of entries per provider: forty times the longest list of a vendor in 2026."""

_WHAT = "a model list"
# An escape, which may be a surrogate pair or a lone surrogate, which is not a character.
_ESCAPE = re.compile(
    rb"\\(?:[^u]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_LONE = 6
_NO_CHARACTER = rb"\u0000"


class UnreadableEntryError(ValueError):
    """An entry of a list has no valid model name."""


def decode_page(
    body: bytes, field: str, read: Callable[[Any], ListedModel | None], *, bare: bool = False, optional: bool = False
) -> tuple[ListedModels, dict[str, Any]]:
    """Returns the models of a page and the other members of its envelope.

    Args:
        body: An object with the array `field`.
        field: Name of the array.
        read: Converts an entry; returns None to leave it out. Raises `UnreadableEntryError`.
        bare: Whether the body may also be the array itself.
        optional: Whether an empty object is a page without entries.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE.
    """
    check_values(body, _WHAT)
    entries, envelope = _split(body.removeprefix(BYTE_ORDER_MARK), field, bare=bare, optional=optional)
    models = ListedModels()
    models.beyond = max(len(entries) - MAX_MODELS, 0)
    for raw in entries[:MAX_MODELS]:
        try:
            model = read(orjson.loads(memoryview(raw)))
        except ValueError:  # includes orjson's error
            models.unreadable += 1
        else:
            if model is not None:
                models.append(model)
    return models, envelope


def _split(body: bytes, field: str, *, bare: bool, optional: bool) -> tuple[list[msgspec.Raw], dict[str, Any]]:
    """Returns the raw entries and the other members. Entries are not parsed yet."""
    try:
        return _split_sound(body, field, bare=bare, optional=optional)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        body = body.decode("utf-8", "replace").encode()
        body = _ESCAPE.sub(lambda found: _NO_CHARACTER if len(found[0]) == _LONE else found[0], body)
    try:
        return _split_sound(body, field, bare=bare, optional=optional)
    except msgspec.ValidationError as error:
        raise bad_response(f"{_WHAT} without '{field}'") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise bad_response(f"{_WHAT} that is not JSON") from error


def _split_sound(body: bytes, field: str, *, bare: bool, optional: bool) -> tuple[list[msgspec.Raw], dict[str, Any]]:
    if bare and body.lstrip()[:1] == b"[":
        return msgspec.json.decode(body, type=list[msgspec.Raw]), {}
    envelope = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    listed = envelope.pop(field, None)
    if listed is None and (envelope or not optional):
        raise msgspec.ValidationError(field)
    entries = [] if listed is None else msgspec.json.decode(listed, type=list[msgspec.Raw])
    return entries, {name: msgspec.json.decode(raw) for name, raw in envelope.items()}
