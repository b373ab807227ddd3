"""What the metrics show of a call, on every way out."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from arouter.accounts.keys import AuthenticatedKey
from arouter.calls.call_record import Attempt, CallRecord, new_call_record
from arouter.calls.metrics import CallMetrics
from arouter.catalogue.catalogue import Endpoint
from arouter.chat.embeddings import embedding_request
from arouter.chat.request import ChatRequest
from arouter.chat.usage import Usage
from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.errors import Failure
from arouter.providers.provider import build_providers
from arouter.telemetry.instruments import Instruments

PROVIDERS = build_providers(
    parse_config('providers: [{id: p, base_url: "http://x"}, {id: q, base_url: "http://x"}]', {}), read_environment({})
)
P, Q = (Endpoint(f"{provider.id}/m", provider, "m", 1) for provider in PROVIDERS)
DURATION = "gen_ai_server_request_duration_seconds"
OVERHEAD = "arouter_overhead_seconds_sum"


KEY = AuthenticatedKey("hash", "acme")
REQUEST = ChatRequest({}, stream=False, include_usage=False)


class Shown:
    """The metrics that calls have left."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._instruments = Instruments(self.registry)
        self._observe = CallMetrics(self._instruments)

    def measure(
        self, record: CallRecord, ended: float, *, stream: bool = False, request: ChatRequest | None = None
    ) -> None:
        record.ended = ended
        record.request = request or ChatRequest({}, stream=stream, include_usage=False)
        self._observe(record)
        self._instruments.flush()

    def __call__(self, name: str, **labels: str) -> float | None:
        if name.startswith("gen_ai"):
            labels = {"gen_ai_operation_name": "chat", **labels}
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def shown() -> Shown:
    return Shown()


def called(*attempts: Attempt, **fields: Any) -> CallRecord:
    """Returns the record of a call that came at second 100."""
    record = new_call_record(KEY, REQUEST)
    record.started = 100.0
    record.attempts += attempts
    for name, value in fields.items():
        setattr(record, name, value)
    return record


def asked(endpoint: Endpoint, sent: float, ended: float | None = None, failure: Failure | None = None) -> Attempt:
    return Attempt(endpoint.id, endpoint, "key", sent, asked=True, sent=sent, ended=ended, failure=failure)


def test_a_whole_answer(shown: Shown) -> None:
    shown.measure(called(asked(P, 100.25, 102.0), usage=Usage(11, 7)), 102.5)

    model = {"gen_ai_provider_name": "p", "gen_ai_request_model": "m"}
    assert shown(f"{DURATION}_sum", **model, error_type="") == 2.5
    assert shown(OVERHEAD) == 0.75
    assert shown("arouter_attempts_total", provider="p", result="ok") == 1
    assert shown("gen_ai_client_token_usage_sum", **model, gen_ai_token_type="input") == 11
    assert shown("gen_ai_client_token_usage_sum", **model, gen_ai_token_type="output") == 7
    assert shown("gen_ai_server_time_to_first_token_seconds_count", **model) is None


def test_a_streamed_answer(shown: Shown) -> None:
    shown.measure(called(asked(P, 100.25), usage=Usage(11, 5), first_token=101.0), 103.0, stream=True)

    model = {"gen_ai_provider_name": "p", "gen_ai_request_model": "m"}
    assert shown("gen_ai_server_time_to_first_token_seconds_sum", **model) == 1.0
    assert shown("gen_ai_server_time_per_output_token_seconds_sum", **model) == 0.5
    assert shown(OVERHEAD) == 0.25


def test_embeddings_have_no_output(shown: Shown) -> None:
    request = embedding_request({"model": "p/m", "input": "x"})
    shown.measure(called(asked(P, 100.25, 102.0), usage=Usage(11, 0)), 102.5, request=request)

    model = {"gen_ai_operation_name": "embeddings", "gen_ai_provider_name": "p", "gen_ai_request_model": "m"}
    assert shown(f"{DURATION}_sum", **model, error_type="") == 2.5
    assert shown("gen_ai_client_token_usage_sum", **model, gen_ai_token_type="input") == 11
    assert shown("gen_ai_client_token_usage_sum", **model, gen_ai_token_type="output") is None


