"""What is attacked: read from the environment, and refused unless it is this machine."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import resource
import socket
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

ATTACKER = "127.0.0.9"
"""The address that attacks come from, so that a bound per address does not concern the well-behaved client."""

BODY_BYTES = 10 * 1024 * 1024
"""The largest body that is accepted."""


class Address(NamedTuple):
    """Where a server listens, on this machine."""

    host: str
    port: int


class Answer(NamedTuple):
    """A response, read whole."""

    status: int
    body: bytes


class Target(NamedTuple):
    """A running system.

    Attributes:
        gateway: Where REST is served.
        grpc: Where the service's gRPC is served.
        key: A client's key, for attacks that need one.
        witness_key: The well-behaved client's; another one, so that a bound per key does not concern it.
        management_key: Empty: what needs one is left out.
        pid: Of the process whose memory, with its children's, is measured; 0 for none.
        log: The file that the system logs into; None if it cannot be read.
        model: A model that is listed.
    """

    gateway: Address
    grpc: Address
    key: str
    witness_key: str
    management_key: str
    pid: int
    log: Path | None
    model: str

    def ask(self, method: str, path: str, key: str = "", body: Any = None, timeout: float = 30.0) -> Answer:
        """Makes one request to the gateway on a connection of its own."""
        connection = http.client.HTTPConnection(*self.gateway, timeout=timeout)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        try:
            content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()


def read_target() -> Target:
    """Returns the target that the environment names. Ends the program if it is not on this machine, or has no key."""
    env = os.environ
    url = urlsplit(env.get("BASE_URL") or "http://127.0.0.1:8080")
    key = env.get("AROUTER_KEY") or _kept_key()
    if url.scheme != "http" or not key:
        sys.exit("attacks: BASE_URL must be plain http, and AROUTER_KEY a client's key (else var/dev_key is read)")
    grpc = urlsplit(f"//{env.get('GRPC') or '127.0.0.1:50051'}")
    log = env.get("LOG")
    _raise_file_limit()
    target = Target(
        _loopback(url.hostname, url.port or 80),
        _loopback(grpc.hostname, grpc.port or 50051),
        key,
        env.get("WITNESS_KEY") or key,
        env.get("AROUTER_MGMT_KEY", ""),
        int(env.get("PID") or 0),
        Path(log) if log else None,
        env.get("MODEL", ""),
    )
    if target.management_key and target.witness_key == key:
        made = target.ask("POST", "/api/v1/keys", target.management_key, {"name": "attacks: well-behaved client"})
        target = target._replace(witness_key=json.loads(made.body)["key"])
    if target.model:
        return target
    listed = json.loads(target.ask("GET", "/v1/models", key).body)["data"]
    return target._replace(model=listed[0]["id"] if listed else "none/none")


def _kept_key() -> str:
    path = Path("var/dev_key")
    return path.read_text().strip() if path.exists() else ""


def _loopback(host: str | None, port: int) -> Address:
    found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)} if host else set()
    if not found or not all(ipaddress.ip_address(address).is_loopback for address in found):
        sys.exit(f"attacks: {host} is not this machine; only loopback addresses are attacked")
    return Address(str(min(found)), port)


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
