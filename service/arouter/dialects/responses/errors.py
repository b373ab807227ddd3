"""Errors in the shapes of the Responses API: OpenAI's envelope, the `error` event and a failed response."""

from __future__ import annotations

from typing import Any

from arouter.errors import ARouterError

Json = dict[str, Any]


def error_event(error: ARouterError) -> Json:
    """Returns the members of an `error` event.

    Those beside `error` are in OpenAI's reference; the official SDK raises an exception only if there is `error`.
    """
    members = {"code": error.code, "message": error.message, "param": error.param}
    return {**members, "error": {"type": error.failure.type, **members}}


def response_error(error: ARouterError) -> Json:
    """Returns the `error` of a failed response, whose codes are `server_error` and those of the request."""
    code = "server_error" if error.failure.http_status >= 500 else error.code or error.failure.type
    return {"code": code, "message": error.message}
