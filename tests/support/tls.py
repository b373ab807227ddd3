"""Certificates: authorities that issue them, folders that rotate them, and clients that show them."""

from __future__ import annotations

import os
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import grpc
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from support.ports import HOST

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
EXPIRED = datetime(2021, 1, 1, tzinfo=UTC)


class Pair(NamedTuple):
    """A certificate with its private key, in PEM."""

    certificate: bytes
    key: bytes

    @property
    def der(self) -> bytes:
        """The certificate, as a handshake shows it."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.decode())

    @property
    def serial(self) -> str:
        """The certificate's number, in hexadecimal."""
        return f"{x509.load_pem_x509_certificate(self.certificate).serial_number:x}"


class Authority:
    """An authority of its own.

    Attributes:
        pem: Its certificate.
    """

    def __init__(self) -> None:
        self._ca = trustme.CA()
        self.pem = self._ca.cert_pem.bytes()

    def issue(self, *names: str, until: datetime | None = None) -> Pair:
        """Issues a certificate for this machine and more names; one that starts with spiffe:// is a SPIFFE id."""
        made = self._ca.issue_cert(HOST, not_before=LONG_AGO, not_after=until)
        return self._with_ids(Pair(made.cert_chain_pems[0].bytes(), made.private_key_pem.bytes()), names)

    def _with_ids(self, pair: Pair, names: tuple[str, ...]) -> Pair:
        """Returns the pair with more names: trustme makes no URIs."""
        made = x509.load_pem_x509_certificate(pair.certificate)
        builder = (
            x509.CertificateBuilder()
            .issuer_name(made.issuer)
            .subject_name(made.subject)
            .public_key(made.public_key())
            .serial_number(made.serial_number)
            .not_valid_before(made.not_valid_before_utc)
            .not_valid_after(made.not_valid_after_utc)
        )
        for extension in made.extensions:
            value = extension.value
            if isinstance(value, x509.SubjectAlternativeName):
                value = x509.SubjectAlternativeName([*value, *map(_general_name, names)])
            builder = builder.add_extension(value, extension.critical)
        key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        signed = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
        return Pair(signed.public_bytes(serialization.Encoding.PEM), pair.key)


class Folder:
    """A folder with `tls.crt`, `tls.key` and `ca.crt` that can be rotated.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path, pair: Pair, ca: bytes) -> None:
        path.mkdir(parents=True)
        self.path = path
        self._versions = 0
        self.rename(pair, ca)

    @property
    def certificate(self) -> str:
        return str(self.path / "tls.crt")

    @property
    def key(self) -> str:
        return str(self.path / "tls.key")

    @property
    def ca(self) -> str:
        return str(self.path / "ca.crt")

    @property
    def own(self) -> dict[str, str]:
        """The certificate and its key, as `arouter.yaml` names them."""
        return {"certificate": self.certificate, "key": self.key}

    def rename(self, pair: Pair, ca: bytes) -> None:
        """Moves each file to its place by itself: for a moment, certificate and key do not belong together."""
        for name, content in _files(pair, ca).items():
            new = self.path / f"new-{name}"
            new.write_bytes(content)
            new.rename(self.path / name)

    def swap_link(self, pair: Pair, ca: bytes) -> None:
        """Does as Kubernetes does: each file is a link through a link to a folder, and only that link is moved."""
        self._versions += 1
        version = self.path / f"..version-{self._versions}"
        version.mkdir()
        for name, content in _files(pair, ca).items():
            (version / name).write_bytes(content)
        link = self.path / "..data_tmp"
        link.symlink_to(version.name)
        link.rename(self.path / "..data")
        for name in _files(pair, ca):
            if not (self.path / name).is_symlink():
                new = self.path / f"new-{name}"
                new.symlink_to(Path("..data") / name)
                new.rename(self.path / name)


class TlsClient(NamedTuple):
    """What a client believes and shows.

    Attributes:
        ca: Whose certificates it believes.
        own: Its own certificate, or None.
    """

    ca: bytes
    own: Pair | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca, self.own and self.own.key, self.own and self.own.certificate)

    def context(self, folder: Path) -> ssl.SSLContext:
        """Returns the same for HTTP; the certificate is written into `folder`, as ssl wants a file."""
        context = ssl.create_default_context(cadata=self.ca.decode())
        if self.own is not None:
            path = folder / f"client-{os.urandom(8).hex()}.pem"
            path.write_bytes(self.own.key + self.own.certificate)
            context.load_cert_chain(path)
        return context


def shown(port: int, client: TlsClient, folder: Path) -> bytes:
    """Returns the certificate that a new connection to a port gets, in DER."""
    context = client.context(folder)
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection((HOST, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        certificate = secure.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def _files(pair: Pair, ca: bytes) -> dict[str, bytes]:
    return {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": ca}


def _general_name(name: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(name) if name.startswith("spiffe://") else x509.DNSName(name)
