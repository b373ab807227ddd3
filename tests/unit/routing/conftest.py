"""A fresh board for each test."""

from __future__ import annotations

import pytest

from support.health_board import Watched


@pytest.fixture
def board() -> Watched:
    """Nothing has been called yet."""
    return Watched()
