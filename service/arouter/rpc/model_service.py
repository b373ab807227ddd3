"""Serves `arouter.v1.ModelService`."""

from __future__ import annotations

from typing_extensions import override

from arouter.catalogue.catalogue import Catalogue
from arouter.errors import invalid_request
from arouter.rpc.auth import caller
from arouter.rpc.context import Context
from arouter.rpc.typed.model import basic_model, full_model
from arouter.v1.model_pb2 import Model
from arouter.v1.model_service_pb2 import GetModelRequest, ListModelsRequest, ListModelsResponse
from arouter.v1.model_service_pb2_grpc import ModelServiceServicer

_VIEWS = {"": basic_model, "basic": basic_model, "full": full_model}


class ModelService(ModelServiceServicer):
    """Shows the catalogue as the calling key sees it."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @override
    async def ListModels(self, request: ListModelsRequest, context: Context) -> ListModelsResponse:
        _check_view(request.view)
        visible = self._catalogue.visible(caller.get().key)
        return ListModelsResponse(object="list", data=map(_VIEWS[request.view], visible))

    @override
    async def GetModel(self, request: GetModelRequest, context: Context) -> Model:
        _check_view(request.view)
        return _VIEWS[request.view](self._catalogue.find(request.model, caller.get().key))


def _check_view(view: str) -> None:
    if view not in _VIEWS:
        raise invalid_request("Invalid value for 'view'. Supported values are: basic, full.", "view")
