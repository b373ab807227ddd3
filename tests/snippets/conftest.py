"""The documentation's blocks that no other test runs. Run by `make snippets`, because they start everything."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("AROUTER_SNIPPETS") else ["test_*.py"]
