"""Clients as their users install them. Run by `make clients`, because installing takes long."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("AROUTER_CLIENTS") else ["test_*.py", "*/test_*.py"]
