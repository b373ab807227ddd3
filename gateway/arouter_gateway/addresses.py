"""Limits the connections per client address.

Envoy can limit the connections of a filter chain, but not those of an address. Therefore there are several chains,
which differ only in name, and an address is always assigned to the same one, by its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHAINS = 8
"""Number of chains. Each takes about 4 MB of memory. An address shares its chain, and so its limit, with an eighth of
all others."""

_SHARE = 2


def chain_limit(max_connections: int) -> int:
    """Returns the connection limit of a chain: half of all connections, so that others remain available."""
    return max(1, max_connections // _SHARE)


def chain_name(number: int) -> str:
    """Returns the name of a chain, numbered from 0."""
    return f"addresses_{number}"


def chain_matcher() -> Mapping[str, Any]:
    """Returns the listener's `filter_chain_matcher`. The first match wins."""
    return {
        "matcher_list": {
            "matchers": [
                {"predicate": {"single_predicate": _hash_is_at_least(number)}, "on_match": _take(number)}
                for number in range(CHAINS - 1, 0, -1)
            ]
        },
        "on_no_match": _take(0),
    }


def further_chains(*, tls: bool) -> str:
    """Returns all chains but the first as items of a YAML list; they refer to the first one's content."""
    secure = ", transport_socket_connect_timeout: *handshake, transport_socket: *tls" if tls else ""
    return "\n".join(
        f"    - {{name: {chain_name(number)}, filters: [*address_limit, *connection_manager]{secure}}}"
        for number in range(1, CHAINS)
    )


def _hash_is_at_least(number: int) -> Mapping[str, Any]:
    inputs = "type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3"
    matchers = "type.googleapis.com/envoy.extensions.matching.input_matchers"
    return {
        "input": {"name": "address", "typed_config": {"@type": f"{inputs}.SourceIPInput"}},
        "custom_match": {
            "name": "hash",
            "typed_config": {
                "@type": f"{matchers}.consistent_hashing.v3.ConsistentHashing",
                "threshold": number,
                "modulo": CHAINS,
            },
        },
    }


def _take(number: int) -> Mapping[str, Any]:
    name = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": chain_name(number)}
    return {"action": {"name": "chain", "typed_config": name}}
