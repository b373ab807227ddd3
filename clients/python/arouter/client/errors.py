"""Failed calls as exceptions.

    CallError                     any failure of a call; the base of:
        InvalidArgumentError      the request: `param` is the path of the invalid field
        UnauthenticatedError      no key, or an invalid one
        PermissionDeniedError     what the key may not do, or a provider's moderation
        NotFoundError             an unknown model, key, account or generation; no provider fits the preferences
        AlreadyExistsError        an id that is in use
        ResourceExhaustedError    a limit of the key or of the provider, or a message that is too large
        FailedPreconditionError   the provider refused the operator's credential
        UnavailableError          the service, the provider or the connection failed
        DeadlineExceededError     the deadline or a timeout has passed
        CallCancelledError        the call was cancelled
        InternalError             a fault of the service or of the connection

`reason` distinguishes failures of the same class (docs/errors.md has the list).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from arouter.client.metadata import REQUEST_ID

_DETAILS = "grpc-status-details-bin"
_HTTP_STATUS = re.compile("[1-5][0-9]{2}")


class CallError(Exception):
    """A call that failed.

    Attributes:
        message: What went wrong, for people.
        status: The gRPC status.
        reason: The kind of failure, such as `RATE_LIMITED`; empty if the error comes from the client or the connection.
        param: The path of the invalid field of the request, or None.
        code: A code to branch on, as in OpenAI's API, or None.
        http_status: The HTTP status of the same error over REST, or None.
        provider: The id of the provider that failed or refused, or None.
        retry_delay: Seconds after which a retry makes sense, or None.
        request_id: The id of the call in the service's logs, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        param: str | None = None,
        code: str | None = None,
        http_status: int | None = None,
        provider: str | None = None,
        retry_delay: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.param = param
        self.code = code
        self.http_status = http_status
        self.provider = provider
        self.retry_delay = retry_delay
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.reason or self.status.name}: {self.message}"


class InvalidArgumentError(CallError):
    """The request is invalid; `param` names the field."""


class UnauthenticatedError(CallError):
    """There is no key, or it is invalid, revoked or expired."""


class PermissionDeniedError(CallError):
    """The key may not do this, or the provider's moderation refused it."""


class NotFoundError(CallError):
    """What is asked for does not exist, or no provider fits the request's preferences."""


class AlreadyExistsError(CallError):
    """The id is in use."""


class ResourceExhaustedError(CallError):
    """A limit of the key or of the provider is reached, or a message is larger than the receiver accepts."""


class FailedPreconditionError(CallError):
    """The provider refused the operator's credential."""


class UnavailableError(CallError):
    """The service, the provider or the connection failed."""


class DeadlineExceededError(CallError):
    """The deadline of the call, or a timeout of the service, has passed."""


class CallCancelledError(CallError):
    """The call was cancelled. A task that is cancelled gets `asyncio.CancelledError` instead."""


class InternalError(CallError):
    """A fault of the service or of the connection."""


_CLASSES: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPreconditionError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.CANCELLED: CallCancelledError,
    grpc.StatusCode.INTERNAL: InternalError,
}


def call_error(error: grpc.RpcError, request_id: str | None = None) -> CallError:
    """Returns the exception for an error of grpc or grpc.aio.

    Args:
        error: What grpc raised.
        request_id: The id that the client sent, if it sent one.
    """
    # grpc's own type has none of the methods that every error raised by a call has.
    call: Any = error
    trailing = _pairs(call.trailing_metadata())
    status: grpc.StatusCode = call.code()
    info, retry_delay = _details(trailing.get(_DETAILS))
    found = info.metadata
    request_id = trailing.get(REQUEST_ID) or _pairs(call.initial_metadata()).get(REQUEST_ID) or request_id
    return _CLASSES.get(status, CallError)(
        call.details() or "",
        status=status,
        reason=info.reason,
        param=found.get("param"),
        code=found.get("code"),
        http_status=_http_status(found.get("http_status", "")),
        provider=found.get("provider"),
        retry_delay=retry_delay,
        request_id=request_id,
    )


def _http_status(text: str) -> int | None:
    return int(text) if _HTTP_STATUS.fullmatch(text) else None


def _pairs(metadata: Iterable[tuple[str, Any]] | None) -> dict[str, Any]:
    return dict(metadata or ())


def _details(data: bytes | None) -> tuple[ErrorInfo, float | None]:
    """Returns the `ErrorInfo` of a serialized `google.rpc.Status`, and the seconds of its `RetryInfo`."""
    info, retry, seconds = ErrorInfo(), RetryInfo(), None
    try:
        for detail in Status.FromString(data or b"").details:
            if not detail.Unpack(info) and detail.Unpack(retry):
                delay = retry.retry_delay  # not as a timedelta, whose range is smaller
                seconds = max(0.0, delay.seconds + delay.nanos / 1e9)
    except DecodeError:  # of another program between client and service
        return ErrorInfo(), None
    return info, seconds
