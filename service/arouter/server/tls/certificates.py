"""Files with certificates and keys, read and checked."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from arouter.config.load import ConfigError
from arouter.config.schema import ServiceTlsConfig, TlsConfig

_FIELDS = ("certificate", "key", "client_ca", "ca")


def checked_files(part: str, tls: TlsConfig | ServiceTlsConfig) -> Mapping[str, bytes]:
    """Returns what is in the files that `tls` names, by field; checked, and belonging together.

    Raises:
        ConfigError: A file is missing, not PEM, or being replaced; the key is not the certificate's.
    """
    files = read_files(part, tls)
    _check(part, tls)
    # The check reads for itself, so that this tells whether it has seen the same.
    if read_files(part, tls) != files:
        raise ConfigError(f"{part}: the files change while they are read")
    return files


def read_files(part: str, tls: TlsConfig | ServiceTlsConfig) -> Mapping[str, bytes]:
    """Returns what is in the files that `tls` names, by field. Raises ConfigError."""
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
            # Without a password of ours, OpenSSL would ask for one on the terminal.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"{part}.key: {tls.key}: not the key of the certificate, in PEM and without a password"
            ) from error
