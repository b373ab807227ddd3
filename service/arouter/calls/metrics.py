"""Turns a call that has ended into what the metrics show of it."""

from __future__ import annotations

from arouter.calls.call_record import CallRecord, Status
from arouter.telemetry.instruments import Instruments

_CHAT = "chat"
"""`gen_ai.operation.name`: the only one there is."""

_NOBODY = ("", "")


class Meter:
    """Measures calls; takes some microseconds for each.

    Args:
        instruments: Where to.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._to = instruments

    def measure(self, outcome: CallRecord, stream: bool, ended: float) -> None:
        """Notes a call.

        Args:
            outcome: Of the call.
            stream: Whether a streamed answer was asked for.
            ended: When it ended, by the monotonic clock.
        """
        to = self._to
        asked = [attempt for attempt in outcome.attempts if attempt.asked]
        error = _error(outcome)
        model = (_CHAT, *(to.models[asked[-1].endpoint.id] if asked else _NOBODY))
        to.durations[*model, error].observe(ended - outcome.started)
        if outcome.status is Status.CLIENT_CANCELLED:
            to.cancellations["true" if stream else "false",].inc()
        if not asked:
            return
        waited = 0.0
        for attempt in asked:
            waited += (attempt.ended or ended) - (attempt.sent or ended)
            failure = attempt.failure and attempt.result
            to.attempts[attempt.endpoint.provider.id, failure or error or "ok"].inc()
            if failure and attempt is not asked[-1]:
                to.fallbacks[attempt.endpoint.provider.id, failure].inc()
        to.overheads.observe(max(ended - outcome.started - waited, 0.0))
        usage = outcome.usage
        if usage is not None and outcome.exact and usage[:2] != (0, 0):
            to.tokens[*model, "input"].observe(usage.prompt_tokens)
            to.tokens[*model, "output"].observe(usage.completion_tokens)
        first = outcome.first_token
        if first is not None and not error:
            to.first_tokens[model].observe(first - outcome.started)
            if usage is not None and outcome.exact and usage.completion_tokens > 1:
                to.output_tokens[model].observe((ended - first) / (usage.completion_tokens - 1))


def _error(outcome: CallRecord) -> str:
    """Returns how a call failed: the name of its failure, `client_cancelled`, or nothing if it did not."""
    if outcome.status is Status.OK:
        return ""
    return outcome.status.value if outcome.failure is None else outcome.failure.lower()
