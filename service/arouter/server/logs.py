"""Where the service's log goes, in which form, and what never gets into it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from arouter.config.environment import LogFormat

Render = Callable[[dict[str, Any]], str]


def configure_logs(form: LogFormat, level: str) -> None:
    """Logs to stderr, whatever writes by Python's `logging`.

    Args:
        form: JSON, one object a line, or text for people.
        level: From which one on. Other people's libraries say nothing below INFO: some of them print all they send.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(_as_json if form == "json" else _as_text()))
    logging.basicConfig(level=max(logging.INFO, logging.getLevelNamesMapping()[level]), handlers=[handler])
    logging.getLogger("arouter").setLevel(level)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_of_use)
    logging.captureWarnings(capture=True)
    # No line says from where in the code, thread or process it comes, and finding out is a third of what one costs
    # (Python's logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class _Lines(logging.Formatter):
    """Makes a record a line; what its `extra` names `fields` are fields of the line.

    structlog's own ProcessorFormatter copies each record first, and takes twice as long.
    """

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

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
        return self._render(event)


def _as_json(event: dict[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z).decode()
    except orjson.JSONEncodeError:  # Half of a surrogate pair in somebody's message, say.
        return json.dumps(event, default=str)


def _as_text() -> Render:
    """Returns what renders `2026-01-31 12:00:00.123 INFO arouter.server.app serving on ...`, fields as `name=value`."""
    # Imported only for people: JSON, which production logs, has no need of it.
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
    """Drops what grpcio should not say.

    - Of metadata that is not UTF-8 it prints the value, and that may be a key with a typo.
    - A client that goes away, or refuses an answer as too large, while the last of it is sent is an error to it, with a
      traceback.
    """
    return not str(record.msg).startswith(("Invalid encoding on", "ExecuteBatchError raised in core"))
