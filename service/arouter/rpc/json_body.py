"""JSON bodies of the management API over REST (docs/decisions/0006)."""

from __future__ import annotations

from typing import Any

import orjson
from google.api.httpbody_pb2 import HttpBody

from arouter.chat.json_bounds import load_json
from arouter.errors import invalid_request


def read_json(body: HttpBody) -> Any:
    """Returns the JSON value of a request body.

    Raises:
        ARouterError: INVALID_REQUEST if there is no body, or it has too many values.
    """
    if not body.data:
        raise invalid_request("The request has no body. Send a JSON object.")
    return load_json(body.data, "The request body")


def json_body(document: object) -> HttpBody:
    """Returns a response body."""
    return HttpBody(content_type="application/json", data=orjson.dumps(document))


DELETED = json_body({"data": {"deleted": True}})
"""The response body of a deletion."""
