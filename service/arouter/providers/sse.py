"""A byte-level parser of server-sent events.

Source: WHATWG HTML, "Server-sent events", parsing and interpreting an event stream. Only the fields `data` and `event`
are relevant to a chat stream.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_IDLE_LINES = 10_000
"""Maximum number of consecutive comments and other lines without data; at 15 seconds each, nearly two days."""

_LINE_BYTES = 32
"""Overhead of a line of data in the size limit, because even an empty one is an object."""

_DATA = b"data: "
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class ServerSentEvent(NamedTuple):
    """One event.

    Attributes:
        data: The `data` lines, joined with a line feed; UTF-8, not decoded.
        event: The `event` field, or an empty string.
    """

    data: bytes
    event: bytes = b""


class EventTooLargeError(ValueError):
    """An event exceeds the size limit, or too many lines without data precede it."""


class SseParser:
    """Splits a byte stream into events, independent of how the network has split it.

    Supports all line endings (LF, CR LF, CR), `data:` with or without a space, and comments. Bytes are not decoded, so
    a character that is split between two reads needs no special handling.
    """

    __slots__ = (
        "_after_cr",
        "_data",
        "_data_size",
        "_event",
        "_idle_lines",
        "_limit",
        "_pending",
        "_pending_size",
        "_started",
    )

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._event = b""
        self._idle_lines = 0
        self._after_cr = False
        self._started = False

    def feed(self, received: bytes) -> list[ServerSentEvent]:
        """Returns the events that `received` completes.

        Raises:
            EventTooLargeError: An event exceeds the limit, or there are more than `MAX_IDLE_LINES` without data.
        """
        if (
            received.startswith(_DATA)
            and received.endswith(b"\n\n")
            and b"\r" not in received
            and not (self._pending or self._data or self._event or self._after_cr)
        ):
            # Fast path: complete events of one line each, as nearly all providers send them.
            data = received[len(_DATA) : -2]
            if b"\n" not in data:
                self._started = True
                if len(data) >= self._limit:
                    self._check(len(data) + 1)
                return [ServerSentEvent(data)]
            several = data.split(b"\n\n" + _DATA)
            if data.count(b"\n") == 2 * len(several) - 2:
                self._started = True
                self._check(max(map(len, several)) + 1)
                return [ServerSentEvent(each) for each in several]
        if self._after_cr and received:
            self._after_cr = False
            received = received.removeprefix(b"\n")
        if b"\r" in received:
            self._after_cr = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in received:
            self._keep(received)
            return []
        *lines, rest = received.split(b"\n")
        if self._pending:
            lines[0] = b"".join(self._pending) + lines[0]
            self._pending.clear()
            self._pending_size = 0
        if not self._started:
            self._started = True
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        events = [event for line in lines if (event := self._line(line)) is not None]
        if rest:
            self._keep(rest)
        return events

    def _keep(self, part: bytes) -> None:
        self._pending.append(part)
        self._pending_size += len(part)
        self._check(self._pending_size + self._data_size)

    def _line(self, line: bytes) -> ServerSentEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._idle_lines = 0
            self._data.append(value)
            self._data_size += len(value) + _LINE_BYTES
            self._check(self._data_size)
            return None
        if field == b"event":
            self._event = value
        self._note_idle()
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, event = self._data, self._event
        self._data, self._data_size, self._event = [], 0, b""
        if not data:
            self._note_idle()
            return None
        return ServerSentEvent(b"\n".join(data) if len(data) > 1 else data[0], event)

    def _note_idle(self) -> None:
        self._idle_lines += 1
        if self._idle_lines > MAX_IDLE_LINES:
            raise EventTooLargeError(f"{MAX_IDLE_LINES} lines of a stream without data")

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise EventTooLargeError(f"an event of more than {self._limit} bytes")
