"""Parses model lists of the `openai` protocol. OpenAI's own list has only names; tables describe others' extensions.

Sources: the SDKs of OpenRouter, Mistral and Cerebras; console.groq.com/docs/models, docs.together.ai (models),
docs.x.ai (models), platform.moonshot.ai/docs/api/list-models, Fireworks' list as read by big-AGI, Azure's
`capabilities` (learn.microsoft.com/rest/api/azureopenai/models); the sources of vLLM and llama.cpp's server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from msgspec.structs import replace

from arouter.models import EMBEDDINGS, ModelDetails
from arouter.providers.adapter import ListedModel, ModelPage
from arouter.providers.list_prices import read_prices
from arouter.providers.list_values import label, native_name, seconds, tokens, words
from arouter.providers.model_filter import can_chat, embeds, needs_responses
from arouter.providers.model_pages import UnreadableEntryError, decode_page

Json = dict[str, Any]
Path = tuple[str, ...]
T = TypeVar("T")

# Paths of a value in an entry; the first one that is present is used.
_DISPLAY_NAME: tuple[Path, ...] = (("display_name",), ("name",))
_CONTEXT_LENGTH: tuple[Path, ...] = (
    ("context_length",),  # OpenRouter, Together, Moonshot, Fireworks, xAI
    ("context_window",),  # Groq, Vercel
    ("max_context_length",),  # Mistral, LM Studio
    ("max_model_len",),  # vLLM
    ("limits", "max_context_length"),  # Cerebras
    ("meta", "n_ctx"),  # llama.cpp: as configured at its start
    ("meta", "n_ctx_train"),  # llama.cpp: the model's maximum
)
_MAX_OUTPUT_TOKENS: tuple[Path, ...] = (
    ("max_output_tokens",),
    ("max_completion_tokens",),  # Groq
    ("max_output_length",),  # the format of OpenRouter's provider API
    ("top_provider", "max_completion_tokens"),  # OpenRouter
    ("limits", "max_completion_tokens"),  # Cerebras
)
_INPUT_MODALITIES: tuple[Path, ...] = (("input_modalities",), ("architecture", "input_modalities"))
_OUTPUT_MODALITIES: tuple[Path, ...] = (("output_modalities",), ("architecture", "output_modalities"))
_SUPPORTED_PARAMETERS: tuple[Path, ...] = (("supported_parameters",),)
_INPUT_FLAGS: tuple[tuple[str, Path], ...] = (
    ("image", ("capabilities", "vision")),  # Mistral, Cerebras
    ("audio", ("capabilities", "audio")),  # Mistral
    ("image", ("supports_image_input",)),  # Fireworks
    ("image", ("supports_image_in",)),  # Moonshot
    ("video", ("supports_video_in",)),  # Moonshot
)
_CHAT_FLAGS: tuple[Path, ...] = (
    ("supports_chat",),  # Fireworks
    ("capabilities", "completion_chat"),  # Mistral
    ("capabilities", "chat_completion"),  # Azure
)

# False means that the model is not available; true has no significance.
_LIVE_FLAGS: tuple[Path, ...] = (
    ("active",),  # Groq
    ("capabilities", "inference"),  # Azure
)

# `type` is used by Together, LM Studio and Vercel, `kind` by Fireworks; `task` and `model_type` by others.
_KIND: tuple[Path, ...] = (("type",), ("kind",), ("capabilities", "type"), ("task",), ("model_type",))
_CHAT_KINDS = frozenset({"chat", "llm", "vlm", "chat-completion", "text-generation", "image-text-to-text"})
_EMBEDDING_KINDS = frozenset({"embedding", "embedding-model", "embeddings", "feature-extraction"})
_OTHER_KINDS = _EMBEDDING_KINDS | frozenset(
    {
        "asr",
        "audio",
        "automatic-speech-recognition",
        "flumina-addon",
        "flumina-base-model",
        "image",
        "image-generation",
        "moderation",
        "ocr",
        "realtime",
        "rerank",
        "reranker",
        "speech",
        "speech-to-text",
        "stt",
        "text-classification",
        "text-to-image",
        "text-to-speech",
        "text-to-video",
        "transcribe",
        "transcription",
        "tts",
        "video",
    }
)


def decode_model_list(body: bytes, *, responses: bool = False) -> ModelPage:
    """Decodes a response of `/models`, with metadata; models that neither chat nor embed are left out.

    Args:
        body: The response.
        responses: Whether the provider serves OpenAI's Responses API.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE.
    """
    # Together sends the list without an envelope.
    models, _ = decode_page(body, "data", partial(_read_model, responses=responses), bare=True)
    return ModelPage(models)


def _read_model(entry: Any, *, responses: bool) -> ListedModel | None:
    if not isinstance(entry, dict) or (name := native_name(entry.get("id"))) is None:
        raise UnreadableEntryError
    details = _read_details(entry, name)
    declares_chat = _said_to_chat(entry)
    if declares_chat is False and responses and needs_responses(name):
        declares_chat = _is_live(entry)  # Azure says of these that they have no chat completions
    if can_chat(name, details, responses=responses) if declares_chat is None else declares_chat:
        return ListedModel(name, seconds(entry.get("created")), details)
    if _is_live(entry) and (_kinds(entry) & _EMBEDDING_KINDS or embeds(name, details)):
        return ListedModel(name, seconds(entry.get("created")), replace(details, output_modalities=(EMBEDDINGS,)))
    return None


def _read_details(entry: Json, name: str) -> ModelDetails:
    # ARouter's own list with `?view=full` has all details in one nested object.
    nested = entry.get("details")
    nested = nested if isinstance(nested, dict) else None
    merged = {**entry, **nested} if nested else entry
    return ModelDetails(
        display_name=_first(merged, _DISPLAY_NAME, lambda value: label(value, name)),
        context_length=_first(merged, _CONTEXT_LENGTH, tokens),
        max_output_tokens=_first(merged, _MAX_OUTPUT_TOKENS, tokens),
        input_modalities=_first(merged, _INPUT_MODALITIES, words) or _flagged_inputs(merged),
        # llama.cpp says "text" of every model, also of one that it serves for embeddings.
        output_modalities=None if entry.get("owned_by") == "llamacpp" else _first(merged, _OUTPUT_MODALITIES, words),
        supported_parameters=_first(merged, _SUPPORTED_PARAMETERS, words),
        prices=read_prices(merged.get("pricing"), own=bool(nested and "pricing" in nested)),
    )


def _said_to_chat(entry: Json) -> bool | None:
    """Returns whether an entry declares that the model chats; None if it declares neither.

    A denial takes precedence.
    """
    if not _is_live(entry):
        return False
    flags = [flag for path in _CHAT_FLAGS if isinstance(flag := _at(entry, path), bool)]
    kinds = _kinds(entry)
    if not all(flags) or kinds & _OTHER_KINDS:
        return False
    return True if flags or kinds & _CHAT_KINDS else None


def _is_live(entry: Json) -> bool:
    return not any(_at(entry, path) is False for path in _LIVE_FLAGS)


def _kinds(entry: Json) -> set[str]:
    return {kind.lower().replace("_", "-") for path in _KIND if isinstance(kind := _at(entry, path), str)}


def _flagged_inputs(entry: Json) -> tuple[str, ...] | None:
    flags = [(kind, flag) for kind, path in _INPUT_FLAGS if isinstance(flag := _at(entry, path), bool)]
    return ("text", *(kind for kind, flag in flags if flag)) if flags else None


def _first(entry: Json, paths: Iterable[Path], read: Callable[[Any], T | None]) -> T | None:
    return next((value for path in paths if (value := read(_at(entry, path))) is not None), None)


def _at(entry: Json, path: Path) -> Any:
    value: Any = entry
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
