"""The commands with TLS: what works, and how what cannot is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from support.ports import HOST, free_ports
from support.process import Process
from support.stack import running, started
from support.tls import Authority, Folder, TlsClient

SERVER_TLS = "{certificate: tls/tls.crt, key: tls/tls.key, client_ca: tls/ca.crt}"
SERVICE_TLS = "{ca: tls/ca.crt, server_name: a, certificate: tls/tls.crt, key: tls/tls.key}"


def ports() -> dict[str, str]:
    port, grpc_port = free_ports(2)
    return {"AROUTER_PORT": str(port), "AROUTER_GRPC_PORT": str(grpc_port)}


def write(folder: Path, tls: Folder, config: str) -> str:
    """Writes a configuration in which `tls/` is a folder with certificates; returns its path."""
    path = folder / "arouter.yaml"
    path.write_text(config.replace("tls/", f"{tls.path}/"))
    return str(path)


def test_it_works_with_tls(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    authority = Authority()
    folder = Folder(tmp_path / "tls", authority.issue(), authority.pem)
    gateway = {"tls": folder.own, "service_tls": {"ca": folder.ca, "server_name": HOST}}
    secure = {**config, "server": {"tls": folder.own}, "gateway": gateway}
    with running(tmp_path / "stack", secure, tls=TlsClient(authority.pem)) as stack:
        curl = f"curl {stack.base_url}/chat/completions"
        stack.process.wait_until(lambda: curl in stack.process.printed, "announced")
        environment = {"AROUTER_GRPC_PORT": str(stack.grpc_port), "AROUTER_KEY": stack.key}
        for port in (stack.grpc_port, stack.port):
            for arguments, variables in ((["--tls-ca", folder.ca], {}), ([], {"AROUTER_TLS_CA": folder.ca})):
                command = ["models", "--target", f"{HOST}:{port}", *arguments]
                listed = Process(command, {**environment, **variables}, tmp_path)
                assert listed.wait() == 0, listed.log
                assert "emu/text" in listed.printed.splitlines()
        plain = Process(["models"], environment, tmp_path)
        assert plain.wait() == 1
        assert plain.log.startswith(f"Error: UNAVAILABLE: no service at {HOST}:{stack.grpc_port}")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (f"server: {{tls: {SERVER_TLS}}}", "server.tls and gateway.service_tls must be set together"),
        (f"gateway: {{service_tls: {SERVICE_TLS}}}", "server.tls and gateway.service_tls must be set together"),
        (
            f"server: {{tls: {SERVER_TLS}}}\ngateway: {{service_tls: {{ca: tls/ca.crt, server_name: a}}}}",
            "gateway.service_tls: requires a certificate, because server.tls.client_ca is set",
        ),
        (
            f"gateway: {{tls: {SERVER_TLS}}}",
            "gateway.tls.client_ca: `arouter up` calls the gateway too; set AROUTER_TLS_",
        ),
        (
            "gateway: {tls: {certificate: tls/none, key: tls/tls.key}}",
            "gateway.tls.certificate: tls/none: No such file",
        ),
        ("gateway: {tls: {certificate: tls/tls.crt, key: ca.key}}", "gateway.tls.key: ca.key: No such file"),
    ],
)
def test_tls_that_cannot_work_is_named(tmp_path: Path, config: str, said: str) -> None:
    authority = Authority()
    folder = Folder(tmp_path / "tls", authority.issue(), authority.pem)
    with started(tmp_path, None, ("up",), {**ports(), "AROUTER_CONFIG": write(tmp_path, folder, config)}) as process:
        assert process.wait() == 1

    assert said.replace("tls/", f"{folder.path}/") in process.log
    assert process.log.count("\n") == 1


@pytest.mark.parametrize("command", [["up"], ["serve"], ["serve", "--workers", "2"]])
def test_a_service_without_its_certificate_does_not_start(tmp_path: Path, command: list[str]) -> None:
    authority = Authority()
    folder = Folder(tmp_path / "tls", authority.issue(), authority.pem)
    config = f"server: {{tls: {SERVER_TLS}}}\ngateway: {{service_tls: {SERVICE_TLS}}}"
    environment = {**ports(), "AROUTER_CONFIG": write(tmp_path, folder, config)}
    (folder.path / "tls.key").write_bytes(authority.issue().key)
    with started(tmp_path, None, tuple(command), environment) as process:
        assert process.wait() == 1

    assert f"tls.key: {folder.key}: not the key of the certificate, in PEM and without a password" in process.log
    assert "Traceback" not in process.log
