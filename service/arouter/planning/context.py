"""One request, with all that its plan depends on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from arouter.accounts.keys import AuthenticatedKey
from arouter.chat.request import ChatRequest
from arouter.health.snapshot import HealthSnapshot
from arouter.planning.requirements import Requirements, requirements_of


@dataclass(frozen=True)
class PlanContext:
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
    key: AuthenticatedKey
    standings: HealthSnapshot
    remaining: float
    explain: bool
    last_resort: bool = False
    hopeful: bool = False

    @cached_property
    def requirements(self) -> Requirements:
        """What answering needs; worked out when somebody asks: most requests name one model at one provider."""
        return requirements_of(self.request)
