"""The service's TLS, which goes with its files while it runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import grpc

from arouter.config.load import ConfigError
from arouter.config.schema import TlsConfig
from arouter.server.tls.certificates import checked_files, read_files

_log = logging.getLogger(__name__)


def server_credentials(part: str, tls: TlsConfig) -> grpc.ServerCredentials:
    """Returns the credentials of a server, which go with the files: a connection gets what these hold when it comes.

    Files that cannot be used change nothing, and are logged once.

    Args:
        part: Where `tls` is in the configuration.
        tls: What it says.

    Raises:
        ConfigError: A file cannot be used.
    """
    files = checked_files(part, tls)
    return grpc.dynamic_ssl_server_credentials(
        _configuration(files),
        _Changes(part, tls, files).take,  # type: ignore[arg-type] # None is documented: nothing new
        require_client_authentication=tls.client_ca is not None,
    )


class _Changes:
    """What has become of a server's files since it last took them."""

    def __init__(self, part: str, tls: TlsConfig, files: Mapping[str, bytes]) -> None:
        self._part = part
        self._tls = tls
        self._files = files
        self._trouble = ""

    def take(self) -> grpc.ServerCertificateConfiguration | None:
        """Returns what the files hold, or None if that is nothing new or cannot be used.

        grpc asks before each handshake, on a thread of its own, one at a time.
        """
        try:
            if read_files(self._part, self._tls) == self._files:
                self._trouble = ""
                return None
            self._files = checked_files(self._part, self._tls)
        except ConfigError as error:
            if str(error) != self._trouble:
                _log.error("the certificate stays as it was: %s", error)
            self._trouble = str(error)
            return None
        self._trouble = ""
        _log.info("%s: the files have changed and are taken from now on", self._part)
        return _configuration(self._files)


def _configuration(files: Mapping[str, bytes]) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(files["key"], files["certificate"])], root_certificates=files.get("client_ca")
    )
