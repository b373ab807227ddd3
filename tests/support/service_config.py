"""The service config that `docs/channels.md` recommends."""

from __future__ import annotations

import json
from typing import Any

from support.docs import blocks

[_TEXT] = (text for kind, text in blocks("docs/channels.md") if kind == "json")
SERVICE_CONFIG: dict[str, Any] = json.loads(_TEXT)
