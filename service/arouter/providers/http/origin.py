"""Where requests go: the parts of a base URL, and the context for TLS."""

from __future__ import annotations

import ssl
from functools import cache, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from typing_extensions import override


class Origin(NamedTuple):
    """A server.

    Attributes:
        host: Name or IP address.
        port: TCP port.
        tls: Whether it speaks TLS.
    """

    host: str
    port: int
    tls: bool


class BaseUrl(NamedTuple):
    """The parts of a provider's base URL.

    Attributes:
        origin: The server.
        authority: The `host` header.
        prefix: What precedes each path.
    """

    origin: Origin
    authority: str
    prefix: str


@lru_cache(maxsize=1024)
def parse_base_url(url: str) -> BaseUrl:
    """Returns the parts of a base URL, which has no credentials, query or fragment."""
    parts = urlsplit(url)
    host, tls = parts.hostname or "", parts.scheme == "https"
    if not host.isascii():
        host = host.encode("idna").decode()
    usual = 443 if tls else 80
    authority = f"[{host}]" if ":" in host else host
    port = parts.port or usual
    return BaseUrl(Origin(host, port, tls), authority if port == usual else f"{authority}:{port}", parts.path)


class _ClientContext(ssl.SSLContext):
    """Resumes the last session with a server, which saves a round of certificates."""

    def __init__(self, *_: object) -> None:
        self._sessions: dict[str, ssl.SSLSession] = {}

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        session = session or self._sessions.get(str(server_hostname))
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def remember(self, connected: ssl.SSLObject) -> None:
        """Keeps the session of a connection for the next one to the same server."""
        session, name = connected.session, connected.server_hostname
        if session is not None and session.has_ticket and name is not None:
            self._sessions[str(name)] = session


@cache
def tls_context() -> _ClientContext:
    """Returns the context of all connections. Made when first needed: it reads the system's CA certificates."""
    context = _ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    return context
