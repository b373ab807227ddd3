"""Reads and validates certificate and key files."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from arouter.config.load import ConfigError
from arouter.config.schema import ServiceTlsConfig, TlsConfig

_FIELDS = ("certificate", "key", "client_ca", "ca")


def checked_files(part: str, tls: TlsConfig | ServiceTlsConfig) -> Mapping[str, bytes]:
    """Returns the contents of the files that `tls` names, by field, after checking that they match.

    Raises:
        ConfigError: A file is missing, not PEM, or being replaced; or the key does not match the certificate.
    """
    files = read_files(part, tls)
    _check(part, tls)
    # The check reads the files itself; this detects whether it has read the same contents.
    if read_files(part, tls) != files:
        raise ConfigError(f"{part}: the files changed while they were read")
    return files


def read_files(part: str, tls: TlsConfig | ServiceTlsConfig) -> Mapping[str, bytes]:
    """Returns the contents of the files that `tls` names, by field. Raises ConfigError."""
    paths = {field: path for field in _FIELDS if (path := getattr(tls, field, None)) is not None}
    return {field: _content(f"{part}.{field}", path) for field, path in paths.items()}


def _content(field: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{field}: {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{field}: not a path: {error}") from error


def _check(part: str, tls: TlsConfig | ServiceTlsConfig) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for field in ("client_ca", "ca", "certificate"):
        path = getattr(tls, field, None)
        if path is not None:
            try:
                context.load_verify_locations(path)
            except (ssl.SSLError, OSError) as error:
                raise ConfigError(f"{part}.{field}: {path}: no certificates in PEM") from error
    if tls.certificate is not None:
        try:
            # Without a password callback, OpenSSL would prompt on the terminal.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"{part}.key: {tls.key}: not the key of the certificate, in PEM and without a password"
            ) from error
