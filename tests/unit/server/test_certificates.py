"""Files with certificates: which are taken, and how the others are named."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from arouter.config.load import ConfigError
from arouter.config.schema import ServiceTlsConfig, TlsConfig
from arouter.server.tls.certificates import checked_files
from support.tls import Authority


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority()
    pair, other = authority.issue(), authority.issue()
    files = {
        "own.crt": pair.certificate,
        "own.key": pair.key,
        "other.key": other.key,
        "ca.crt": authority.pem,
        "chain.crt": pair.certificate + authority.pem,
        "half.crt": pair.certificate[:300],
        "half.key": pair.key[:100],
        "half-chain.crt": authority.pem + pair.certificate[:300],
        "empty": b"",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = ["openssl", "pkcs8", "-topk8", "-passout", "pass:x", "-in", "own.key", "-out", "locked.key"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


@pytest.mark.parametrize("certificate", ["own.crt", "chain.crt"])
@pytest.mark.parametrize("ca", [None, "ca.crt", "chain.crt"])
def test_right_files_are_taken(folder: Path, certificate: str, ca: str | None) -> None:
    tls = TlsConfig(str(folder / certificate), str(folder / "own.key"), ca and str(folder / ca))

    files = checked_files("server.tls", tls)

    assert files["certificate"] == (folder / certificate).read_bytes()
    assert ("client_ca" in files) == (ca is not None)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("none", "own.key"), "certificate: FOLDER/none: No such file or directory"),
        (("own.crt", "none"), "key: FOLDER/none: No such file or directory"),
        (("own.crt", "own.key", "none"), "client_ca: FOLDER/none: No such file or directory"),
        (("own.crt", "."), "key: FOLDER: Is a directory"),
        (("own\0.crt", "own.key"), "certificate: not a path: embedded null byte"),
        (("half.crt", "own.key"), "certificate: FOLDER/half.crt: no certificates in PEM"),
        (("empty", "own.key"), "certificate: FOLDER/empty: no certificates in PEM"),
        (("own.crt", "own.key", "half-chain.crt"), "client_ca: FOLDER/half-chain.crt: no certificates in PEM"),
        (
            ("own.crt", "other.key"),
            "key: FOLDER/other.key: not the key of the certificate, in PEM and without a password",
        ),
        (
            ("own.crt", "half.key"),
            "key: FOLDER/half.key: not the key of the certificate, in PEM and without a password",
        ),
        (("own.crt", "locked.key"), "key: FOLDER/locked.key: not the key of the certificate"),
        (("own.crt", "own.crt"), "key: FOLDER/own.crt: not the key of the certificate"),
    ],
)
def test_others_are_named(folder: Path, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_files("server.tls", TlsConfig(*(str(folder / name) for name in names)))

    assert str(caught.value).startswith(f"server.tls.{said.replace('FOLDER', str(folder))}")


def test_the_gateways_are_checked_too(folder: Path) -> None:
    ca, certificate = str(folder / "ca.crt"), str(folder / "own.crt")

    assert list(checked_files("p", ServiceTlsConfig(ca, "name"))) == ["ca"]
    with pytest.raises(ConfigError, match=r"^p\.key: "):
        checked_files("p", ServiceTlsConfig(ca, "name", certificate, str(folder / "other.key")))
    with pytest.raises(ConfigError, match=r"^p\.ca: "):
        checked_files("p", ServiceTlsConfig(str(folder / "own.key"), "name"))
