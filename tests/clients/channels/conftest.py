"""Fixtures for channels of other gRPC libraries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clients.channels.driver import FOLDER, LIBRARIES, Driver

from support.node import install
from support.stack import CLIENT_KEY


@pytest.fixture(scope="session")
def packages() -> None:
    """Installs the libraries."""
    install(FOLDER)


@pytest.fixture(params=LIBRARIES)
def driver(request: pytest.FixtureRequest, packages: None, tmp_path: Path) -> Iterator[Driver]:
    """A client of each library."""
    driver = Driver(request.param, CLIENT_KEY, tmp_path)
    try:
        yield driver
    finally:
        driver.close()
