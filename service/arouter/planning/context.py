"""A request, with everything that its plan depends on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from arouter.accounts.keys import AuthenticatedKey
from arouter.chat.request import ChatRequest
from arouter.health.snapshot import HealthSnapshot
from arouter.planning.requirements import Requirements, requirements_of


@dataclass(eq=False)  # Not frozen, because that would make creating one take five times as long.
class PlanContext:
    """A request to plan for. Must not be modified.

    Attributes:
        request: The client's request.
        key: The caller's API key.
        health: The health of the endpoints now.
        remaining: Seconds until the caller's deadline; infinite without one.
        explain: Whether the plan must give its reasons.
        last_resort: Whether endpoints in cooldown are candidates, as far as the breakers let calls through.
        probe_slow: Whether endpoints that have recently been too slow for the deadline are candidates.
    """

    request: ChatRequest
    key: AuthenticatedKey
    health: HealthSnapshot
    remaining: float
    explain: bool
    last_resort: bool = False
    probe_slow: bool = False

    @cached_property
    def requirements(self) -> Requirements:
        """What the request needs. Computed on first use: most requests name one model with one endpoint."""
        return requirements_of(self.request)
