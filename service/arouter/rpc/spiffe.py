"""Reads the SPIFFE id of a client certificate (SPIFFE X509-SVID, §2)."""

from __future__ import annotations

from functools import lru_cache

from cryptography import x509

_CERTIFICATES = 1024
"""Size of the cache of parsed certificates."""


@lru_cache(_CERTIFICATES)
def spiffe_id(certificate: bytes) -> str | None:
    """Returns the only URI among a certificate's alternative names; None if it has none or several.

    grpc's own `peer_spiffe_id` is truncated at the first NUL of the name, and so may equal another workload's id.

    Args:
        certificate: The verified certificate, in PEM.
    """
    try:
        extensions = x509.load_pem_x509_certificate(certificate).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.DuplicateExtension, x509.ExtensionNotFound):
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if len(uris) == 1 else None
