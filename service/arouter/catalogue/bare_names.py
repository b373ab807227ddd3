"""Resolves a name that is no model's id: a native name without its provider, or with dots for dashes. Pure.

The rule is in docs/models.md, "Names without a provider".
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from arouter.accounts.validators import without_secret
from arouter.errors import ARouterError, Failure

_MAX_SHOWN = 5
"""Maximum number of models in an error message."""

Index = Mapping[str, tuple[str, ...]]
"""Ids by the normalized part after the last slash."""


def index_of(ids: Iterable[str]) -> Index:
    """Returns the index of all models."""
    index: dict[str, tuple[str, ...]] = {}
    for id_ in ids:
        name = _normalized(id_.rpartition("/")[2])
        index[name] = (*index.get(name, ()), id_)
    return index


def meant(name: str, index: Index, offered: Container[str], preferred: Sequence[str]) -> str | None:
    """Returns the id that a name refers to, or None if there is none.

    Args:
        name: The name as sent, without a variant suffix.
        index: The index of all models.
        offered: The models that the caller may use.
        preferred: Ids of the providers whose models come first, in order.

    Raises:
        ARouterError: MODEL_NOT_FOUND if several models are equally likely.
    """
    found = [id_ for id_ in index.get(_normalized(name.rpartition("/")[2]), ()) if id_ in offered]
    if "/" in name:
        found = [id_ for id_ in found if _normalized(id_) == _normalized(name)]
    if not found:
        return None
    ranks = {id_: _rank(id_, name, preferred) for id_ in found}
    best = min(ranks.values())
    alike = [id_ for id_ in found if ranks[id_] == best]
    if len(alike) == 1:
        return alike[0]
    shown = ", ".join(alike[:_MAX_SHOWN]) + (", …" if len(alike) > _MAX_SHOWN else "")
    raise ARouterError(
        Failure.MODEL_NOT_FOUND,
        f"The model '{without_secret(name)}' is offered by several providers. Name one of: {shown}.",
        param="model",
    )


def _rank(id_: str, name: str, preferred: Sequence[str]) -> tuple[int, int, bool]:
    """Returns the place of a model: preferred providers first, then vendors before resellers, then the exact name."""
    provider = id_.partition("/")[0]
    place = preferred.index(provider) if provider in preferred else len(preferred)
    return place, id_.count("/"), not id_.endswith(name)


def _normalized(name: str) -> str:
    # Anthropic writes `claude-opus-4-8`, resellers `claude-opus-4.8`.
    return name.lower().replace(".", "-")
