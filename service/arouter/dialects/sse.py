"""Writes server-sent events (WHATWG HTML, "Server-sent events"). Pure.

Their data is JSON on one line, in which line breaks are escaped.
"""

from __future__ import annotations

from typing import Any

import orjson

Json = dict[str, Any]

_LINE_BREAKS = {ord("\n"): None, ord("\r"): None}


def event(data: Json) -> bytes:
    """Returns an event without a name."""
    return b"data: %b\n\n" % orjson.dumps(data)


def typed_event(data: Json) -> bytes:
    """Returns an event that is named by its member `type`, a text of ARouter's own."""
    return b"event: %b\ndata: %b\n\n" % (data["type"].encode(), orjson.dumps(data))


def native_event(name: str, data: Json) -> bytes:
    """Returns a provider's event, named by its member `type`, without line breaks, which would end the name's line.

    Args:
        name: The name that the provider gave it, which counts if `type` is missing. May be empty.
        data: Its JSON value, which is sent as it is.
    """
    kind = data.get("type")
    named = (kind if isinstance(kind, str) and kind else name).translate(_LINE_BREAKS)
    return b"event: %b\ndata: %b\n\n" % (named.encode("utf-8", "replace"), orjson.dumps(data)) if named else event(data)
