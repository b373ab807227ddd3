"""Counts the tokens of a request without a response."""

from __future__ import annotations

import asyncio
import time

from arouter.accounts.keys import AuthenticatedKey
from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import likely_prompt_tokens
from arouter.errors import ProviderError
from arouter.planning.planner import Planner
from arouter.providers.counting import encode_count
from arouter.providers.driver import Upstream


class TokenCounter:
    """Counts at the provider that would serve the request, if it can, and estimates otherwise.

    Args:
        planner: Chooses the provider.
        upstream: Calls it.
    """

    def __init__(self, planner: Planner, upstream: Upstream) -> None:
        self._planner = planner
        self._upstream = upstream

    async def count(self, request: ChatRequest, key: AuthenticatedKey, remaining: float) -> tuple[int, bool]:
        """Returns the number of prompt tokens, and whether it is exact.

        Args:
            request: The request.
            key: The caller's key.
            remaining: Seconds until the caller stops waiting; may be infinite.

        Raises:
            ARouterError: What makes a plan impossible: an unknown model, or one that the key may not use.
        """
        deadline = asyncio.get_running_loop().time() + remaining
        plan = self._planner.plan(request, key, time.monotonic(), remaining)
        endpoint = plan.candidates[0].endpoint
        wire = encode_count(endpoint.provider.adapter, request, endpoint.native_name)
        if wire is None:
            return likely_prompt_tokens(request), False
        credential = endpoint.provider.credentials[0]
        try:
            counted = await self._upstream.complete(endpoint.provider, credential, wire, deadline, caller=key.hash)
        except ProviderError:
            # Logged by the upstream. Clients count to decide when to compact: an estimate is enough.
            return likely_prompt_tokens(request), False
        return counted["input_tokens"], True
