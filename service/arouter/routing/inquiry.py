"""One request, with all that its plan depends on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from arouter.accounts.keys import ApiKey
from arouter.chat.request import ChatRequest
from arouter.routing.demands import Demands, demands_of
from arouter.routing.standing import Standings


@dataclass(frozen=True)
class Inquiry:
    """A request to plan for.

    Attributes:
        request: What is asked.
        key: Who asks.
        standings: How the providers do now.
        remaining: Seconds that the caller waits; may be infinite.
        explain: Whether the plan must say why.
        last_resort: Whether endpoints that are left alone are candidates, as far as they may be called at all.
        hopeful: Whether endpoints that were too slow for the deadline lately are candidates.
    """

    request: ChatRequest
    key: ApiKey
    standings: Standings
    remaining: float
    explain: bool
    last_resort: bool = False
    hopeful: bool = False

    @cached_property
    def demands(self) -> Demands:
        """What answering needs; worked out when somebody asks: most requests name one model at one provider."""
        return demands_of(self.request)
