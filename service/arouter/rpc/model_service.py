"""Implements `arouter.v1.ModelService`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from typing_extensions import override

from arouter.accounts.keys import AuthenticatedKey, KeyStore, no_longer_valid
from arouter.catalogue.catalogue import Catalogue
from arouter.catalogue.catalogue import Model as CatalogueModel
from arouter.errors import invalid_request
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context, write
from arouter.rpc.interceptors.auth import caller
from arouter.rpc.typed.model import Build, basic_model, full_model, model_changes
from arouter.v1.model_pb2 import Model
from arouter.v1.model_service_pb2 import (
    GetModelRequest,
    ListModelsRequest,
    ListModelsResponse,
    WatchModelsRequest,
    WatchModelsResponse,
)
from arouter.v1.model_service_pb2_grpc import ModelServiceServicer

_VIEWS: Mapping[str, Build] = {"": basic_model, "basic": basic_model, "full": full_model}

_ALL = "all"
_TEXT = ("text",)
# docs.arouter.ai: models
_MODALITIES = frozenset({"text", "image", "audio", "embeddings", _ALL})

_LOOK_AT_KEY = 1.0
"""Seconds between two checks of a watch's key, because keys expire without an event."""


class ModelService(ModelServiceServicer):
    """Shows the catalogue as visible to the calling key.

    Args:
        catalogue: All models.
        keys: Revalidates the keys of watches and their permissions.
    """

    def __init__(self, catalogue: Catalogue, keys: KeyStore) -> None:
        self._catalogue = catalogue
        self._keys = keys

    @requires(Access.REGULAR_KEY)
    @override
    async def ListModels(self, request: ListModelsRequest, context: Context) -> ListModelsResponse:
        build = _view(request.view)
        visible = _generating(request.output_modalities, self._catalogue, caller.get().key)
        return ListModelsResponse(object="list", data=map(build, visible))

    @requires(Access.REGULAR_KEY)
    @override
    async def GetModel(self, request: GetModelRequest, context: Context) -> Model:
        build = _view(request.view)
        return build(self._catalogue.find_any(request.model, caller.get().key))

    @requires(Access.REGULAR_KEY)
    @override
    async def WatchModels(self, request: WatchModelsRequest, context: Context) -> None:  # type: ignore[override]
        build = _view(request.view)
        key_hash = caller.get().key.hash
        shown = self._catalogue.offer(caller.get().key)
        await write(context, WatchModelsResponse(models=map(build, shown.models.values())))
        while True:
            key = self._keys.find(key_hash)
            if key is None:
                raise no_longer_valid()
            offer = self._catalogue.offer(key)
            if offer is shown:
                # No change is missed between the read and the wait, because no other task runs in between.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AT_KEY):
                        await self._catalogue.wait_change()
                continue
            changes = model_changes(shown.models, offer.models, build)
            shown = offer
            # The next message is built only after the client has taken this one, and then contains all changes since.
            if changes is not None:
                await write(context, changes)


def _view(view: str) -> Build:
    build = _VIEWS.get(view)
    if build is None:
        raise invalid_request("Invalid value for 'view'. Supported values are: basic, full.", "view")
    return build


def _generating(modalities: str, catalogue: Catalogue, key: AuthenticatedKey) -> list[CatalogueModel]:
    """Returns the models that generate at least one of the modalities, separated by commas.

    Raises:
        ARouterError: INVALID_REQUEST if a modality is unknown.
    """
    wanted = {word.strip() for word in modalities.split(",") if word.strip()}
    if not wanted <= _MODALITIES:
        values = ", ".join(sorted(_MODALITIES))
        raise invalid_request(
            f"Invalid value for 'output_modalities'. Supported values are: {values}.", "output_modalities"
        )
    if not wanted:
        return catalogue.visible(key)
    models = catalogue.all_visible(key)
    if _ALL in wanted:
        return models
    return [model for model in models if not wanted.isdisjoint(model.details.output_modalities or _TEXT)]
