"""Every failure a client can see: one table, one exception, one envelope (design §4).

    Failure         a row of the table: gRPC code, HTTP status, OpenAI `type` and `code`
    ARouterError    a Failure that happened, with its message
        ProviderError   the same, made by a provider: what a fallback may follow

A caller raises `ARouterError(Failure.X, "what to do about it")`; the gRPC edge alone turns it into a status.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import orjson

MAX_MESSAGE_BYTES = 1800
"""Length of a message, percent-encoded as `grpc-message` is. It travels three times, as that, in the REST body and in
`google.rpc.Status`, and grpc takes 8 KiB of metadata."""


class Failure(Enum):
    """The error table. A name is the `reason` of `google.rpc.ErrorInfo`; gRPC codes are named as in `grpc.StatusCode`.

    Types are OpenAI's; a `code` is given where a client may want to branch on it.
    """

    INVALID_REQUEST = ("INVALID_ARGUMENT", 400, "invalid_request_error", None)
    INVALID_API_KEY = ("UNAUTHENTICATED", 401, "authentication_error", "invalid_api_key")
    PERMISSION_DENIED = ("PERMISSION_DENIED", 403, "permission_error", None)
    NOT_FOUND = ("NOT_FOUND", 404, "invalid_request_error", None)
    MODEL_NOT_FOUND = ("NOT_FOUND", 404, "invalid_request_error", "model_not_found")
    PAYLOAD_TOO_LARGE = ("INVALID_ARGUMENT", 413, "invalid_request_error", None)
    UNPROCESSABLE = ("INVALID_ARGUMENT", 422, "invalid_request_error", None)
    RATE_LIMITED = ("RESOURCE_EXHAUSTED", 429, "rate_limit_error", "rate_limit_exceeded")
    INTERNAL = ("INTERNAL", 500, "server_error", "internal_error")
    PROVIDER_ERROR = ("UNAVAILABLE", 502, "server_error", "provider_error")
    PROVIDER_UNREACHABLE = ("UNAVAILABLE", 502, "server_error", "provider_unreachable")
    PROVIDER_CREDENTIALS = ("UNAVAILABLE", 502, "server_error", "provider_credentials")
    PROVIDER_BAD_RESPONSE = ("UNAVAILABLE", 502, "server_error", "provider_bad_response")
    UNAVAILABLE = ("UNAVAILABLE", 503, "server_error", "unavailable")
    PROVIDER_TIMEOUT = ("DEADLINE_EXCEEDED", 504, "server_error", "provider_timeout")
    DEADLINE_EXCEEDED = ("DEADLINE_EXCEEDED", 504, "server_error", "deadline_exceeded")

    def __init__(self, grpc_code: str, http_status: int, type_: str, code: str | None) -> None:
        self.grpc_code = grpc_code
        self.http_status = http_status
        self.type = type_
        self.code = code


class ARouterError(Exception):
    """A failure as the client will see it.

    Attributes:
        failure: The row of the table.
        message: For people; says what to do. Never holds a secret. Cut to `MAX_MESSAGE_BYTES`.
        param: The request field at fault, as a path (`messages[2].role`), or None.
        code: Overrides the row's `code` (a provider's own, say).
        retry_after: Whole seconds after which a retry makes sense, or None.
    """

    def __init__(
        self,
        failure: Failure,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__()
        self.failure = failure
        self.message = _shortened(message)
        self.param = param
        self.code = code if code is not None else failure.code
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message

    def envelope(self) -> dict[str, Any]:
        """Returns `{"error": {"message", "type", "param", "code"}}`, OpenAI's shape."""
        return {"error": {"message": self.message, "type": self.failure.type, "param": self.param, "code": self.code}}

    def json(self) -> bytes:
        """Returns the envelope as UTF-8 JSON."""
        return orjson.dumps(self.envelope())


class ProviderError(ARouterError):
    """A failure that a provider caused, as opposed to the caller or ARouter itself."""


def invalid_request(message: str, param: str | None = None) -> ARouterError:
    """Returns the 400 for a field that the caller must mend."""
    return ARouterError(Failure.INVALID_REQUEST, message, param=param)


def _shortened(message: str) -> str:
    size = 0
    for index, character in enumerate(message):
        size += 1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode("utf-8", "replace"))
        if size > MAX_MESSAGE_BYTES:
            return message[:index] + "…"
    return message
