"""Ports are checked before anything is started."""

from __future__ import annotations

import socket

import pytest

from arouter.config.load import ConfigError
from arouter.server.ports import check_ports
from support.ports import HOST, free_ports


def test_ports_that_differ_and_are_free() -> None:
    first, second = free_ports(2)

    check_ports(HOST, {"ONE": first, "TWO": None, "THREE": second, "FOUR": None})


def test_one_port_for_two_things() -> None:
    (port,) = free_ports(1)

    with pytest.raises(ConfigError, match=rf"^ONE and TWO are both {port}$"):
        check_ports(HOST, {"ONE": port, "TWO": port})


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"^port {port} is already in use; set TWO to another one$"):
            check_ports(HOST, {"ONE": None, "TWO": port})
