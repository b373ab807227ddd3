"""Real programs of others in front of ARouter. Run by `make agents`, because installing them takes minutes."""

from __future__ import annotations

import os

import pytest

from agents.programs import install

collect_ignore_glob = [] if os.environ.get("AROUTER_AGENTS") else ["test_*.py"]


@pytest.fixture(scope="session")
def programs() -> dict[str, str]:
    """Installs the programs, and returns an environment in which they are commands."""
    return install()
