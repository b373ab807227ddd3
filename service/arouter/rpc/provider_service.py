"""Serves `arouter.v1.ProviderService`."""

from __future__ import annotations

from collections import Counter

from typing_extensions import override

from arouter.catalogue.catalogue import Catalogue
from arouter.rpc.auth import caller
from arouter.rpc.context import Context
from arouter.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse, Provider
from arouter.v1.provider_service_pb2_grpc import ProviderServiceServicer


class ProviderService(ProviderServiceServicer):
    """Shows the providers as the calling key sees them."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    @override
    async def ListProviders(self, request: ListProvidersRequest, context: Context) -> ListProvidersResponse:
        key = caller.get().key
        counts = Counter(model.provider.id for model in self._catalogue.visible(key))
        return ListProvidersResponse(
            data=[
                Provider(id=provider.id, name=provider.name, model_count=counts[provider.id])
                for provider in self._catalogue.providers
                if key.allows_provider(provider.id)
            ]
        )
