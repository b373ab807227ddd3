"""Google's JSON of models and of token counts."""

from __future__ import annotations

from collections.abc import Sequence

from arouter.dialects.gemini.fields import Json
from arouter.errors import invalid_request
from arouter.models import ModelDetails

_DEFAULT_PAGE = 50
_MAX_PAGE = 1000
_METHODS = ["generateContent", "streamGenerateContent", "countTokens"]


def model_json(id_: str, details: ModelDetails) -> Json:
    """Returns a model. Its name begins with `models/`, as Google's do."""
    found: Json = {
        "name": f"models/{id_}",
        "baseModelId": id_,
        "version": "1",
        "displayName": details.display_name or id_,
        "supportedGenerationMethods": _METHODS,
    }
    limits = {"inputTokenLimit": details.context_length, "outputTokenLimit": details.max_output_tokens}
    found |= {name: limit for name, limit in limits.items() if limit is not None}
    if details.supported_parameters is not None:
        found["thinking"] = "reasoning" in details.supported_parameters
    return found


def page_of(ids: Sequence[str], size: int, token: str) -> tuple[Sequence[str], str]:
    """Returns the ids of one page of sorted ids, and the token of the next page, empty at the end.

    Raises:
        ARouterError: INVALID_REQUEST.
    """
    if size < 0:
        raise invalid_request("Parameter 'pageSize' must not be negative.", "pageSize")
    rest = [id_ for id_ in ids if id_ > token] if token else ids
    page = rest[: min(size or _DEFAULT_PAGE, _MAX_PAGE)]
    return page, page[-1] if len(page) < len(rest) else ""


def count_json(tokens: int) -> Json:
    """Returns the count of a prompt's tokens."""
    return {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]}
