"""Real programs of others in front of ARouter. Run by `make agents`, because installing them takes minutes."""

from __future__ import annotations

import os

import pytest

from agents.programs import install_agents, install_all

collect_ignore_glob = [] if os.environ.get("AROUTER_AGENTS") else ["test_*.py"]


@pytest.fixture(scope="session")
def programs() -> dict[str, str]:
    """Installs every program of the guide, and returns an environment in which they are commands."""
    return install_all()


@pytest.fixture(scope="session")
def coding_agents() -> dict[str, str]:
    """Installs claude-code, codex and gemini-cli, and returns an environment in which they are commands."""
    return install_agents()
