"""A stack for what explains routes: providers whose models differ in tier and price."""

from __future__ import annotations

from typing import Any

from emulator import Emulator
from support.stack import PROVIDER_KEY

PROMPT = [{"role": "user", "content": "Translate 'good morning' into French."}]
"""An easy one."""


def config(provider: Emulator) -> dict[str, Any]:
    """Returns an `arouter.yaml` with a cheap model, a good one, one that two providers serve, and one that fails."""
    row = {"base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}

    def model(name: str, tier: str, price: float, **details: Any) -> dict[str, Any]:
        return {"name": name, "tier": tier, "prices": {"prompt": price, "completion": price}, **details}

    no_tools = {"supported_parameters": ["temperature"]}
    failing = [model("status-500", "premium", 50), model("status-503", "premium", 60)]
    return {
        "providers": [
            {"id": "cheap", **row, "models": [model("text", "economy", 0.1, **no_tools)]},
            {"id": "good", **row, "models": [model("text", "premium", 5), model("echo", "premium", 10)]},
            {"id": "other", **row, "models": [model("text", "premium", 5), *failing]},
        ],
        "models": [{"id": "meta/shared", "endpoints": ["good/text", "other/text"]}],
        "routing": {"auto": {"models": ["cheap/*", "good/*", "meta/*"]}},
    }
