"""Where the service's log goes, and what never gets into it."""

from __future__ import annotations

import logging
import sys

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def configure_logs() -> None:
    """Logs to stderr from level INFO on."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=_FORMAT)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_shows_no_metadata)


def _shows_no_metadata(record: logging.LogRecord) -> bool:
    """Drops what grpcio says of metadata that is not UTF-8: it prints the value, and that may be a key with a typo."""
    return not str(record.msg).startswith("Invalid encoding on")
