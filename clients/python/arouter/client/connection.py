"""How a channel is opened: target, TLS, keepalive, retries."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import grpc
from google.api.annotations_pb2 import http

from arouter import v1

Options = Sequence[tuple[str, str | int]]

_MAX_MESSAGE = 64 * 2**20
"""Bytes of a response; grpc's own limit is 4 MiB, and audio and embeddings are larger."""

_OPTIONS: Mapping[str, str | int] = {
    "grpc.max_receive_message_length": _MAX_MESSAGE,
    "grpc.max_send_message_length": -1,  # the service has a limit, and its error names it
    # A proxy from the environment would see keys and prompts.
    "grpc.enable_http_proxy": 0,
    # A connection that died silently is noticed within 40 seconds. The service accepts a ping a second.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.max_pings_without_data": 0,
}

_RETRIES = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_THROTTLING = {"maxTokens": 10, "tokenRatio": 0.1}


@dataclass(frozen=True)
class Tls:
    """TLS, with the certificate authorities that gRPC trusts, or others, and with a client certificate for mTLS.

    Attributes:
        ca: The certificates to trust, as PEM. None for those of gRPC: the file that the environment variable
            GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, or those of Mozilla.
        certificate: The client's certificate chain, as PEM; None without mTLS.
        private_key: The private key of `certificate`, as PEM.
    """

    ca: bytes | None = None
    certificate: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("certificate and private_key require each other.")


@dataclass(frozen=True)
class Connection:
    """Where a channel leads, and how.

    Attributes:
        target: As grpc takes it: `host:port`, `dns:///host:port`, `unix:path`.
        tls: TLS; False for none. None for TLS unless the target is this machine.
        authority: The name to send and, with TLS, to verify, in place of the target's; None for the target's.
        options: Channel arguments of grpc; they override those of this module.
    """

    target: str
    tls: Tls | bool | None = None
    authority: str | None = None
    options: Options = ()

    def arguments(self) -> list[tuple[str, str | int]]:
        """Returns the channel arguments."""
        # Here, because it takes longer than the rest of the client to import.
        from importlib.metadata import version

        ours: dict[str, str | int] = {
            **_OPTIONS,
            "grpc.service_config": json.dumps(service_config()),
            "grpc.primary_user_agent": f"arouter-client/{version('arouter-client')}",
        }
        if self.authority is not None:
            ours["grpc.default_authority"] = self.authority
        return list({**ours, **dict(self.options)}.items())

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Returns the credentials of a TLS channel, or None for plaintext."""
        tls = self.tls if self.tls is not None else not _is_local(self.target)
        if not tls:
            return None
        chosen = tls if isinstance(tls, Tls) else Tls()
        return grpc.ssl_channel_credentials(chosen.ca, chosen.private_key, chosen.certificate)


def service_config() -> dict[str, Any]:
    """Returns gRPC's service config: calls that only read are repeated if the service is unavailable.

    These are the methods that REST has as GET. A chat is never repeated: the model may have been paid already.
    """
    names = [{"service": service, "method": method} for service, method in reading_methods()]
    return {"methodConfig": [{"name": names, "retryPolicy": _RETRIES}], "retryThrottling": _THROTTLING}


def reading_methods() -> list[tuple[str, str]]:
    """Returns the methods that only read, as service and method, from the descriptors of all services."""
    found = []
    for module in pkgutil.iter_modules(v1.__path__, f"{v1.__name__}."):
        if module.name.endswith("_service_pb2"):
            file = importlib.import_module(module.name).DESCRIPTOR
            for service in file.services_by_name.values():
                found += [
                    (service.full_name, method.name)
                    for method in service.methods
                    if method.GetOptions().Extensions[http].WhichOneof("pattern") == "get"
                ]
    return found


def _is_local(target: str) -> bool:
    scheme, _, address = target.rpartition(":///")
    if scheme.startswith("unix") or target.startswith(("unix:", "unix-abstract:")):
        return True
    address = address.removeprefix("ipv4:").removeprefix("ipv6:")
    host = address.rpartition(":")[0].strip("[]") or address
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
