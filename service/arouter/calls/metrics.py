"""Turns a call that has ended into metrics."""

from __future__ import annotations

from arouter.calls.call_record import CallRecord, Status
from arouter.telemetry.instruments import Instruments

_NO_MODEL = ("", "")


class CallMetrics:
    """An observer that measures calls. It takes a few microseconds per call. Histograms must be flushed.

    Args:
        instruments: The metrics.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def __call__(self, record: CallRecord) -> None:
        """Measures a call that has ended."""
        to, ended = self._instruments, record.ended
        asked = [attempt for attempt in record.attempts if attempt.asked]
        error = _error(record)
        operation = record.request.operation
        model = (operation, *(to.models[asked[-1].endpoint.id] if asked else _NO_MODEL))
        to.durations[*model, error].observe(ended - record.started)
        if record.status is Status.CLIENT_CANCELLED:
            to.cancellations["true" if record.request.stream else "false",].inc()
        if not asked:
            return
        waited = 0.0
        for attempt in asked:
            waited += (attempt.ended or ended) - (attempt.sent or ended)
            failure = attempt.failure and attempt.result
            to.attempts[attempt.endpoint.provider.id, failure or error or "ok"].inc()
            if failure and attempt is not asked[-1]:
                to.fallbacks[attempt.endpoint.provider.id, failure].inc()
        to.overheads.observe(max(ended - record.started - waited, 0.0))
        usage = record.usage
        if usage is not None and record.exact and usage[:2] != (0, 0):
            to.tokens[*model, "input"].observe(usage.prompt_tokens)
            if operation != "embeddings":
                to.tokens[*model, "output"].observe(usage.completion_tokens)
        first = record.first_token
        if first is not None and not error:
            to.first_tokens[model].observe(first - record.started)
            if usage is not None and record.exact and usage.completion_tokens > 1:
                to.output_tokens[model].observe((ended - first) / (usage.completion_tokens - 1))


def _error(record: CallRecord) -> str:
    """Returns the name of a call's failure, `client_cancelled`, or an empty text if the call succeeded."""
    if record.status is Status.OK:
        return ""
    return record.status.value if record.failure is None else record.failure.lower()
