"""The parameters added by ARouter, such as `stream_options`, that endpoints have refused.

A server that does not support an optional parameter can serve the request without it. The client did not send it and
cannot remove it, so the endpoint is called once more without the parameter, and never again with it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from arouter.errors import ARouterError, Failure

_REFUSALS = frozenset({Failure.INVALID_REQUEST, Failure.UNPROCESSABLE})
_NOTHING: frozenset[str] = frozenset()


class RefusedParameters:
    """The parameters that each endpoint has refused, by endpoint id. Kept until the routing is reconfigured."""

    def __init__(self) -> None:
        self._refused: dict[str, frozenset[str]] = {}

    def of(self, endpoint: str) -> frozenset[str]:
        """Returns the parameters that must not be sent to an endpoint."""
        return self._refused.get(endpoint, _NOTHING)

    def learn(self, endpoint: str, error: ARouterError, added: AbstractSet[str]) -> bool:
        """Remembers the added parameters that an endpoint's error names; returns whether any of them is new.

        Args:
            endpoint: The endpoint's id.
            error: The endpoint's error.
            added: The parameters that ARouter added to the request.
        """
        if not added or error.failure not in _REFUSALS:
            return False
        text = f"{error.param} {error.message}"
        named = {name for name in added if name in text} - self.of(endpoint)
        if named:
            self._refused[endpoint] = self.of(endpoint) | named
        return bool(named)
