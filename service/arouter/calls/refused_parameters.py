"""What endpoints have refused of the parameters that ARouter adds to requests, such as `stream_options`.

A server that does not know an optional parameter still serves the request without it. The client did not send it, so
the refusal is not the client's to mend: the endpoint is asked once more without the parameter, and never again with it.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from arouter.errors import ARouterError, Failure

_REFUSALS = frozenset({Failure.INVALID_REQUEST, Failure.UNPROCESSABLE})
_NOTHING: frozenset[str] = frozenset()


class RefusedParameters:
    """The parameters that each endpoint has refused, by its id. Kept while the process runs and the routing stays."""

    def __init__(self) -> None:
        self._refused: dict[str, frozenset[str]] = {}

    def of(self, endpoint: str) -> frozenset[str]:
        """Returns what an endpoint is not to be sent."""
        return self._refused.get(endpoint, _NOTHING)

    def learn(self, endpoint: str, error: ARouterError, added: AbstractSet[str]) -> bool:
        """Notes which added parameters an endpoint's error names; returns whether there are any that are new.

        Args:
            endpoint: The endpoint's id.
            error: What the endpoint answered.
            added: The parameters of the request that ARouter added.
        """
        if not added or error.failure not in _REFUSALS:
            return False
        told = f"{error.param} {error.message}"
        named = {name for name in added if name in told} - self.of(endpoint)
        if named:
            self._refused[endpoint] = self.of(endpoint) | named
        return bool(named)
