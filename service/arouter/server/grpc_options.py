"""Options of the gRPC servers.

https://grpc.github.io/grpc/core/group__grpc__arg__keys.html
"""

from __future__ import annotations

from arouter.chat.request import MAX_BODY_BYTES
from arouter.config.schema import Config
from arouter.rpc.interceptors.receiving import MAX_PUBLIC_BYTES

CALL_SLACK = 60.0
"""Seconds by which a call may last longer than its provider call."""

_ENVELOPE_BYTES = 64 * 1024
"""Bytes for the message around a body of the maximum size."""

_MAX_STREAMS = 1000
"""Maximum concurrent calls per connection. A call that was reset by its client counts until it is released here."""

_MAX_PENDING_CALLS = 4_000
"""Maximum calls waiting to be accepted, over all connections."""

_KEEPALIVE_MS = 30_000
_KEEPALIVE_TIMEOUT_MS = 10_000

_MIN_PING_INTERVAL_MS = 1000
"""Minimum ping interval; clients that ping more often, with or without calls, are disconnected. gRPC's defaults, five
minutes with calls and two hours without, would end the idle streams of clients that ping every ten seconds."""

_METADATA_BYTES = 96 * 1024
"""Above the gateway's limit of 60 KiB; gRPC's default rejects headers at random from 8 KiB on."""

Options = list[tuple[str, int]]


def server_options(config: Config, *, share_port: bool) -> Options:
    """Returns the options of the server of all services."""
    return [
        ("grpc.so_reuseport", int(share_port)),
        ("grpc.max_receive_message_length", MAX_BODY_BYTES + _ENVELOPE_BYTES),
        ("grpc.max_concurrent_streams", _MAX_STREAMS),
        # Below the first limit none is rejected; between the two, an increasing random share.
        ("grpc.server.max_pending_requests", _MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING_CALLS + 1),
        # Channels resolve their target again when a connection ends, and so find new instances.
        ("grpc.max_connection_age_ms", int(config.server.max_connection_age * 1000)),
        ("grpc.max_connection_age_grace_ms", int((config.longest_call + CALL_SLACK) * 1000)),
        # If the network has dropped a gateway or client, its calls and their provider calls are ended.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _METADATA_BYTES),
        # No compression across calls. In the connections of a proxy, which its clients share, gRPC would otherwise
        # refuse calls whose headers refer to a table entry that it could not parse in another client's call.
        ("grpc.http2.hpack_table_size.decoder", 0),
    ]


def health_server_options(*, share_port: bool) -> Options:
    """Returns the options of the server that has only the health service."""
    return [("grpc.so_reuseport", int(share_port)), ("grpc.max_receive_message_length", MAX_PUBLIC_BYTES)]
