"""Which models to try for a request, best first. Pure."""

from __future__ import annotations

from arouter.accounts.keys import ApiKey
from arouter.catalogue.catalogue import Catalogue, Model
from arouter.chat.request import ChatRequest


def plan(request: ChatRequest, key: ApiKey, catalogue: Catalogue) -> list[Model]:
    """Returns the candidates, never none: today the model that was asked for.

    Raises:
        ARouterError: What `Catalogue.find` raises.
    """
    return [catalogue.find(request.model, key)]
