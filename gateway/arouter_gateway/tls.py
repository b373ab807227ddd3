"""The gateway's certificates: the values in `envoy.yaml`, and the files that Envoy watches (SDS)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GatewayTls:
    """TLS of the gateway. Paths of PEM files, which are reloaded when one is moved there.

    Attributes:
        certificate: The server certificate, with intermediates.
        key: The private key of the certificate, in the same folder.
        client_ca: The CA that client certificates must be issued by. None: no client certificates.

    Raises:
        ValueError: The files cannot be watched together; the message names them.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def __post_init__(self) -> None:
        _check_together("tls", self.certificate, self.key)


@dataclass(frozen=True)
class ServiceTls:
    """TLS between the gateway and the service. Files as in `GatewayTls`.

    Attributes:
        ca: The CA that the service's certificate must be issued by.
        server_name: The name that the certificate must contain: a DNS name, an IP address or a SPIFFE id.
        certificate: The gateway's client certificate, if the service requires one.
        key: The private key of `certificate`, in the same folder.

    Raises:
        ValueError: As `GatewayTls`.
    """

    ca: Path
    server_name: str
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if self.certificate is not None and self.key is not None:
            _check_together("service_tls", self.certificate, self.key)


def gateway_tls_values(tls: GatewayTls, folder: Path) -> dict[str, object]:
    """Returns the values of `gateway_tls.yaml`; the files of `secrets` are in `folder`."""
    return {
        "gateway_wants_certificates": tls.client_ca is not None,
        "gateway_certificate": _source("gateway_certificate", folder),
        "gateway_client_ca": None if tls.client_ca is None else _source("gateway_client_ca", folder),
    }


def service_tls_values(tls: ServiceTls, folder: Path) -> dict[str, object]:
    """Returns the values of `service_tls.yaml`; the files of `secrets` are in `folder`."""
    kind = _kind(tls.server_name)
    return {
        "service_sni": tls.server_name if kind == "DNS" else None,
        "service_name": {"san_type": kind, "matcher": {"exact": tls.server_name}},
        "service_certificates": [] if tls.certificate is None else [_source("service_certificate", folder)],
        "service_ca": _source("service_ca", folder),
    }


def secrets(tls: GatewayTls | None, service_tls: ServiceTls | None) -> dict[str, object]:
    """Returns the SDS resources by name, each for a file `<name>.json`. They contain paths of keys, but no keys."""
    found: dict[str, Mapping[str, object]] = {}
    if tls is not None:
        found["gateway_certificate"] = _certificate(tls.certificate, tls.key)
        if tls.client_ca is not None:
            found["gateway_client_ca"] = _ca(tls.client_ca)
    if service_tls is not None:
        found["service_ca"] = _ca(service_tls.ca)
        if service_tls.certificate is not None and service_tls.key is not None:
            found["service_certificate"] = _certificate(service_tls.certificate, service_tls.key)
    return {name: {"resources": [_secret(name, content)]} for name, content in found.items()}


def _source(name: str, folder: Path) -> Mapping[str, object]:
    config = {"path_config_source": {"path": str(folder / f"{name}.json")}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": config}


def _secret(name: str, content: Mapping[str, object]) -> Mapping[str, object]:
    return {"@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", "name": name, **content}


def _certificate(certificate: Path, key: Path) -> Mapping[str, object]:
    # With a watched folder, Envoy reloads both files when anything in it is moved: Kubernetes moves a link.
    pair = {"certificate_chain": {"filename": str(certificate)}, "private_key": {"filename": str(key)}}
    return {"tls_certificate": {**pair, "watched_directory": {"path": str(certificate.parent)}}}


def _ca(path: Path) -> Mapping[str, object]:
    trusted = {"trusted_ca": {"filename": str(path)}, "watched_directory": {"path": str(path.parent)}}
    return {"validation_context": trusted}


def _kind(name: str) -> str:
    """Returns the type of subject alternative name."""
    if name.startswith("spiffe://"):
        return "URI"
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "DNS"
    return "IP_ADDRESS"


def _check_together(part: str, certificate: Path, key: Path) -> None:
    if certificate.parent != key.parent:
        raise ValueError(f"{part}: certificate and key are watched together and must be in the same folder")
