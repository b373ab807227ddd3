"""The components of the document, added as operations refer to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


class Components:
    """Collects schemas, responses, headers and the like under their names."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Json]] = {}

    def add(self, kind: str, name: str, build: Callable[[], Json]) -> Json:
        """Returns a reference to a component, which is built if it is not there yet.

        Args:
            kind: `schemas`, `responses` or `headers`.
            name: Its name.
            build: Builds it. It may refer to the component itself.
        """
        of_kind = self._found.setdefault(kind, {})
        if name not in of_kind:
            of_kind[name] = {}  # so that a recursion ends
            of_kind[name] = build()
        return {"$ref": f"#/components/{kind}/{name}"}

    def schema(self, name: str, build: Callable[[], Json]) -> Json:
        """Returns a reference to a schema, as `add` does."""
        return self.add("schemas", name, build)

    def document(self) -> Json:
        """Returns all components, sorted by name."""
        return {kind: dict(sorted(named.items())) for kind, named in sorted(self._found.items())}


def nullable(schema: Json) -> Json:
    """Returns a schema that also accepts null. Not `nullable`, which OpenAPI 3.1 does not have."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema.get("type")
    if types is None:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]} if "anyOf" in schema else schema
    changed = {**schema, "type": [*(types if isinstance(types, list) else [types]), "null"]}
    if "enum" in schema:
        changed["enum"] = [*schema["enum"], None]
    return changed


def described(schema: Json, text: str) -> Json:
    """Returns a schema with a description, if there is one."""
    return {**schema, "description": text} if text else schema
