"""Builds a response from canonical chunks, and emits its events in the order of the Responses API.

One item is open at a time. The exceptions are calls whose arguments are incomplete: deltas of parallel calls may
alternate.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.chunks import Chunk
from arouter.chat.request import ChatRequest
from arouter.chat.tool_arguments import arguments_of, tool_of
from arouter.dialects.responses.items import CallItem, Emit, ImageItem, Item, MessageItem, ReasoningItem
from arouter.dialects.responses.response import flat_annotation, incomplete_reason, response_object, usage_object
from arouter.dialects.responses.tools import Tools
from arouter.dialects.unserved import Unserved

Json = dict[str, Any]


class ResponseBuilder:
    """The state of one response. Only the first choice becomes output: a request cannot ask for others.

    Args:
        request: The request, for its tools and options.
        emit: Emits an event.

    Attributes:
        response: The response so far; None before the first chunk.
    """

    def __init__(self, request: ChatRequest, emit: Emit) -> None:
        self.response: Json | None = None
        self._request = request
        self._emit = emit
        self._tools = Tools(request.native.body if request.native else {}, Unserved())
        self._output: list[Json] = []
        self._id = ""
        self._open: Item | None = None
        self._calls: dict[int, CallItem] = {}
        self._open_calls: dict[int, CallItem] = {}
        self._unnamed: dict[int, Json] = {}
        self._details: list[Any] = []
        self._annotations: list[Json] = []
        self._finish_reason: str | None = None
        self._usage: Any = None

    def add(self, chunk: Chunk) -> None:
        """Adds a chunk."""
        response = self.response or self._begin(chunk)
        if chunk.get("service_tier"):
            response["service_tier"] = chunk["service_tier"]
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        for choice in chunk["choices"]:
            if choice.get("index", 0) == 0:
                self._add_delta(choice.get("delta") or {}, choice.get("logprobs"))
                self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def finish(self) -> Json:
        """Ends the response, and returns it."""
        response = self.response or self._begin({"choices": []})
        reason = incomplete_reason(self._finish_reason)
        last = "incomplete" if reason else "completed"
        for index in list(self._unnamed):
            self._start_call(index, self._unnamed[index])
        self._close("completed" if self._open_calls else last)
        for call in self._open_calls.values():
            call.close(last)
        self._open_calls.clear()
        self._flush_details()
        self._annotate_late()
        if not self._output:
            MessageItem(self._emit, self._output, self._id).close(last)
        response["status"] = last
        response["incomplete_details"] = {"reason": reason} if reason else None
        response["usage"] = usage_object(self._usage)
        self._emit(f"response.{last}", {"response": response})
        return response

    def fail(self, error: Json) -> None:
        """Ends a response that has failed. Items that are open stay so."""
        response = self.response or self._begin({"choices": []})
        response["status"], response["error"] = "failed", error
        response["usage"] = usage_object(self._usage)
        self._emit("response.failed", {"response": response})

    def _begin(self, chunk: Chunk) -> Json:
        response = self.response = response_object(self._request, chunk)
        self._id = response["id"]
        self._emit("response.created", {"response": response})
        self._emit("response.in_progress", {"response": response})
        # Only now: the first events have no output.
        response["output"] = self._output
        return response

    def _add_delta(self, delta: Json, logprobs: Any) -> None:
        if text := delta.get("reasoning_content"):
            self._reasoning().add_text(text)
        if details := delta.get("reasoning_details"):
            self._add_details(details)
        if text := delta.get("content"):
            self._message().add_text(text, _logprobs(logprobs))
        if refusal := delta.get("refusal"):
            self._message().add_refusal(refusal)
        for image in delta.get("images") or ():
            self._add_image(image)
        if annotations := delta.get("annotations"):
            self._annotate(annotations)
        for call in delta.get("tool_calls") or ():
            self._add_call(call)

    def _reasoning(self) -> ReasoningItem:
        if not isinstance(self._open, ReasoningItem):
            self._close("completed")
            self._open = ReasoningItem(self._emit, self._output, self._id)
            self._open.add_details(self._taken_details())
        return self._open

    def _message(self) -> MessageItem:
        if not isinstance(self._open, MessageItem):
            self._close("completed")
            self._flush_details()
            self._open = MessageItem(self._emit, self._output, self._id)
        return self._open

    def _close(self, status: str) -> None:
        """Closes the open item, and the calls that are complete."""
        item, self._open = self._open, None
        if item is not None:
            item.close(status)
        for index, call in list(self._open_calls.items()):
            if call.is_whole:
                call.close("completed")
                del self._open_calls[index]

    def _add_details(self, details: Any) -> None:
        # A signature amid a text must not divide it: it gets an item of its own after the message.
        if isinstance(self._open, MessageItem):
            self._details += details if isinstance(details, list) else ()
        else:
            self._reasoning().add_details(details)

    def _taken_details(self) -> list[Any]:
        details, self._details = self._details, []
        return details

    def _flush_details(self) -> None:
        if self._details:
            item = ReasoningItem(self._emit, self._output, self._id)
            item.add_details(self._taken_details())
            item.close("completed")

    def _add_image(self, image: Json) -> None:
        self._close("completed")
        if image.get("extra_content"):
            signed = ReasoningItem(self._emit, self._output, self._id)
            signed.images.append(image)
            signed.close("completed")
        ImageItem(self._emit, self._output, self._id, image["image_url"]["url"]).close("completed")

    def _annotate(self, annotations: list[Json]) -> None:
        if isinstance(self._open, MessageItem) or not self._output:
            self._message().add_annotations(annotations)
        else:
            self._annotations += annotations

    def _annotate_late(self) -> None:
        """Adds annotations that came after their text was closed to the response's last text."""
        texts = [part for item in self._output for part in item.get("content") or () if part["type"] == "output_text"]
        if texts:
            texts[-1]["annotations"] += map(flat_annotation, self._annotations)

    def _add_call(self, delta: Json) -> None:
        index = delta.get("index", 0)
        known = self._calls.get(index)
        if known is not None:
            # What follows complete arguments can only be empty.
            if index in self._open_calls:
                known.add(arguments_of(delta))
            if extra := delta.get("extra_content"):
                self._sign_late(known, extra)
            return
        waiting = self._unnamed.pop(index, None)
        if waiting is not None:
            delta = _joined(waiting, delta)
        if _name(delta):
            self._start_call(index, delta)
        else:
            self._unnamed[index] = delta

    def _start_call(self, index: int, call: Json) -> None:
        self._unnamed.pop(index, None)
        if extra := call.get("extra_content"):
            self._reasoning().extras[call.get("id") or ""] = extra
        self._close("completed")
        self._flush_details()
        raw = call.get("type") == "custom"
        tool = self._tools.named(_name(call))
        if raw:
            tool = tool._replace(custom=True)
        started = CallItem(self._emit, self._output, self._id, call.get("id") or "", tool, raw=raw)
        self._calls[index] = self._open_calls[index] = started
        started.add(arguments_of(call))

    def _sign_late(self, call: CallItem, extra: Any) -> None:
        item = ReasoningItem(self._emit, self._output, self._id)
        item.extras[call.item["call_id"]] = extra
        item.close("completed")


def _name(call: Json) -> str:
    return tool_of(call).get("name") or ""


def _joined(earlier: Json, later: Json) -> Json:
    """Returns a call's beginning, continued by a delta."""
    kind = "custom" if "custom" in earlier else "function"
    tool = {**tool_of(earlier), **{name: value for name, value in tool_of(later).items() if value}}
    tool["input" if kind == "custom" else "arguments"] = arguments_of(earlier) + arguments_of(later)
    return {**earlier, **later, kind: tool}


def _logprobs(logprobs: Any) -> list[Json]:
    """Returns log probabilities in the shape of the Responses API."""
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    return [
        {
            **token,
            "bytes": token.get("bytes") or [],
            "top_logprobs": [{**each, "bytes": each.get("bytes") or []} for each in token.get("top_logprobs") or ()],
        }
        for token in tokens or ()
    ]
