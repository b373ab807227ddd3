"""An entry of Gemini's model list: ai.google.dev/api/models, `Model`."""

from __future__ import annotations

from typing import Any

from arouter.models import ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.gemini.lenient import object_in
from arouter.providers.list_values import label, native_name, tokens
from arouter.providers.model_filter import can_chat
from arouter.providers.model_pages import UnreadableEntryError


def read_model(entry: Any) -> ListedModel | None:
    """Returns what an entry says of a model; None if it is not one that chats.

    The speech and image models have generateContent too, and what comes out of one is nowhere said but in its name.

    Raises:
        UnreadableEntryError: It is no model.
    """
    name = (native_name(object_in(entry).get("name")) or "").removeprefix("models/")
    if not name:
        raise UnreadableEntryError
    methods = entry.get("supportedGenerationMethods")
    if not isinstance(methods, list) or "generateContent" not in methods or not can_chat(name):
        return None
    details = ModelDetails(
        display_name=label(entry.get("displayName"), name),
        # Of the prompt alone; the answer comes on top. No other number is nearer to what the two may have together.
        context_length=tokens(entry.get("inputTokenLimit")),
        max_output_tokens=tokens(entry.get("outputTokenLimit")),
    )
    return ListedModel(name, None, details)
