"""Maps a provider's error responses to client errors (design §4), for all protocols."""

from __future__ import annotations

from arouter.errors import Failure, ProviderError
from arouter.providers.context_length import exceeds_context
from arouter.providers.refusals import concerns_credentials, is_too_large

ANTHROPIC_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""By error type (platform.claude.com, "Errors"), which gateways with OpenAI's protocol pass on. In a stream the type is
the only information."""

# 4xx about the request. Any other 4xx becomes INVALID_REQUEST: no provider would accept such a request, and a client
# should not repeat it (SDKs retry 408, 409, 429 and 5xx).
_OF_THE_REQUEST = {
    403: Failure.PERMISSION_DENIED,
    404: Failure.NOT_FOUND,
    413: Failure.PAYLOAD_TOO_LARGE,
    422: Failure.UNPROCESSABLE,
    429: Failure.RATE_LIMITED,
}
_TIMEOUTS = frozenset({408, 504, 524})
_PASSING = frozenset({421, 425, 498, 499})
"""4xx that mean that the provider cannot answer now: misdirected (RFC 9110 §15.5.20), too early (RFC 8470), no capacity
(Groq), cancelled on the server side (Google)."""

_DEFAULT_RETRY_AFTER = 1
"""Default `retry-after` in seconds for a 429 without one; all our 429 responses have the header."""


def error_from_status(
    status: int,
    message: str | None,
    *,
    param: str | None,
    code: str | None,
    retry_after: int | None,
    marks: tuple[str | None, ...] = (),
) -> ProviderError:
    """Returns the client's error for a provider's error status.

    Args:
        status: The provider's HTTP status, or the status in its error object.
        message: The provider's message, or None.
        param: The parameter that the provider names, if any.
        code: The provider's error code, if any.
        retry_after: The provider's `retry-after`, in seconds.
        marks: Further machine-readable values that identify the error: its type, its reasons.
    """
    if concerns_credentials(status, message, (code, *marks)):
        return ProviderError(
            Failure.PROVIDER_CREDENTIALS,
            "The provider rejected ARouter's own credentials. The operator of this router must correct them.",
            detail=f"the configured API key or account was rejected with status {status}: {message}",
        )
    if status in _TIMEOUTS:
        return ProviderError(Failure.PROVIDER_TIMEOUT, f"The provider timed out (status {status}).")
    concerns_request = 400 <= status < 500 and status not in _PASSING
    text = message or f"The provider rejected the request with status {status}."
    # llama.cpp and older servers of Ollama report it with 500, and errors in a stream may have no status.
    if (concerns_request or status == 500) and status != 429 and exceeds_context(message, (code, *marks)):
        return ProviderError(Failure.CONTEXT_LENGTH_EXCEEDED, text, param=param)
    if concerns_request:
        failure = _OF_THE_REQUEST.get(status, Failure.INVALID_REQUEST)
        if failure is Failure.RATE_LIMITED:
            if is_too_large(message):
                failure, retry_after = Failure.PAYLOAD_TOO_LARGE, None
            elif retry_after is None:
                retry_after = _DEFAULT_RETRY_AFTER
        return ProviderError(failure, text, param=param, code=code, retry_after=retry_after)
    detail = f": {message}" if message else "."
    return ProviderError(
        Failure.PROVIDER_ERROR, f"The provider failed with status {status}{detail}", retry_after=retry_after
    )


def bad_response(what: str) -> ProviderError:
    """Returns the error for a response that violates its protocol. `what` completes "The provider sent …"."""
    return ProviderError(Failure.PROVIDER_BAD_RESPONSE, f"The provider sent {what}.")


def too_deep() -> ProviderError:
    """Returns the error for a response that orjson can read but not write, because of its nesting limits."""
    return bad_response("a response that is nested too deeply")


def truncated() -> ProviderError:
    """Returns the error for a stream that ended prematurely."""
    return ProviderError(Failure.PROVIDER_BAD_RESPONSE, "The provider's answer stopped without a finish_reason.")
