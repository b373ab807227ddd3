"""Statistics of the calls of the last 30 seconds. Pure: it takes the time; single calls are not kept."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

LENGTH = 30.0
"""Length of the window in seconds."""

_BUCKETS = 10
_BUCKET = LENGTH / _BUCKETS

_OUTAGE_CALLS = 5
_OUTAGE_SHARE = 0.5
"""docs.arouter.ai does not define the "significant outage in the last 30 seconds" that deprioritizes a provider."""


class Observed(NamedTuple):
    """Statistics of some calls; a value is None if it is not known.

    Attributes:
        calls: Calls that succeeded or failed. 429s and calls that are no evidence about the provider do not count.
        success_rate: The share that succeeded, from 0 to 1.
        first_token_s: Average seconds to the first chunk of a stream.
        tokens_per_s: Average speed of a stream after its first chunk.
        fastest_s: Seconds to the first chunk of the fastest response, or to its end if it was unary.
    """

    calls: int
    success_rate: float | None
    first_token_s: float | None
    tokens_per_s: float | None
    fastest_s: float | None = None

    @property
    def is_outage(self) -> bool:
        """Whether there were at least five calls, and at least half of them failed."""
        return self.calls >= _OUTAGE_CALLS and self.success_rate is not None and self.success_rate <= _OUTAGE_SHARE


NOTHING = Observed(0, None, None, None)


class Sums:
    """Sums over some calls.

    Attributes:
        failures: All failures.
        failures_of: The failures that the request may have caused, by the hash of the API key.
        fastest: See `Observed.fastest_s`; infinite if there is no response.
    """

    __slots__ = ("failures", "failures_of", "fastest", "first_token", "first_tokens", "speed", "speeds", "successes")

    def __init__(self) -> None:
        self.failures_of: Counter[str] = Counter()
        self.successes = self.failures = self.first_tokens = self.speeds = 0
        self.first_token = self.speed = 0.0
        self.fastest = math.inf

    def add(self, other: Sums) -> None:
        """Adds other sums to these."""
        self.successes += other.successes
        self.failures += other.failures
        self.first_tokens += other.first_tokens
        self.first_token += other.first_token
        self.speeds += other.speeds
        self.speed += other.speed
        self.fastest = min(self.fastest, other.fastest)


class Window:
    """A sliding window: sums in buckets of three seconds, of which the oldest is dropped when a new one begins."""

    __slots__ = ("_buckets", "_ends", "_observed", "_tick")

    def __init__(self) -> None:
        self._buckets: dict[int, Sums] = {}
        self._tick = 0
        self._ends = -float("inf")
        self._observed: Observed | None = NOTHING

    def succeed(self, now: float, seconds: float | None = None) -> None:
        """Counts a success, and the duration of the response if it was unary."""
        bucket = self._bucket(now)
        bucket.successes += 1
        if seconds is not None and seconds < bucket.fastest:
            bucket.fastest = seconds

    def fail(self, now: float, key: str | None) -> None:
        """Counts a failure.

        Args:
            now: The time.
            key: The hash of the API key; None if the request cannot be the cause.
        """
        bucket = self._bucket(now)
        bucket.failures += 1
        if key is not None:
            bucket.failures_of[key] += 1

    def time_first_token(self, now: float, seconds: float) -> None:
        """Counts the seconds to the first chunk of a stream."""
        bucket = self._bucket(now)
        bucket.first_tokens += 1
        bucket.first_token += seconds
        if seconds < bucket.fastest:
            bucket.fastest = seconds

    def time_tokens(self, now: float, per_second: float) -> None:
        """Counts the speed of a stream."""
        bucket = self._bucket(now)
        bucket.speeds += 1
        bucket.speed += per_second

    def observed(self, now: float) -> Observed:
        """Returns the statistics of the window."""
        self._turn(now)
        if self._observed is None:
            self._observed = _observed(list(self._buckets.values()))
        return self._observed

    def failures_of(self, now: float) -> Counter[str]:
        """Returns the failures that the request may have caused, by the hash of the API key."""
        found: Counter[str] = Counter()
        for sums in self.sums(now):
            found.update(sums.failures_of)
        return found

    def seen_by(self, now: float, key: str) -> tuple[int, bool]:
        """Returns the number of calls that count for an API key, and whether they amount to an outage.

        Of the other keys, the failures of the one with the most do not count: that key may have caused them itself.
        """
        observed = self.observed(now)
        if not observed.calls:
            return 0, False
        others = self.failures_of(now)
        del others[key]
        ignored = max(others.values(), default=0)
        if ignored:
            calls = observed.calls - ignored
            successes = round((observed.success_rate or 0) * observed.calls)
            observed = Observed(calls, successes / calls if calls else None, None, None)
        return observed.calls, observed.is_outage

    def sums(self, now: float) -> Iterable[Sums]:
        """Returns the sums of the window's buckets."""
        self._turn(now)
        return self._buckets.values()

    def _bucket(self, now: float) -> Sums:
        """Returns the bucket of a call that ends now."""
        self._turn(now)
        self._observed = None
        bucket = self._buckets.get(self._tick)
        if bucket is None:
            bucket = self._buckets[self._tick] = Sums()
        return bucket

    def _turn(self, now: float) -> None:
        """Drops the buckets that are too old, once a new one is due."""
        if now < self._ends:
            return
        self._tick = int(now // _BUCKET)
        self._ends = next_turn(now)
        if self._buckets:
            self._buckets = {tick: sums for tick, sums in self._buckets.items() if tick > self._tick - _BUCKETS}
            self._observed = None


def next_turn(now: float) -> float:
    """Returns when windows next lose a bucket: until then only calls change their statistics."""
    return (now // _BUCKET + 1) * _BUCKET


def together(windows: Iterable[Window], now: float) -> Observed:
    """Returns the statistics of several windows together."""
    return _observed([sums for window in windows for sums in window.sums(now)])


def _observed(buckets: Sequence[Sums]) -> Observed:
    if len(buckets) == 1:
        total = buckets[0]
    else:
        total = Sums()
        for bucket in buckets:
            total.add(bucket)
    calls = total.successes + total.failures
    return Observed(
        calls,
        total.successes / calls if calls else None,
        total.first_token / total.first_tokens if total.first_tokens else None,
        total.speed / total.speeds if total.speeds else None,
        total.fastest if total.fastest < math.inf else None,
    )
