"""Implements `arouter.v1.ProviderService`."""

from __future__ import annotations

import time
from collections import Counter

from typing_extensions import override

from arouter.catalogue.catalogue import Catalogue
from arouter.health.board import HealthBoard
from arouter.providers.provider import Provider
from arouter.rpc.access import Access, requires
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller
from arouter.v1 import provider_service_pb2
from arouter.v1.provider_service_pb2 import ListProvidersRequest, ListProvidersResponse
from arouter.v1.provider_service_pb2_grpc import ProviderServiceServicer


class ProviderService(ProviderServiceServicer):
    """Shows the providers as visible to the calling key.

    Args:
        catalogue: The providers and their models.
        board: The health of the providers.
    """

    def __init__(self, catalogue: Catalogue, board: HealthBoard) -> None:
        self._catalogue = catalogue
        self._board = board

    @requires(Access.REGULAR_KEY)
    @override
    async def ListProviders(self, request: ListProvidersRequest, context: Context) -> ListProvidersResponse:
        key = caller.get().key
        counts = Counter(endpoint.provider.id for model in self._catalogue.visible(key) for endpoint in model.endpoints)
        return ListProvidersResponse(
            data=[
                self._row(provider, counts[provider.id])
                for provider in self._catalogue.providers
                if key.allows_provider(provider.id)
            ]
        )

    def _row(self, provider: Provider, model_count: int) -> provider_service_pb2.Provider:
        now = time.monotonic()
        observed = self._board.provider_observed(provider.id, now)
        return provider_service_pb2.Provider(
            id=provider.id,
            name=provider.name,
            model_count=model_count,
            health=self._board.provider_state(provider.id, now).value,
            success_rate=_rounded(observed.success_rate, 3),
            first_token_ms=None if observed.first_token_s is None else round(observed.first_token_s * 1000),
            tokens_per_second=_rounded(observed.tokens_per_s, 1),
        )


def _rounded(number: float | None, digits: int) -> float | None:
    return None if number is None else round(number, digits)
