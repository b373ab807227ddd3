"""Parses an entry of Anthropic's model list: `anthropic.types.ModelInfo`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from arouter.models import ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.list_values import label, native_name, seconds, tokens
from arouter.providers.model_filter import can_chat
from arouter.providers.model_pages import UnreadableEntryError

_INPUTS = (("image", "image_input"), ("file", "pdf_input"))
"""Input modalities besides text, by the capability that indicates them."""


def read_model(entry: Any) -> ListedModel | None:
    """Returns the model of an entry; None if it cannot be called.

    Raises:
        UnreadableEntryError: The entry is invalid.
    """
    if not isinstance(entry, dict) or (name := native_name(entry.get("id"))) is None:
        raise UnreadableEntryError
    # Retired models stay in the list "as the historical record", but all requests to them fail.
    if entry.get("lifecycle") == "retired":
        return None
    details = ModelDetails(
        display_name=label(entry.get("display_name"), name),
        context_length=tokens(entry.get("max_input_tokens")),
        max_output_tokens=tokens(entry.get("max_tokens")),
        input_modalities=_inputs(entry.get("capabilities")),
    )
    return ListedModel(name, _created(entry.get("created_at")), details) if can_chat(name, details) else None


def _inputs(capabilities: Any) -> tuple[str, ...] | None:
    if not isinstance(capabilities, dict):
        return None
    declared = [(kind, support) for kind, name in _INPUTS if isinstance(support := capabilities.get(name), dict)]
    return ("text", *(kind for kind, support in declared if support.get("supported") is True)) if declared else None


def _created(value: Any) -> int | None:
    """Parses an RFC 3339 time to seconds since the epoch; Anthropic sends the epoch itself if the time is unknown."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return seconds(int(moment.timestamp()))
