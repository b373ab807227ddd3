"""The content blocks of a streamed message: one is open at a time, and their indices rise.

Canonical tool calls may be streamed side by side. Deltas of another block therefore wait until the arguments of the
open call are complete JSON, or the stream ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, TypeVar

from typing_extensions import override

from arouter.chat.tool_arguments import arguments_of, is_object, tool_of
from arouter.dialects.messages.thoughts import call_signature, is_hidden, redacted_block, signature_of, text_of

Json = dict[str, Any]
_B = TypeVar("_B", bound="_Block")


class Blocks:
    """Collects the deltas of a message, and returns the events of its blocks.

    Attributes:
        called: Whether there are tool calls.
    """

    def __init__(self) -> None:
        self.called = False
        self._events: list[Json] = []
        self._index = -1
        self._open: _Block | None = None
        self._waiting: list[_Block] = []
        self._calls: dict[Any, _Call] = {}

    def write(self, text: str, key: Any = None) -> None:
        """Appends text to the last block if that has the same key, as the parts of one text have."""
        self._block(key, _Text).deltas.append({"type": "text_delta", "text": text})

    def cite(self, citation: Json) -> None:
        """Adds a citation of the latest text. It is left out if another block has begun since."""
        latest = self._waiting[-1] if self._waiting else self._open
        if isinstance(latest, _Text) and latest.key is None:
            latest.deltas.append({"type": "citations_delta", "citation": citation})

    def think(self, detail: Json) -> None:
        """Appends reasoning."""
        if is_hidden(detail):
            self._add_whole(redacted_block(detail))
            return
        self._block(detail.get("index"), _Thinking).take(detail)

    def call(self, piece: Json) -> None:
        """Appends to a tool call."""
        self.called = True
        number = piece.get("index")
        known = self._calls.get(number)
        if known is None:
            self._add_whole(call_signature(piece))
            known = self._calls[number] = _Call(number)
            self._waiting.append(known)
        # What follows complete arguments can only be empty.
        if not known.is_closed:
            known.take(piece)

    def events(self) -> list[Json]:
        """Returns the events since the last call."""
        self._advance(at_end=False)
        events, self._events = self._events, []
        return events

    def finish(self) -> list[Json]:
        """Returns the remaining events, after which no block is open."""
        self._advance(at_end=True)
        if self._open is not None:
            self._close(self._open)
        events, self._events = self._events, []
        return events

    def _block(self, key: Any, kind: type[_B]) -> _B:
        """Returns the last block, if it has this key and can still grow, or a new one that waits for its turn."""
        latest = self._waiting[-1] if self._waiting else self._open
        if isinstance(latest, kind) and latest.key == key:
            return latest
        new = kind(key)
        self._waiting.append(new)
        return new

    def _add_whole(self, content: Json | None) -> None:
        if content is not None:
            self._waiting.append(_Whole(content))

    def _advance(self, *, at_end: bool) -> None:
        """Sends the deltas of the open block, then those of the blocks that wait, as far as their turn has come."""
        while True:
            if self._open is not None:
                self._send(self._open)
            if not self._waiting or not (self._open is None or at_end or self._open.is_complete()):
                return
            if self._open is not None:
                self._close(self._open)
            self._open = self._waiting.pop(0)
            self._index += 1
            start = {"type": "content_block_start", "index": self._index, "content_block": self._open.start()}
            self._events.append(start)

    def _send(self, block: _Block) -> None:
        for delta in block.deltas:
            self._events.append({"type": "content_block_delta", "index": self._index, "delta": delta})
        block.deltas.clear()

    def _close(self, block: _Block) -> None:
        block.is_closed = True
        block.end()
        self._send(block)
        self._events.append({"type": "content_block_stop", "index": self._index})
        self._open = None


class _Block(ABC):
    """One block with the deltas that have not been sent."""

    def __init__(self, key: Any) -> None:
        self.key = key
        self.is_closed = False
        self.deltas: list[Json] = []

    @abstractmethod
    def start(self) -> Json:
        """Returns the block's beginning."""

    def is_complete(self) -> bool:
        """Returns whether it may be closed when another block begins."""
        return True

    def end(self) -> None:  # noqa: B027 - most need nothing
        """Adds the deltas that precede its end."""


class _Whole(_Block):
    """A block without deltas."""

    def __init__(self, content: Json) -> None:
        super().__init__(None)
        self._content = content

    @override
    def start(self) -> Json:
        return self._content


class _Text(_Block):
    @override
    def start(self) -> Json:
        return {"type": "text", "text": ""}


class _Thinking(_Block):
    """Its signature is sent last, when its format and all of its pieces are known."""

    def __init__(self, key: Any) -> None:
        super().__init__(key)
        self._detail: Json = {}

    @override
    def start(self) -> Json:
        return {"type": "thinking", "thinking": "", "signature": ""}

    def take(self, detail: Json) -> None:
        if text := text_of(detail):
            self.deltas.append({"type": "thinking_delta", "thinking": text})
        signature = detail.get("signature")
        more = {name: value for name, value in detail.items() if name not in ("text", "summary") and value is not None}
        earlier = self._detail.get("signature", "")
        self._detail |= more
        if isinstance(signature, str):
            self._detail["signature"] = earlier + signature

    @override
    def end(self) -> None:
        if signature := signature_of(self._detail):
            self.deltas.append({"type": "signature_delta", "signature": signature})


class _Call(_Block):
    def __init__(self, key: Any) -> None:
        super().__init__(key)
        self._id = self._name = ""
        self._pieces: list[str] = []

    @override
    def start(self) -> Json:
        return {"type": "tool_use", "id": self._id, "name": self._name, "input": {}}

    def take(self, piece: Json) -> None:
        self._id = self._id or piece.get("id") or ""
        self._name = self._name or tool_of(piece).get("name") or ""
        if text := arguments_of(piece):
            self._pieces.append(text)
            self.deltas.append({"type": "input_json_delta", "partial_json": text})

    @override
    def is_complete(self) -> bool:
        return is_object("".join(self._pieces))

    @override
    def end(self) -> None:
        if not self._pieces:
            self.deltas.append({"type": "input_json_delta", "partial_json": "{}"})
