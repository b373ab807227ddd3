"""Errors returned to clients: one table, one exception type and one envelope (design §4).

    Failure         a row of the table: gRPC code, HTTP status, OpenAI `type` and `code`
    ARouterError    an occurrence of a Failure, with its message
        ProviderError   an error caused by a provider, which may be retried at another one

Code raises `ARouterError(Failure.X, "what to do about it")`; only the gRPC layer converts it to a status.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any

import orjson

MAX_MESSAGE_COST = 5000
"""Maximum size of a message in metadata, in bytes. Metadata carries the message three times (`grpc-message`, the REST
body and `google.rpc.Status`), and grpc limits all metadata to 8 KiB."""

NOT_BEGUN = ("x-arouter-not-begun", "true")
"""Error header that tells the gateway that no work was done for the call, so that it may retry at another service."""

_MAX_CHARACTER_COST = 30
"""Largest encoded size of one character, in bytes, over all three encodings."""

_MAX_NAME = 64
"""Maximum length of `param` and `code`, in characters."""


class Failure(Enum):
    """The error table. Names are the `reason` of `google.rpc.ErrorInfo`; gRPC codes are named as in `grpc.StatusCode`.

    Types are OpenAI's. A `code` is set where a client may want to branch on it.
    """

    INVALID_REQUEST = ("INVALID_ARGUMENT", 400, "invalid_request_error", None)
    CONTEXT_LENGTH_EXCEEDED = ("INVALID_ARGUMENT", 400, "invalid_request_error", "context_length_exceeded")
    INVALID_API_KEY = ("UNAUTHENTICATED", 401, "authentication_error", "invalid_api_key")
    SPENDING_LIMIT = ("RESOURCE_EXHAUSTED", 402, "payment_required", "spending_limit_reached")
    PERMISSION_DENIED = ("PERMISSION_DENIED", 403, "permission_error", None)
    NOT_FOUND = ("NOT_FOUND", 404, "invalid_request_error", None)
    MODEL_NOT_FOUND = ("NOT_FOUND", 404, "invalid_request_error", "model_not_found")
    NO_PROVIDER = ("NOT_FOUND", 404, "invalid_request_error", "no_provider")
    REQUEST_TIMEOUT = ("DEADLINE_EXCEEDED", 408, "invalid_request_error", "request_timeout")
    ALREADY_EXISTS = ("ALREADY_EXISTS", 409, "invalid_request_error", "already_exists")
    PAYLOAD_TOO_LARGE = ("INVALID_ARGUMENT", 413, "invalid_request_error", None)
    UNPROCESSABLE = ("INVALID_ARGUMENT", 422, "invalid_request_error", None)
    RATE_LIMITED = ("RESOURCE_EXHAUSTED", 429, "rate_limit_error", "rate_limit_exceeded")
    INTERNAL = ("INTERNAL", 500, "server_error", "internal_error")
    UNIMPLEMENTED = ("UNIMPLEMENTED", 501, "invalid_request_error", None)
    PROVIDER_ERROR = ("UNAVAILABLE", 502, "server_error", "provider_error")
    PROVIDER_UNREACHABLE = ("UNAVAILABLE", 502, "server_error", "provider_unreachable")
    PROVIDER_CREDENTIALS = ("FAILED_PRECONDITION", 502, "server_error", "provider_credentials")
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
    """An error as the client sees it.

    Attributes:
        failure: The row of the error table.
        retry_after: Whole seconds after which a retry makes sense, at least 1, or None.
        detail: The message for the operator's log, in place of `message`.
        provider: The id of the provider that was called, or None.
        headers: Response headers besides `retry-after`: headers for REST clients, trailing metadata for gRPC clients.
        metadata: Further machine-readable details as JSON; left out of the envelope if empty.
    """

    def __init__(
        self,
        failure: Failure,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
        detail: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__()
        self.failure = failure
        self.retry_after = None if retry_after is None else max(retry_after, 1)
        self.detail = detail or message
        self.provider: str | None = None
        self.headers = headers
        self.metadata: dict[str, Any] = {}
        self._message = message
        self._param = param
        self._code = code if code is not None else failure.code

    @property
    def message(self) -> str:
        """The message for the client, which says what to do.

        Never contains a secret. Truncated to `MAX_MESSAGE_COST`.
        """
        return _shortened(self._message)

    @property
    def param(self) -> str | None:
        """The path of the invalid request field (`messages[2].role`), or None."""
        return self._param and self._param[:_MAX_NAME]

    @property
    def code(self) -> str | None:
        """The code for clients to branch on: the table's, or the provider's own."""
        return self._code and self._code[:_MAX_NAME]

    def add_limits(self, headers: tuple[tuple[str, str], ...]) -> None:
        """Adds the headers of the key's limits, unless the error already has them."""
        if headers and not any(name.startswith("x-ratelimit-") for name, _ in self.headers):
            self.headers += headers

    def rename_param(self, change: Callable[[str], str]) -> None:
        """Replaces the path of the invalid field with the client API's own name for it."""
        self._param = self._param and change(self._param)

    def redact(self, clean: Callable[[str], str]) -> None:
        """Applies `clean` to every text of the error before truncation, because a secret may span the cut."""
        self._message = clean(self._message)
        self.detail = clean(self.detail)
        self._param = self._param and clean(self._param)
        self._code = self._code and clean(self._code)

    def __str__(self) -> str:
        return self.message

    def envelope(self) -> dict[str, Any]:
        """Returns `{"error": {"message", "type", "param", "code"}}`, OpenAI's shape, and `metadata` if there is any."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": self.failure.type,
            "param": self.param,
            "code": self.code,
        }
        if self.metadata:
            error["metadata"] = self.metadata
        return {"error": error}

    def json(self) -> bytes:
        """Returns the envelope as UTF-8 JSON."""
        return orjson.dumps(self.envelope())


class ProviderError(ARouterError):
    """An error caused by a provider, not by the caller or ARouter.

    Attributes:
        connected: Whether a connection was established. If not, the request cannot be the cause.
    """

    connected = True


def invalid_request(message: str, param: str | None = None) -> ARouterError:
    """Returns the 400 error for an invalid request field."""
    return ARouterError(Failure.INVALID_REQUEST, message, param=param)


def without_traceback(error: BaseException) -> None:
    """Removes the traceback from an exception and from its causes.

    A traceback references the frames that the exception passed through, and with them the request. If a frame also
    references the exception, only the garbage collector could free them.
    """
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is not None:
            pending += (each.__cause__, each.__context__)
            each.__traceback__ = each.__cause__ = each.__context__ = None


def _shortened(message: str) -> str:
    if len(message) * _MAX_CHARACTER_COST <= MAX_MESSAGE_COST:
        return message
    cost = 0.0
    for index, character in enumerate(message):
        utf8 = len(character.encode("utf-8", "replace"))
        percent = 1 if " " <= character <= "~" and character != "%" else 3 * utf8
        cost += len(json.dumps(character)) - 2 + percent + 4 / 3 * utf8
        if cost > MAX_MESSAGE_COST:
            return message[:index] + "…"
    return message


class StoreError(Exception):
    """The store is unreachable or rejected an operation. The message is for the log and contains no credential."""
