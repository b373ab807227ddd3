"""Shares the connections to providers fairly between providers and keys. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

from arouter.errors import ARouterError, Failure

CALLER_PER_FREE = 2
PROVIDER_PER_FREE = 8
"""Connections that one key, or one provider, may hold per free connection: alone at most two thirds, or eight ninths.

The more of them compete, the less each one gets, and some connections stay free for others: the dynamic thresholds of
Choudhury and Hahne (IEEE/ACM Transactions on Networking 6:2, 1998), with which the ports of a switch share its memory.
"""

_RETRY_AFTER = 1


Share: TypeAlias = tuple[str, str]
"""A connection in use: the id of its provider, and the caller passed to `Shares.take`."""


class Shares:
    """Counts the connections of a pool in use.

    Args:
        total: The size of the pool.
        per_provider: Maximum connections that one provider may hold; None: only the dynamic share counts.

    Attributes:
        taken: Number of calls that hold a connection or wait for one.
    """

    def __init__(self, total: int, per_provider: int | None = None) -> None:
        self.taken = 0
        self._total = total
        self._per_provider = per_provider or total
        self._providers: defaultdict[str, int] = defaultdict(int)
        self._callers: defaultdict[str, int] = defaultdict(int)

    @property
    def overtaken(self) -> bool:
        """Whether more calls are open than there are connections, so that some wait."""
        return self.taken > self._total

    def take(self, provider: str, caller: str) -> Share:
        """Takes a connection. A key or provider without connections always gets one, but may have to wait for it.

        Args:
            provider: The id of the provider.
            caller: The key of the call; empty for the router's own calls, which are few and always granted.

        Raises:
            ARouterError: UNAVAILABLE if the provider or the key has used up its share, or the provider has its maximum.
        """
        if caller:
            left = self._total - self.taken - 1
            if caller in self._callers and self._callers[caller] >= CALLER_PER_FREE * left:
                raise _refusal("Too many calls of this key are open.")
            held = self._providers.get(provider, 0)
            if held and held >= min(self._per_provider, PROVIDER_PER_FREE * left):
                raise _refusal(f"Too many calls to provider '{provider}' are open.")
            self._callers[caller] += 1
        self.taken += 1
        self._providers[provider] += 1
        return provider, caller

    def give(self, share: Share) -> None:
        """Returns a connection."""
        provider, caller = share
        self.taken -= 1
        self._providers[provider] -= 1
        if not self._providers[provider]:
            del self._providers[provider]
        if caller:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]


def _refusal(reason: str) -> ARouterError:
    return ARouterError(Failure.UNAVAILABLE, f"{reason} Try again shortly.", retry_after=_RETRY_AFTER)
