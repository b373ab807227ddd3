"""A board of the providers' health, with short words for what happens to a call."""

from __future__ import annotations

from arouter.routing.breaker import Cooling, State
from arouter.routing.health import Call, HealthBoard

MODEL, OTHER = "acme/model", "acme/other"
KEY, SPARE = "acme#1", "acme#2"
COOLING = Cooling(failures=3, shortest=1.0, longest=60.0, patience=600.0)


class Watched(HealthBoard):
    """A board with what it told its listener, and short words for the commonest calls."""

    def __init__(self) -> None:
        super().__init__(COOLING)
        self.told: list[str] = []
        self.listen(self.told.append)

    def call(self, now: float, endpoint: str = MODEL, key: str = KEY) -> Call:
        call = self.begin(endpoint, key, now)
        assert call is not None
        return call

    def fail(self, now: float, times: int = 1, endpoint: str = MODEL, key: str = KEY) -> None:
        for _ in range(times):
            self.call(now, endpoint, key).failed(now)

    def at(self, now: float) -> State:
        return self.state(MODEL, KEY, now)