def test_a_fallback(shown: Shown) -> None:
    tried = [asked(P, 100.0, 101.0, Failure.PROVIDER_TIMEOUT), asked(Q, 101.5, 102.0)]

    shown.measure(called(*tried), 102.0)

    assert shown("arouter_fallbacks_total", provider="p", reason="provider_timeout") == 1
    assert shown("arouter_attempts_total", provider="p", result="provider_timeout") == 1
    assert shown("arouter_attempts_total", provider="q", result="ok") == 1
    assert shown(f"{DURATION}_count", gen_ai_provider_name="q", gen_ai_request_model="m", error_type="") == 1
    assert shown(OVERHEAD) == 0.5


def test_the_last_failure_is_no_fallback(shown: Shown) -> None:
    record = called(asked(P, 100.0, 101.0, Failure.PROVIDER_ERROR), asked(Q, 101.0, 102.0, Failure.RATE_LIMITED))
    record.fail(Failure.RATE_LIMITED)

    shown.measure(record, 102.0)

    model = {"gen_ai_provider_name": "q", "gen_ai_request_model": "m"}
    assert shown(f"{DURATION}_count", **model, error_type="rate_limited") == 1
    assert shown("arouter_fallbacks_total", provider="p", reason="provider_error") == 1
    assert shown("arouter_fallbacks_total", provider="q", reason="rate_limited") is None


def test_a_client_that_leaves(shown: Shown) -> None:
    record = called(asked(P, 100.0), first_token=101.0)
    record.leave()

    shown.measure(record, 102.0, stream=True)

    model = {"gen_ai_provider_name": "p", "gen_ai_request_model": "m"}
    assert shown("arouter_client_cancellations_total", stream="true") == 1
    assert shown("arouter_attempts_total", provider="p", result="client_cancelled") == 1
    assert shown(f"{DURATION}_count", **model, error_type="client_cancelled") == 1
    assert shown("gen_ai_server_time_to_first_token_seconds_count", **model) is None


def test_a_call_without_a_sent_request(shown: Shown) -> None:
    record = called(Attempt(P.id, P, "key"))
    record.fail(Failure.INVALID_REQUEST)

    shown.measure(record, 100.5)

    none = {"gen_ai_provider_name": "", "gen_ai_request_model": ""}
    assert shown(f"{DURATION}_count", **none, error_type="invalid_request") == 1
    assert shown("arouter_overhead_seconds_count") == 0
    assert "arouter_attempts" not in {sample.name for family in shown.registry.collect() for sample in family.samples}


@pytest.mark.parametrize("usage", [None, Usage(), Usage(cached_tokens=3)])
def test_tokens_that_were_not_reported_are_not_shown(shown: Shown, usage: Usage | None) -> None:
    shown.measure(called(asked(P, 100.0, 101.0), usage=usage), 101.0)

    families = {family.name: family.samples for family in shown.registry.collect()}
    assert families["gen_ai_client_token_usage"] == []


def test_histograms_have_what_was_observed_since_the_last_flush(shown: Shown) -> None:
    model = {"gen_ai_provider_name": "p", "gen_ai_request_model": "m", "error_type": ""}

    for ended in (100.01, 100.02, 900.0):
        shown.measure(called(asked(P, 100.0, 100.0)), ended)

    assert shown(f"{DURATION}_count", **model) == 3
    assert shown(f"{DURATION}_sum", **model) == pytest.approx(800.03)
    buckets = [shown(f"{DURATION}_bucket", **model, le=bound) for bound in ("0.01", "0.02", "327.68", "+Inf")]
    assert buckets == [0, 2, 2, 3]
