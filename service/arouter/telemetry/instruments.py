"""All metrics of the service: names, labels, buckets.

Metrics that start with `gen_ai` are OpenTelemetry's in Prometheus spelling: names, attributes and buckets of
github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-metrics.md (2026, status: development). Two
sets of buckets are extended for calls that take as long as ours may. `error_type` is empty without an error, which
Prometheus treats as absent; so are provider and model of a call that reached no provider.

No label contains text from clients: providers are configured, and models are those that were actually called.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

OTHER = "other"
"""The label value of all models beyond the limit of distinct models."""

_MAX_MODELS = 1000

_DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68)
_FIRST_TOKENS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60)
_OUTPUT_TOKENS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
_TOKENS = tuple(4**power for power in range(14))
_OVERHEADS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

_MODEL = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

_Metric = TypeVar("_Metric", bound=MetricWrapperBase)


class Children(dict[tuple[str, ...], _Metric]):
    """The series of a metric by label values; ten times as fast as `labels`."""

    def __init__(self, metric: _Metric) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> _Metric:
        child = self[labels] = self._metric.labels(*labels)
        return child


class Tally:
    """The observations of one series of a histogram since the last flush. `Histogram.observe` takes ten times as long.

    Args:
        series: The series, which `flush` adds them to.
    """

    __slots__ = ("_bounds", "_counts", "_series", "_sum")

    def __init__(self, series: Histogram) -> None:
        self._series = series
        self._bounds = series._upper_bounds
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0

    def observe(self, amount: float) -> None:
        """Counts an observation."""
        self._counts[bisect_left(self._bounds, amount)] += 1
        self._sum += amount

    def flush(self) -> None:
        """Adds the observations to the series."""
        for index, count in enumerate(self._counts):
            if count:
                self._series._buckets[index].inc(count)
                self._counts[index] = 0
        if self._sum:
            self._series._sum.inc(self._sum)
            self._sum = 0.0


class Tallies(dict[tuple[str, ...], Tally]):
    """The tallies of a histogram by label values."""

    def __init__(self, metric: Histogram) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> Tally:
        tally = self[labels] = Tally(self._metric.labels(*labels))
        return tally


class ModelNames(dict[str, tuple[str, str]]):
    """Provider and native name of an endpoint by its id, `provider/name`; `other` beyond a thousand endpoints."""

    def __init__(self, most: int = _MAX_MODELS) -> None:
        super().__init__()
        self._most = most

    def __missing__(self, id_: str) -> tuple[str, str]:
        provider, _, name = id_.partition("/")
        if len(self) >= self._most:
            return provider, OTHER
        self[id_] = names = (provider, name)
        return names


class Instruments:
    """The metrics of one process.

    In a worker, prometheus_client shares values through files (its `PROMETHEUS_MULTIPROC_DIR`): gauges of live workers
    are aggregated by sum, minimum or maximum; counters and histograms are summed over all workers, past and present.

    Args:
        registry: Collects the metrics; None if the files do.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(name, help_, labels, registry=registry)

        def histogram(name: str, help_: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, help_, labels, buckets=buckets, registry=registry)

        def gauge(name: str, help_: str, mode: str, *labels: str) -> Gauge:
            return Gauge(name, help_, labels, multiprocess_mode=mode, registry=registry)  # type: ignore[arg-type]

        self.models = ModelNames()
        self.durations = Tallies(
            histogram(
                "gen_ai_server_request_duration_seconds",
                "Duration of calls, from the request to the last byte of the response.",
                _DURATIONS,
                *_MODEL,
                "error_type",
            )
        )
        self.first_tokens = Tallies(
            histogram(
                "gen_ai_server_time_to_first_token_seconds",
                "Time from the request to the first token, of streams that completed.",
                _FIRST_TOKENS,
                *_MODEL,
            )
        )
        self.output_tokens = Tallies(
            histogram(
                "gen_ai_server_time_per_output_token_seconds",
                "Time per output token after the first, of streams that completed.",
                _OUTPUT_TOKENS,
                *_MODEL,
            )
        )
        self.tokens = Tallies(
            histogram(
                "gen_ai_client_token_usage",
                "Tokens used by calls, as reported by providers.",
                _TOKENS,
                *_MODEL,
                "gen_ai_token_type",
            )
        )
        self.overheads = Tally(
            histogram(
                "arouter_overhead_seconds",
                "Overhead of ARouter: the duration of a call less the time spent waiting for providers.",
                _OVERHEADS,
            )
        )
        self.attempts = Children(
            counter("arouter_attempts_total", "Requests to providers, by result.", "provider", "result")
        )
        self.fallbacks = Children(
            counter(
                "arouter_fallbacks_total",
                "Failed requests to a provider after which the call was retried, elsewhere or with another credential.",
                "provider",
                "reason",
            )
        )
        self.cancellations = Children(
            counter("arouter_client_cancellations_total", "Calls that the client cancelled.", "stream")
        )
        self.in_flight = gauge("arouter_requests_in_flight", "Chat calls in flight.", "livesum")
        self.provider_calls = gauge("arouter_provider_calls_open", "Requests to providers in flight.", "livesum")
        self.breakers = Children(
            gauge(
                "arouter_breakers",
                "Circuit breakers, one per endpoint, credential and worker, by state: closed, open, or waiting for the "
                "provider's rate limit.",
                "livesum",
                "provider",
                "model",
                "state",
            )
        )
        self.provider_up = Children(
            gauge(
                "arouter_provider_up",
                "1 while a provider is available or unused; 0 while all its recently used endpoints fail.",
                "livemax",
                "provider",
            )
        )
        self.providers = gauge("arouter_providers", "Enabled providers; the minimum over all workers.", "livemin")
        self.limit_denials = Children(
            counter("arouter_limit_denials_total", "Calls rejected by a limit of their key.", "limit")
        )
        self.limits_unchecked = counter(
            "arouter_limits_unchecked_total", "Calls accepted unchecked because the limit store was unavailable."
        )
        self.usage_queue = gauge("arouter_usage_queue_records", "Usage records queued for the database.", "livesum")
        self.usage_written = counter("arouter_usage_records_written_total", "Usage records written to the database.")
        self.usage_lost = counter("arouter_usage_records_lost_total", "Usage records that were lost.")
        self.database_up = gauge("arouter_database_up", "1 while the database is reachable, otherwise 0.", "livemin")
        self.keys_age = gauge(
            "arouter_keys_age_seconds",
            "Seconds since accounts and keys were last read from the database; +Inf: never.",
            "livemax",
        )
        self.usage_recovered = counter(
            "arouter_usage_records_recovered_total",
            "Usage records of killed processes, written to the database from their journals.",
        )
        self.usage_unjournalled = counter(
            "arouter_usage_records_unjournalled_total",
            "Usage records that could not be written to the journal; they would be lost if the process were killed.",
        )
        self.usage_oldest_age = gauge(
            "arouter_usage_oldest_record_age_seconds",
            "Age of the oldest usage record that is not in the database yet; 0: there is none.",
            "livemax",
        )
        self.config_refused = gauge(
            "arouter_config_refused", "1 while the configuration file, as last read, is invalid.", "livemax"
        )
        self.config_applied = gauge(
            "arouter_config_applied_timestamp_seconds",
            "When the configuration in use was applied, in seconds since the epoch.",
            "livemin",
        )
        self.catalogue_models = Children(
            gauge("arouter_catalogue_models", "Models of a provider that can be called.", "livemax", "provider")
        )
        self.catalogue_synced = Children(
            gauge(
                "arouter_catalogue_synced_timestamp_seconds",
                "When a provider's model list was last read, in seconds since the epoch; 0: never.",
                "livemin",
                "provider",
            )
        )

    def flush(self) -> None:
        """Makes the observations of histograms visible to scrapes; also call it before the process ends."""
        self.overheads.flush()
        for tallies in (self.durations, self.first_tokens, self.output_tokens, self.tokens):
            for tally in tallies.values():
                tally.flush()
