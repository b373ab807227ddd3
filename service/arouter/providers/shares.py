"""Shares the connections to providers out, so that no provider and no key takes all of them. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

from arouter.errors import ARouterError, Failure

CALLER_PER_FREE = 2
PROVIDER_PER_FREE = 8
"""Connections that one key, or one provider, may hold for each that stays free: alone two thirds, or eight ninths.

The more of them are greedy the less each gets, and some stay free for the others: the dynamic thresholds of Choudhury
and Hahne (IEEE/ACM Transactions on Networking 6:2, 1998), by which the ports of a switch share its memory.
"""

_RETRY_AFTER = 1


Share: TypeAlias = tuple[str, str]
"""One connection that was taken: the id of the provider it leads to, and the caller, as `Shares.take` was told."""


class Shares:
    """Counts what is taken of a pool.

    Args:
        total: The connections there are.

    Attributes:
        taken: Calls that hold a connection, or wait for one.
    """

    def __init__(self, total: int) -> None:
        self.taken = 0
        self._total = total
        self._providers: defaultdict[str, int] = defaultdict(int)
        self._callers: defaultdict[str, int] = defaultdict(int)

    @property
    def overtaken(self) -> bool:
        """Whether more calls are open than there are connections, so that some wait."""
        return self.taken > self._total

    def take(self, provider: str, caller: str) -> Share:
        """Takes a connection. A key or a provider that has none always gets one, for which it may have to wait.

        Args:
            provider: The id of the provider it will lead to.
            caller: Whose call it will serve; an empty string for the router's own, which are few and always granted.

        Raises:
            ARouterError: UNAVAILABLE; the provider or the key has its share.
        """
        if caller:
            left = self._total - self.taken - 1
            if caller in self._callers and self._callers[caller] >= CALLER_PER_FREE * left:
                raise _refusal("Too many calls of this key are open.")
            if provider in self._providers and self._providers[provider] >= PROVIDER_PER_FREE * left:
                raise _refusal(f"Too many calls to provider '{provider}' are open.")
            self._callers[caller] += 1
        self.taken += 1
        self._providers[provider] += 1
        return provider, caller

    def give(self, share: Share) -> None:
        """Gives a connection back."""
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
