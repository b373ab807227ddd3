"""Opens the calls of all chat RPCs in the pipeline."""

from __future__ import annotations

from arouter.calls.call_record import new_call_record
from arouter.calls.pipeline import AnsweredCall, Pipeline
from arouter.chat.request import ChatRequest
from arouter.rpc.context import Context, remaining_of
from arouter.rpc.interceptors.auth import caller
from arouter.telemetry.spans import Tracer


class ChatCalls:
    """Opens chat calls of the current caller.

    Args:
        pipeline: Serves the requests.
        tracer: Starts the span of each call.
        keep_alive: See the attribute.

    Attributes:
        keep_alive: Seconds without an event after which a REST stream is kept alive; applies to new streams.
    """

    def __init__(self, pipeline: Pipeline, tracer: Tracer, keep_alive: float) -> None:
        self.keep_alive = keep_alive
        self._pipeline = pipeline
        self._tracer = tracer

    def answer(self, chat: ChatRequest, context: Context) -> AnsweredCall:
        """Returns a context manager with the response, as `Pipeline.answer` does."""
        current = caller.get()
        span = self._tracer.start(chat.operation, current.traceparent)
        record = new_call_record(current.key, chat, current.request_id, span)
        return self._pipeline.answer(record, current.reservation, remaining_of(context))
