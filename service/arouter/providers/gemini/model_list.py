"""Parses an entry of Gemini's model list: ai.google.dev/api/models, `Model`."""

from __future__ import annotations

from typing import Any

from arouter.models import EMBEDDINGS, ModelDetails
from arouter.providers.adapter import ListedModel
from arouter.providers.lenient import object_in
from arouter.providers.list_values import label, native_name, tokens
from arouter.providers.model_filter import can_chat
from arouter.providers.model_pages import UnreadableEntryError


def read_model(entry: Any) -> ListedModel | None:
    """Returns the model of an entry; None if it neither chats nor embeds.

    Speech and image models support generateContent too; their output type is indicated only by their names.

    Raises:
        UnreadableEntryError: The entry is invalid.
    """
    name = (native_name(object_in(entry).get("name")) or "").removeprefix("models/")
    if not name:
        raise UnreadableEntryError
    methods = entry.get("supportedGenerationMethods")
    if not isinstance(methods, list):
        return None
    chats = "generateContent" in methods and can_chat(name)
    if not chats and "embedContent" not in methods:
        return None
    details = ModelDetails(
        display_name=label(entry.get("displayName"), name),
        # The limit of the prompt alone, without the answer. No other value is closer to the context length.
        context_length=tokens(entry.get("inputTokenLimit")),
        max_output_tokens=tokens(entry.get("outputTokenLimit")) if chats else None,
        output_modalities=None if chats else (EMBEDDINGS,),
    )
    return ListedModel(name, None, details)
