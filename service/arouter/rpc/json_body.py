"""JSON bodies of management over REST (docs/decisions/0006)."""

from __future__ import annotations

from typing import Any

import orjson
from google.api.httpbody_pb2 import HttpBody

from arouter.chat.json_bounds import load_json
from arouter.errors import invalid_request


def read_json(body: HttpBody) -> Any:
    """Returns the JSON value in a request's body.

    Raises:
        ARouterError: INVALID_REQUEST; there is none, or it has too many values.
    """
    if not body.data:
        raise invalid_request("The request has no body. Send a JSON object.")
    return load_json(body.data, "The request body")


def json_body(document: object) -> HttpBody:
    """Returns a response's body."""
    return HttpBody(content_type="application/json", data=orjson.dumps(document))


DELETED = json_body({"data": {"deleted": True}})
"""The body of an answer that something has been deleted."""
