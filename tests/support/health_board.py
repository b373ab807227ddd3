"""A board of the providers' health, with short words for what happens to a call."""

from __future__ import annotations

from arouter.health.board import HealthBoard
from arouter.health.breaker import Cooling, State
from arouter.health.origin import Origin
from arouter.health.records import AttemptTicket

MODEL, OTHER = "acme/model", "acme/other"
KEY, SPARE = "acme#1", "acme#2"
ORIGIN = Origin("key", {"number": 1})
"""Where a call comes from unless a test says otherwise."""

COOLING = Cooling(failures=3, shortest=1.0, longest=60.0, probe_timeout=600.0)


class WatchedBoard(HealthBoard):
    """A board with what it told its listener, and short words for the commonest calls."""

    def __init__(self) -> None:
        super().__init__(COOLING)
        self.told: list[str] = []
        self.listen(self.told.append)

    def begin(
        self, endpoint: str, credential: str, now: float, origin: Origin = ORIGIN, *, last_resort: bool = False
    ) -> AttemptTicket | None:
        return super().begin(endpoint, credential, now, origin, last_resort=last_resort)

    def state(self, endpoint: str, credential: str, now: float, origin: Origin = ORIGIN) -> State:
        return super().state(endpoint, credential, now, origin)

    def retry_after(self, endpoint: str, credential: str, now: float, origin: Origin = ORIGIN) -> float:
        return super().retry_after(endpoint, credential, now, origin)

    def had_outage(self, endpoint: str, now: float, key: str = ORIGIN.key) -> bool:
        return super().had_outage(endpoint, now, key)

    def call(self, now: float, endpoint: str = MODEL, key: str = KEY, origin: Origin = ORIGIN) -> AttemptTicket:
        call = self.begin(endpoint, key, now, origin)
        assert call is not None
        return call

    def fail(self, now: float, times: int = 1, endpoint: str = MODEL, key: str = KEY, origin: Origin = ORIGIN) -> None:
        for _ in range(times):
            self.call(now, endpoint, key, origin).failed(now)

    def at(self, now: float, origin: Origin = ORIGIN) -> State:
        return self.state(MODEL, KEY, now, origin)
