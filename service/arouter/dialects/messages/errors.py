"""The error envelope of the Messages API: `{"type": "error", "error": {"type", "message"}}`."""

from __future__ import annotations

from typing import Any

from arouter.dialects.messages.too_long import in_anthropics_words
from arouter.errors import ARouterError, Failure

TYPES = {
    Failure.INVALID_REQUEST: "invalid_request_error",
    Failure.CONTEXT_LENGTH_EXCEEDED: "invalid_request_error",
    Failure.INVALID_API_KEY: "authentication_error",
    Failure.SPENDING_LIMIT: "billing_error",
    Failure.PERMISSION_DENIED: "permission_error",
    Failure.NOT_FOUND: "not_found_error",
    Failure.MODEL_NOT_FOUND: "not_found_error",
    Failure.NO_PROVIDER: "not_found_error",
    Failure.REQUEST_TIMEOUT: "timeout_error",
    Failure.ALREADY_EXISTS: "invalid_request_error",
    Failure.PAYLOAD_TOO_LARGE: "request_too_large",
    Failure.UNPROCESSABLE: "invalid_request_error",
    Failure.RATE_LIMITED: "rate_limit_error",
    Failure.INTERNAL: "api_error",
    Failure.UNIMPLEMENTED: "invalid_request_error",
    Failure.PROVIDER_ERROR: "api_error",
    Failure.PROVIDER_UNREACHABLE: "api_error",
    Failure.PROVIDER_CREDENTIALS: "api_error",
    Failure.PROVIDER_BAD_RESPONSE: "api_error",
    Failure.UNAVAILABLE: "overloaded_error",
    Failure.PROVIDER_TIMEOUT: "timeout_error",
    Failure.DEADLINE_EXCEEDED: "timeout_error",
}
"""The type for each row of the error table (platform.claude.com, "Errors"). The HTTP status remains the table's."""


def encode_error(error: ARouterError) -> dict[str, Any]:
    """Returns the envelope of an error. The message names the invalid parameter; there is no member for it."""
    is_too_long = error.failure is Failure.CONTEXT_LENGTH_EXCEEDED
    message = in_anthropics_words(error.message) if is_too_long else error.message
    return {"type": "error", "error": {"type": TYPES[error.failure], "message": message}}
