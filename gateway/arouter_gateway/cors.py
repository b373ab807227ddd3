"""Which web pages may read the gateway's responses (CORS): the values of the template for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from arouter_gateway.routes import ON, Route

ANY = "*"
ANY_PORT = ":*"
"""What an origin ends in that is allowed with every port."""
LOCAL_ORIGINS = ("http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*")
"""The pages that a developer serves on the own machine."""
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5}|:\*)?")


def is_origin(text: str) -> bool:
    """Says whether a text is an origin, an origin with every port, or `*`."""
    return text == ANY or _ORIGIN.fullmatch(text) is not None


def matchers(origins: Sequence[str]) -> list[Mapping[str, Any]]:
    """Returns what Envoy's CORS filter compares origins with."""
    return [
        {"safe_regex": {"regex": re.escape(origin.removesuffix(ANY_PORT)) + "(:[0-9]+)?"}}
        if origin.endswith(ANY_PORT)
        else {"exact": origin}
        for origin in origins
    ]


def script_header(origins: Sequence[str]) -> str:
    """Returns the Lua table of `cors_refusals.lua` that has the origins; with every port if they end in `:`."""
    allowed = {origin.removesuffix("*") if origin.endswith(ANY_PORT) else origin for origin in origins}
    return "local ALLOWED = {" + ", ".join(f"[{json.dumps(origin)}] = true" for origin in sorted(allowed)) + "}\n"


def readable(routes: Sequence[Route], origins: Sequence[str]) -> Sequence[Route]:
    """Returns routes whose direct responses web pages may read too: Envoy's CORS filter leaves these out."""
    if not origins:
        return routes
    return [
        {**route, "typed_per_filter_config": {**route.get("typed_per_filter_config", {}), "cors_refusals": ON}}
        if "direct_response" in route
        else route
        for route in routes
    ]
