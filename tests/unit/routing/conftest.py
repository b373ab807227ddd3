"""A fresh board for each test."""

from __future__ import annotations

import pytest

from support.health_board import HealthFeedback


@pytest.fixture
def board() -> HealthFeedback:
    """Nothing has been called yet."""
    return HealthFeedback()
