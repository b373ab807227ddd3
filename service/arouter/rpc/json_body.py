"""JSON bodies over REST (docs/decisions/0006)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from google.api.httpbody_pb2 import HttpBody

from arouter.accounts.paging import Page
from arouter.chat.json_bounds import load_json
from arouter.errors import Failure, ProviderError, invalid_request

_Item = TypeVar("_Item")


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


def answer_body(document: object) -> HttpBody:
    """Returns the response body of a provider's response.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it is nested too deeply.
    """
    try:
        return HttpBody(content_type="application/json", data=orjson.dumps(document))
    except orjson.JSONEncodeError as error:
        raise too_deep() from error


def too_deep() -> ProviderError:
    """Returns the error for a response that could be read but not written: orjson's nesting limits differ."""
    return ProviderError(Failure.PROVIDER_BAD_RESPONSE, "The provider's response is nested too deeply.")


def page_body(page: Page[_Item], document_of: Callable[[_Item], Any]) -> HttpBody:
    """Returns the response body of a page."""
    return json_body({"data": [*map(document_of, page.items)], "next_page_token": page.next_token or None})


DELETED = json_body({"data": {"deleted": True}})
"""The response body of a deletion."""
