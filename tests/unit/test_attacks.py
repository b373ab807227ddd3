"""Attacks are for this machine alone."""

from __future__ import annotations

import pytest

from attacks.target import read_target


@pytest.mark.parametrize("variable", ["BASE_URL", "GRPC"])
@pytest.mark.parametrize("host", ["192.0.2.1", "[2001:db8::1]", "0.0.0.0"])
def test_another_host_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, host: str) -> None:
    monkeypatch.setenv("AROUTER_KEY", "lr_live_x")
    monkeypatch.setenv(variable, f"http://{host}:1" if variable == "BASE_URL" else f"{host}:1")

    with pytest.raises(SystemExit, match="only loopback addresses are attacked"):
        read_target()


def test_without_a_key_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.delenv("AROUTER_KEY", raising=False)

    with pytest.raises(SystemExit, match="AROUTER_KEY"):
        read_target()
