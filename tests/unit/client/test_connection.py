"""How the client connects: targets, TLS and options."""

from __future__ import annotations

import pytest

from arouter.client import Client, Tls
from arouter.client.connection import Connection


@pytest.mark.parametrize(
    ("target", "tls", "is_secure"),
    [
        ("127.0.0.1:1", None, False),
        ("localhost:1", None, False),
        ("[::1]:1", None, False),
        ("ipv4:127.0.0.1:1", None, False),
        ("unix:/run/arouter", None, False),
        ("dns:///localhost:1", None, False),
        ("dns:///arouter:1", None, True),
        ("arouter.example.com:443", None, True),
        ("10.0.0.1:1", None, True),
        ("arouter:1", False, False),
        ("127.0.0.1:1", True, True),
        ("127.0.0.1:1", Tls(), True),
    ],
)
def test_keys_go_in_plain_text_only_to_this_machine_or_by_order(
    target: str, tls: Tls | bool | None, is_secure: bool
) -> None:
    assert (Connection(target, tls).credentials() is not None) is is_secure


@pytest.mark.parametrize("target", ["http://127.0.0.1:8080", "https://arouter.example.com/v1"])
def test_a_url_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=f"host:port, not a URL: {target}"):
        Client(target)


def test_an_option_of_the_user_overrides() -> None:
    arguments = dict(Connection("x:1", authority="y", options=[("grpc.enable_http_proxy", 1)]).arguments())

    assert (arguments["grpc.enable_http_proxy"], arguments["grpc.default_authority"]) == (1, "y")
