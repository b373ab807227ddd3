"""Configures logging: destination, format, and filters."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from arouter.config.environment import LogFormat

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

    For events of every call: it takes a third of the time of a logger, which makes and formats a record for each.
    """
    logger = logging.getLogger(name)
    handler = next((each for each in logging.getLogger().handlers if isinstance(each.formatter, _Lines)), None)
    if not isinstance(handler, logging.StreamHandler) or not isinstance(handler.formatter, _Lines):
        return lambda event, fields: logger.info(event, extra={"fields": fields})
    if not logger.isEnabledFor(logging.INFO):
        return lambda _event, _fields: None
    render, stream, lock = handler.formatter.render, handler.stream, handler.lock or threading.RLock()

    def write(event: str, fields: dict[str, Any]) -> None:
        moment = datetime.now(UTC)
        line = render({"time": moment, "level": "info", "logger": name, "event": event, **fields}) + "\n"
        lock.acquire()
        try:
            stream.write(line)
        except (OSError, ValueError):
            pass  # As a handler does: a log without a reader must not end a call.
        finally:
            lock.release()

    return write


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
