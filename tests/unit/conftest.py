"""A fresh board for each test."""

from __future__ import annotations

import pytest

from support.health_board import WatchedBoard


@pytest.fixture
def board() -> WatchedBoard:
    """Nothing has been called yet."""
    return WatchedBoard()
