"""The list of models in Anthropic's shape: `anthropic.types.ModelInfo`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from arouter.errors import invalid_request
from arouter.models import ModelDetails

Json = dict[str, Any]

DEFAULT_LIMIT = 20
_MAX_LIMIT = 1000


class Model(Protocol):
    """A model of the catalogue."""

    @property
    def id(self) -> str:
        """Its id in requests."""

    @property
    def created(self) -> int:
        """When it was released, in seconds since the epoch."""

    @property
    def details(self) -> ModelDetails:
        """Its metadata."""


def encode_models(models: Sequence[Model], *, limit: int, after: str, before: str) -> Json:
    """Returns a page of the list.

    Args:
        models: All models, sorted by id.
        limit: The maximum number of models on the page; 0 for the default.
        after: The id before the first one, or an empty string.
        before: The id after the last one, or an empty string.

    Raises:
        ARouterError: INVALID_REQUEST.
    """
    if not 0 <= limit <= _MAX_LIMIT:
        raise invalid_request(f"Parameter 'limit' must be between 1 and {_MAX_LIMIT}.", "limit")
    if after and before:
        raise invalid_request("Only one of 'after_id' and 'before_id' can be used.", "before_id")
    chosen = [model for model in models if model.id > after and (not before or model.id < before)]
    size = limit or DEFAULT_LIMIT
    page = chosen[-size:] if before else chosen[:size]
    return {
        "data": [encode_model(model) for model in page],
        "has_more": len(page) < len(chosen),
        "first_id": page[0].id if page else None,
        "last_id": page[-1].id if page else None,
    }


def encode_model(model: Model) -> Json:
    """Returns one model."""
    details = model.details
    return {
        "type": "model",
        "id": model.id,
        "display_name": details.display_name or model.id,
        "created_at": datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "lifecycle": "active",
        "max_input_tokens": details.context_length,
        "max_tokens": details.max_output_tokens,
        "capabilities": None,
    }
