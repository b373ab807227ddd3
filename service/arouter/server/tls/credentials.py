"""The service's TLS credentials, which follow changes of their files."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import grpc

from arouter.config.load import ConfigError
from arouter.config.schema import TlsConfig
from arouter.server.tls.certificates import checked_files, read_files

_log = logging.getLogger(__name__)


def server_credentials(part: str, tls: TlsConfig) -> grpc.ServerCredentials:
    """Returns server credentials that follow the files: each new connection uses their current contents.

    Invalid files change nothing and are logged once.

    Args:
        part: The path of `tls` in the configuration.
        tls: The TLS configuration.

    Raises:
        ConfigError: A file is invalid.
    """
    files = checked_files(part, tls)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(files),
        _Changes(part, tls, files).take,  # type: ignore[arg-type] # None is documented: nothing new
        require_client_authentication=tls.client_ca is not None,
    )


class _Changes:
    """Detects changes of a server's files since they were last applied."""

    def __init__(self, part: str, tls: TlsConfig, files: Mapping[str, bytes]) -> None:
        self._part = part
        self._tls = tls
        self._files = files
        self._trouble = ""

    def take(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns the new contents of the files, or None if they are unchanged or invalid.

        grpc calls this before each handshake, from its own thread, one call at a time.
        """
        try:
            if read_files(self._part, self._tls) == self._files:
                self._trouble = ""
                return None
            self._files = checked_files(self._part, self._tls)
        except ConfigError as error:
            if str(error) != self._trouble:
                _log.error("the certificate is unchanged, because its files are invalid: %s", error)
            self._trouble = str(error)
            return None
        self._trouble = ""
        _log.info("%s: the files have changed and are applied to new connections", self._part)
        return _configuration(self._files)


def _configuration(files: Mapping[str, bytes]) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(files["key"], files["certificate"])], root_certificates=files.get("client_ca")
    )
