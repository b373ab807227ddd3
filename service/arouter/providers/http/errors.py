"""The errors of the HTTP client.

- HttpError
  - ConnectError: no connection could be made
    - ConnectTimeoutError: not in time
  - ClosedError: the connection ended before the response did
    - UnreadRequestError: and the request had not been read
  - MalformedError: the response is not HTTP
  - HeadTooLargeError
"""

from __future__ import annotations


class HttpError(Exception):
    """A request got no complete response."""


class ConnectError(HttpError):
    """No connection could be made."""


class ConnectTimeoutError(ConnectError):
    """No connection was made, or none of the pool became free, in time."""


class ClosedError(HttpError):
    """The connection ended before the response did."""


class UnreadRequestError(ClosedError):
    """A provider reset a reused connection and had sent nothing since the request.

    A peer resets a connection if it closes it with unread bytes in the receive buffer. A peer that has read the whole
    request closes the connection in order, which is a different error: the request may have been processed and must not
    be resent automatically (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
    """


class MalformedError(HttpError):
    """The response is not HTTP."""


class HeadTooLargeError(HttpError):
    """There were too many bytes of headers, interim answers or trailers."""
