"""Converts an `ARouterError` to the status of a gRPC call, from which the gateway derives its REST response."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, NoReturn

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from arouter.errors import ARouterError, Failure, StoreError
from arouter.rpc.context import Context, client_present, remaining_of

DOMAIN = "arouter"
"""`ErrorInfo.domain` of every error."""

_RETRY_STORE = 5

_MAX_PUSHBACK = 60.0
"""Maximum seconds for which a channel waits before a retry: it waits within the call, unnoticed by the caller."""

_log = logging.getLogger(__name__)


async def abort(context: Context, error: ARouterError, body: Mapping[str, Any]) -> NoReturn:
    """Ends the call with the status of `error`, and with `body` for REST.

    Trailing metadata carries the error three times: `google.rpc.Status` with `ErrorInfo` for gRPC clients, and for the
    gateway's Lua filter the REST body (`x-arouter-error`) and the HTTP status (`x-arouter-status`), because no gRPC
    code maps to 402 or 502.
    """
    code = grpc.StatusCode[error.failure.grpc_code]
    metadata: list[tuple[str, str | bytes]] = [
        # ASCII only, because header values are bytes without an encoding.
        ("x-arouter-error", json.dumps(body, separators=(",", ":"))),
        ("x-arouter-status", str(error.failure.http_status)),
        ("grpc-status-details-bin", _status(code, error).SerializeToString()),
    ]
    if error.retry_after is not None:
        metadata.append(("retry-after", str(error.retry_after)))
        metadata.append(("grpc-retry-pushback-ms", _pushback(error.retry_after, remaining_of(context))))
    if error.provider is not None:
        metadata.append(("x-arouter-provider", error.provider))
    metadata += error.headers
    try:
        with client_present:
            await context.abort(code, error.message, tuple(metadata))
    finally:
        # grpc.aio's context references the exception, which references this frame.
        del context, error


def as_arouter_error(error: Exception) -> ARouterError:
    """Converts an exception to the error that the client sees. Logs unexpected exceptions with their traceback."""
    if isinstance(error, ARouterError):
        return error
    if isinstance(error, StoreError):
        _log.warning("the store failed: %s", error)
        return ARouterError(
            Failure.UNAVAILABLE,
            "The database is unavailable. Try again.",
            retry_after=_RETRY_STORE,
        )
    _log.error("unexpected error in a call", exc_info=error)
    return ARouterError(Failure.INTERNAL, "An internal error occurred. It was logged with the id of this request.")


def _pushback(retry_after: int, remaining: float) -> str:
    """Returns the milliseconds after which a channel with a retry policy may retry, or -1 if it must not.

    It must not if the deadline would pass first: the caller would get DEADLINE_EXCEEDED instead of this error.
    https://github.com/grpc/proposal/blob/master/A6-client-retries.md#pushback
    """
    return str(retry_after * 1000) if retry_after < min(remaining, _MAX_PUSHBACK) else "-1"


def _status(code: grpc.StatusCode, error: ARouterError) -> status_pb2.Status:
    metadata = {"http_status": str(error.failure.http_status), "type": error.failure.type}
    if error.param:
        metadata["param"] = error.param
    if error.code:
        metadata["code"] = error.code
    if error.provider:
        metadata["provider"] = error.provider
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.failure.name, domain=DOMAIN, metadata=metadata)]
    if error.retry_after is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=error.retry_after)))
    status = status_pb2.Status(code=code.value[0], message=error.message)
    for detail in details:
        status.details.add().Pack(detail)
    return status
