"""Serves `arouter.v1.ModelService`."""

from __future__ import annotations

from typing_extensions import override

from arouter.catalogue import catalogue
from arouter.rpc.auth import caller
from arouter.rpc.context import Context
from arouter.rpc.status import abort, known
from arouter.v1 import model_pb2, model_service_pb2, model_service_pb2_grpc


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Shows the catalogue as the calling key sees it."""

    def __init__(self, models: catalogue.Catalogue) -> None:
        self._models = models

    @override
    async def ListModels(
        self, request: model_service_pb2.ListModelsRequest, context: Context
    ) -> model_service_pb2.ListModelsResponse:
        try:
            visible = self._models.visible(caller.get().key)
            return model_service_pb2.ListModelsResponse(object="list", data=map(_to_proto, visible))
        except Exception as error:
            await abort(context, known(error))

    @override
    async def GetModel(self, request: model_service_pb2.GetModelRequest, context: Context) -> model_pb2.Model:
        try:
            return _to_proto(self._models.find(request.model, caller.get().key))
        except Exception as error:
            await abort(context, known(error))


def _to_proto(model: catalogue.Model) -> model_pb2.Model:
    return model_pb2.Model(id=model.id, object="model", created=model.created, owned_by=model.provider.id)
