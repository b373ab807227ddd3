"""The output items of one response as they grow, each with its events.

An item is added to the output when it begins, and has its final form when it is closed. Its id is that of the response
with its place, so that it is the same in all events.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from arouter.chat.reasoning_details import OPENAI_FORMAT, add_details
from arouter.chat.sealed_reasoning import seal
from arouter.chat.tool_arguments import is_object
from arouter.dialects.responses.response import flat_annotation, refusal_part, text_part
from arouter.dialects.responses.tools import Tool, argument_text

Json = dict[str, Any]
Emit = Callable[[str, Json], None]
"""Emits an event of a type, with its members."""


class Item(ABC):
    """An item of the output.

    Args:
        emit: Emits an event.
        output: The response's output, to which the item is added.
        response_id: The response's id.
        item: The item's first form, without its id.
    """

    prefix: str
    """The prefix of its id."""

    def __init__(self, emit: Emit, output: list[Json], response_id: str, item: Json) -> None:
        self._emit = emit
        self.item = {"id": f"{self.prefix}_{response_id}_{len(output)}", **item}
        self._place = {"output_index": len(output)}
        self._here = {"item_id": self.item["id"], **self._place}
        output.append(self.item)
        emit("response.output_item.added", {**self._place, "item": self.item})

    def close(self, status: str) -> None:
        """Ends the item. `status` is `completed` or `incomplete`."""
        self._finish()
        if "status" in self.item:
            self.item["status"] = status
        self._emit("response.output_item.done", {**self._place, "item": self.item})

    @abstractmethod
    def _finish(self) -> None:
        """Ends what the item holds."""


class MessageItem(Item):
    """A message of texts and refusals."""

    prefix = "msg"

    def __init__(self, emit: Emit, output: list[Json], response_id: str) -> None:
        message: Json = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
        super().__init__(emit, output, response_id, message)
        self._part: Json | None = None
        self._pieces: list[str] = []

    def add_text(self, text: str, logprobs: list[Json]) -> None:
        """Adds to the text."""
        part = self._open("output_text")
        part["logprobs"] += logprobs
        self._pieces.append(text)
        self._emit("response.output_text.delta", {**self._at, "delta": text, "logprobs": logprobs})

    def add_refusal(self, text: str) -> None:
        """Adds to the refusal."""
        self._open("refusal")
        self._pieces.append(text)
        self._emit("response.refusal.delta", {**self._at, "delta": text})

    def add_annotations(self, annotations: list[Json]) -> None:
        """Adds annotations to the text."""
        part = self._open("output_text")
        for annotation in map(flat_annotation, annotations):
            place = {**self._at, "annotation_index": len(part["annotations"])}
            part["annotations"].append(annotation)
            self._emit("response.output_text.annotation.added", {**place, "annotation": annotation})

    @property
    def _at(self) -> Json:
        return {**self._here, "content_index": len(self.item["content"]) - 1}

    def _open(self, kind: str) -> Json:
        if self._part is None or self._part["type"] != kind:
            self._finish()
            self._part = text_part() if kind == "output_text" else refusal_part()
            self.item["content"].append(self._part)
            self._emit("response.content_part.added", {**self._at, "part": self._part})
        return self._part

    @override
    def _finish(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        text, self._pieces = "".join(self._pieces), []
        if part["type"] == "output_text":
            part["text"] = text
            self._emit("response.output_text.done", {**self._at, "text": text, "logprobs": part["logprobs"]})
        else:
            part["refusal"] = text
            self._emit("response.refusal.done", {**self._at, "refusal": text})
        self._emit("response.content_part.done", {**self._at, "part": part})


class ReasoningItem(Item):
    """Reasoning: its text as a summary, and the provider's own form as encrypted content.

    Attributes:
        details: The canonical `reasoning_details`.
        extras: The `extra_content` of tool calls, by their ids.
        images: Images with a signature.
    """

    prefix = "rs"

    def __init__(self, emit: Emit, output: list[Json], response_id: str) -> None:
        super().__init__(emit, output, response_id, {"type": "reasoning", "summary": []})
        self.details: list[Json] = []
        self.extras: Json = {}
        self.images: list[Json] = []
        self._pieces: list[str] = []

    def add_text(self, text: str) -> None:
        """Adds to the text."""
        part: Json = {"type": "summary_text", "text": ""}
        if not self._pieces:
            self.item["summary"].append(part)
            self._emit("response.reasoning_summary_part.added", {**self._at, "part": part})
        self._pieces.append(text)
        self._emit("response.reasoning_summary_text.delta", {**self._at, "delta": text})

    @property
    def _at(self) -> Json:
        return {**self._here, "summary_index": 0}

    @override
    def _finish(self) -> None:
        if self._pieces:
            text = "".join(self._pieces)
            part = self.item["summary"][0]
            part["text"] = text
            self._emit("response.reasoning_summary_text.done", {**self._at, "text": text})
            self._emit("response.reasoning_summary_part.done", {**self._at, "part": part})
        encrypted = self._encrypted()
        if encrypted is not None:
            self.item["encrypted_content"] = encrypted

    def _encrypted(self) -> str | None:
        own = [detail for detail in self.details if detail.get("format") == OPENAI_FORMAT]
        if own and own == self.details and not self.extras and isinstance(own[-1].get("data"), str):
            data: str = own[-1]["data"]
            return data
        held = {"reasoning_details": self.details, "tool_calls": self.extras, "images": self.images}
        contents = {name: value for name, value in held.items() if value}
        return seal(contents) if contents else None

    def add_details(self, details: Any) -> None:
        """Adds reasoning details of a chunk."""
        add_details(self.details, details)


class CallItem(Item):
    """A call of a function or of a custom tool.

    Args:
        emit: Emits an event.
        output: The response's output.
        response_id: The response's id.
        call_id: The call's id.
        tool: The called tool.
        raw: Whether a custom tool's text comes as it is, not as the argument of a function.
    """

    def __init__(
        self, emit: Emit, output: list[Json], response_id: str, call_id: str, tool: Tool, *, raw: bool
    ) -> None:
        self._custom = tool.custom
        self._member = "input" if tool.custom else "arguments"
        self._event = "response.custom_tool_call_input" if tool.custom else "response.function_call_arguments"
        self._raw = raw
        self._pieces: list[str] = []
        self.prefix = "ctc" if tool.custom else "fc"
        item: Json = {
            "type": "custom_tool_call" if tool.custom else "function_call",
            "status": "in_progress",
            "call_id": call_id,
            "name": tool.name,
            self._member: "",
        }
        if tool.namespace is not None:
            item["namespace"] = tool.namespace
        super().__init__(emit, output, response_id, item)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a complete JSON object."""
        return is_object("".join(self._pieces))

    def add(self, text: str) -> None:
        """Adds to the arguments."""
        if not text:
            return
        self._pieces.append(text)
        if not self._custom or self._raw:
            self._emit(f"{self._event}.delta", {**self._here, "delta": text})

    @override
    def _finish(self) -> None:
        text = "".join(self._pieces)
        if self._custom and not self._raw:
            text = argument_text(text)
            self._emit(f"{self._event}.delta", {**self._here, "delta": text})
        elif not text and not self._custom:
            # Clients parse the arguments.
            text = "{}"
            self._emit(f"{self._event}.delta", {**self._here, "delta": text})
        self.item[self._member] = text
        named = {} if self._custom else {"name": self.item["name"]}
        self._emit(f"{self._event}.done", {**self._here, **named, self._member: text})


class ImageItem(Item):
    """A generated image, complete when it begins."""

    prefix = "ig"

    def __init__(self, emit: Emit, output: list[Json], response_id: str, url: str) -> None:
        described, _, data = url.partition(",")
        image: Json = {"type": "image_generation_call", "status": "generating", "result": data}
        format_ = described.removeprefix("data:").partition(";")[0].partition("/")[2]
        if format_:
            image["output_format"] = format_
        super().__init__(emit, output, response_id, image)

    @override
    def _finish(self) -> None:
        pass
