"""Configures logging: destination, format, and filters."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from arouter.config.environment import LogFormat

_EVENTS_INTERVAL = 0.1
"""Seconds within which the events of calls are written."""

Render = Callable[[dict[str, Any]], str]


def configure_logs(form: LogFormat, level: str) -> None:
    """Logs all records of Python's `logging` to stderr.

    Args:
        form: JSON, one object per line, or text for a terminal.
        level: The minimum level. Third-party libraries log nothing below INFO, because some would log all they send.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(_as_json if form == "json" else _as_text()))
    logging.basicConfig(level=max(logging.INFO, logging.getLevelNamesMapping()[level]), handlers=[handler])
    logging.getLogger("arouter").setLevel(level)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_of_use)
    logging.captureWarnings(capture=True)
    # No line contains its thread, process or source location, which would take a third of its cost (Python's logging
    # HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def event_writer(name: str) -> Callable[[str, dict[str, Any]], None]:
    """Returns what writes events with fields under a logger's name at INFO, where `configure_logs` has logs written.

    For events of every call: it takes a fraction of the time of a logger, which makes and formats a record for each.
    """
    logger = logging.getLogger(name)
    handler = next((each for each in logging.getLogger().handlers if isinstance(each.formatter, _Lines)), None)
    if not isinstance(handler, logging.StreamHandler) or not isinstance(handler.formatter, _Lines):
        return lambda event, fields: logger.info(event, extra={"fields": fields})
    if not logger.isEnabledFor(logging.INFO):
        return lambda _event, _fields: None
    writer = _EventWriter(name, handler, handler.formatter.render)
    atexit.register(writer.flush)
    return writer


class _EventWriter:
    """Writes the events of a moment together. Those of the last moment are lost if the process is killed.

    Args:
        name: The logger's name.
        handler: Writes the lines of loggers.
        render: Formats an event.
    """

    def __init__(self, name: str, handler: logging.StreamHandler[Any], render: Render) -> None:
        self._name = name
        self._stream = handler.stream
        self._lock = handler.lock or threading.RLock()
        self._render = render
        self._waiting: list[tuple[float, str, dict[str, Any]]] = []

    def __call__(self, event: str, fields: dict[str, Any]) -> None:
        """Writes an event soon; at once outside of an event loop."""
        self._waiting.append((time.time(), event, fields))
        if len(self._waiting) == 1:
            try:
                asyncio.get_running_loop().call_later(_EVENTS_INTERVAL, self.flush)
            except RuntimeError:
                self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        waiting, self._waiting = self._waiting, []
        lines = [
            self._render(
                {
                    "time": datetime.fromtimestamp(moment, UTC),
                    "level": "info",
                    "logger": self._name,
                    "event": event,
                    **fields,
                }
            )
            for moment, event, fields in waiting
        ]
        with self._lock, contextlib.suppress(OSError, ValueError):  # A log without a reader must not end anything.
            self._stream.write("".join([f"{line}\n" for line in lines]))
            self._stream.flush()


class _Lines(logging.Formatter):
    """Formats a record as one line. `extra={"fields": …}` adds fields to it.

    structlog's own ProcessorFormatter copies each record first, which takes twice as long.
    """

    def __init__(self, render: Render) -> None:
        super().__init__()
        self.render = render

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            event.update(fields)
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return self.render(event)


def _as_json(event: dict[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z).decode()
    except orjson.JSONEncodeError:  # for example a lone surrogate in a client's message
        return json.dumps(event, default=str)


def _as_text() -> Render:
    """Renders `2026-01-31 12:00:00.123 INFO arouter.server.app serving on ...`, with fields as `name=value`."""
    # Imported only for terminals; JSON, the production format, does not need it.
    from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter, plain_traceback

    def column(name: str, show: Callable[[Any], str] = str) -> Column:
        return Column(name, KeyValueColumnFormatter(None, "", "", show))

    fields = Column("", KeyValueColumnFormatter("", "", "", lambda value: "-" if value is None else str(value)))
    columns = [column("time", _local), column("level", str.upper), column("logger"), column("event"), fields]
    renderer = ConsoleRenderer(columns=columns, sort_keys=False, exception_formatter=plain_traceback)
    return lambda event: str(renderer(None, "", event))


def _local(moment: datetime) -> str:
    return moment.astimezone().isoformat(" ", "milliseconds")[:23]


def _is_of_use(record: logging.LogRecord) -> bool:
    """Drops harmful or misleading messages of grpcio.

    - For metadata that is not UTF-8 it logs the value, which may be a mistyped key.
    - A client that disconnects, or rejects a response as too large, during the last message is logged as an error with
      a traceback.
    """
    return not str(record.msg).startswith(("Invalid encoding on", "ExecuteBatchError raised in core"))
