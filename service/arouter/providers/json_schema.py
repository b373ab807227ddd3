"""Restricts JSON Schemas to the subset that a provider supports: an allow-list of keywords per provider.

Unsupported keywords are rewritten to an equivalent where possible (`const` to an enum with one value, `allOf` to the
merged parts, `$ref` to its definition); otherwise they are added to the description, which the model reads, and count
as lost. The key order is kept, because models generate in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from arouter.errors import ARouterError, invalid_request

Json = dict[str, Any]

MAX_DEPTH = 64
MAX_NODES = 10_000
"""Maximum number of subschemas, with references expanded: each reference may double the number."""

_SCHEMAS = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"})
_SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_DEFINITIONS = ("$defs", "definitions")
_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "deprecated", "examples", "example", "readOnly", "writeOnly"})
"""Keywords without constraints: removed without loss if they are not supported."""


@dataclass(frozen=True)
class SchemaRules:
    """The supported subset of JSON Schema.

    Attributes:
        keywords: Supported keywords.
        formats: Supported values of `format`. None: any.
        closed: Whether every object must have `additionalProperties: false`.
        recursive: Whether definitions may be recursive.
        bare_ref: Whether only a description and a default may accompany `$ref`.
        max_min_items: Maximum value of `minItems`. None: any.
        enum_types: Supported types of enum values.
    """

    keywords: frozenset[str]
    formats: frozenset[str] | None = None
    closed: bool = False
    recursive: bool = True
    bare_ref: bool = False
    max_min_items: int | None = None
    enum_types: tuple[type, ...] = (str, int, float, bool, type(None))


class RecursiveSchemaError(ValueError):
    """The provider does not support recursive schemas."""


def adapt_schema(schema: Json, rules: SchemaRules, path: str) -> tuple[Json, bool]:
    """Returns the restricted schema, and whether any constraint was moved to a description.

    Args:
        schema: Never modified.
        rules: The provider's subset.
        path: Path of the schema in the request, for errors.

    Raises:
        RecursiveSchemaError: The schema is recursive, and the provider does not support that.
        ARouterError: INVALID_REQUEST if it is nested too deeply, or has more than `MAX_NODES` nodes with references.
    """
    adapter = _Adapter(schema, rules, path)
    if not rules.recursive and adapter.is_recursive():
        raise RecursiveSchemaError
    return adapter.adapt(schema, 0), adapter.lost


def json_text(value: Any, path: str) -> str:
    """Returns a part of a schema as JSON.

    Raises:
        ARouterError: INVALID_REQUEST if it is nested too deeply.
    """
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        # orjson's nesting limit is lower for writing than for reading.
        raise _too_deep(path) from error


class _Adapter:
    def __init__(self, root: Json, rules: SchemaRules, path: str) -> None:
        self.lost = False
        self._root = root
        self._rules = rules
        self._path = path
        self._nodes = 0

    def is_recursive(self) -> bool:
        """Returns whether any reference is recursive."""
        finished: set[str] = set()

        def is_cyclic(ref: str, trail: frozenset[str]) -> bool:
            if ref in trail:
                return True
            target = None if ref in finished else self._target(ref)
            if target is None or len(trail) > MAX_DEPTH:
                return False
            found = any(is_cyclic(inner, trail | {ref}) for inner in _references(target))
            finished.add(ref)
            return found

        return any(is_cyclic(ref, frozenset()) for ref in set(_references(self._root)))

    def adapt(self, schema: Any, depth: int, trail: tuple[str, ...] = ()) -> Any:
        """Returns the restricted form of a schema. `trail` holds the references that were expanded to reach it."""
        self._nodes += 1
        if depth > MAX_DEPTH:
            raise _too_deep(self._path)
        if self._nodes > MAX_NODES:
            raise invalid_request(f"The schema has more than {MAX_NODES} parts, references included.", self._path)
        if not isinstance(schema, dict):
            return {} if schema is True else schema
        schema, trail = self._in_place(schema, trail)
        adapted: Json = {}
        words: list[str] = []
        for keyword, value in schema.items():
            if not self._take(keyword, value, schema, adapted, depth, trail) and keyword not in _ANNOTATIONS:
                words.append(f"{keyword}: {json_text(value, self._path)}")
        if words:
            self.lost = True
            note = "{" + ", ".join(words) + "}"
            said = adapted.get("description")
            adapted["description"] = f"{said}\n\n{note}" if said else note
        if self._rules.closed and _is_object(adapted):
            adapted["additionalProperties"] = False
        return adapted

    def _take(self, keyword: str, value: Any, schema: Json, adapted: Json, depth: int, trail: tuple[str, ...]) -> bool:
        """Adds a keyword to `adapted`; returns whether the provider supports it."""
        rules = self._rules
        if keyword == "additionalProperties" and rules.closed:
            # Only `false` can be expressed. A schema that lists its properties needs no `true`.
            return value is False or (value is True and bool(schema.get("properties")))
        if keyword == "const" and "const" not in rules.keywords and type(value) in rules.enum_types:
            adapted["enum"] = [value]
            return True
        if keyword == "oneOf" and "oneOf" not in rules.keywords and "anyOf" not in schema:
            self.lost = True
            adapted["anyOf"] = [self.adapt(each, depth + 1, trail) for each in value]
            return True
        if keyword not in rules.keywords:
            return keyword in _DEFINITIONS  # their references have been expanded
        if keyword == "format" and rules.formats is not None and value not in rules.formats:
            return False
        if keyword == "minItems" and rules.max_min_items is not None and not _at_most(value, rules.max_min_items):
            return False
        if keyword == "enum" and not all(type(each) in rules.enum_types for each in value or ()):
            return False
        if keyword in _SCHEMA_MAPS and isinstance(value, dict):
            adapted[keyword] = {name: self.adapt(each, depth + 1, trail) for name, each in value.items()}
        elif keyword in _SCHEMA_LISTS and isinstance(value, list):
            adapted[keyword] = [self.adapt(each, depth + 1, trail) for each in value]
        elif keyword in _SCHEMAS:
            adapted[keyword] = self.adapt(value, depth + 1, trail)
        else:
            adapted[keyword] = value
        return True

    def _in_place(self, schema: Json, trail: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
        """Returns the schema with references and `allOf` expanded."""
        for _ in range(MAX_DEPTH):
            ref, parts = schema.get("$ref"), schema.get("allOf")
            if isinstance(ref, str) and self._must_inline(schema):
                rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
                target = None if ref in trail else self._target(ref)
                if target is None:
                    # A recursive definition remains a reference, without its sibling keywords.
                    self.lost = True
                    return {"$ref": ref}, trail
                schema, trail = self._merge(rest, target), (*trail, ref)
            elif isinstance(parts, list) and self._must_merge(parts):
                schema = {keyword: value for keyword, value in schema.items() if keyword != "allOf"}
                for part in parts:
                    if isinstance(part, dict):
                        schema = self._merge(schema, part)
            else:
                return schema, trail
        return schema, trail

    def _must_inline(self, schema: Json) -> bool:
        if "$ref" not in self._rules.keywords or self._is_hidden(schema["$ref"]):
            return True
        beside = {keyword for keyword in schema if not keyword.startswith("$")} - {"description", "default"}
        return self._rules.bare_ref and bool(beside)

    def _is_hidden(self, ref: str) -> bool:
        """Returns whether a reference points into a part of the schema that is not sent."""
        return any(ref.startswith(f"#/{name}/") and name not in self._rules.keywords for name in _DEFINITIONS)

    def _must_merge(self, parts: list[Any]) -> bool:
        return "allOf" not in self._rules.keywords or any(isinstance(part, dict) and "$ref" in part for part in parts)

    def _merge(self, schema: Json, part: Json) -> Json:
        """Merges two schemas. Where they conflict, the first one is kept and the other is lost."""
        merged = dict(schema)
        for keyword, value in part.items():
            own: Any = merged.get(keyword)
            if keyword not in merged or own == value:
                merged[keyword] = value
            elif keyword == "properties":
                both = own.keys() & value.keys()
                merged[keyword] = {**own, **value, **{name: {"allOf": [own[name], value[name]]} for name in both}}
            elif keyword == "required":
                merged[keyword] = list(dict.fromkeys([*own, *value]))
            elif keyword == "enum":
                merged[keyword] = [each for each in own if each in value]
            elif keyword == "allOf":
                merged[keyword] = [*own, *value]
            elif keyword == "$ref":
                merged["allOf"] = [*merged.get("allOf", ()), {"$ref": value}]
            elif keyword in _DEFINITIONS:
                merged[keyword] = {**value, **own}
            elif keyword not in _ANNOTATIONS | {"description", "title", "default"}:
                self.lost = True
        return merged

    def _target(self, ref: str) -> Json | None:
        """Returns the definition that a reference within the schema points to (RFC 6901), or None."""
        if not ref.startswith("#"):
            return None
        found: Any = self._root
        for step in ref[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found if isinstance(found, dict) else None


def _too_deep(path: str) -> ARouterError:
    return invalid_request(f"The schema is nested deeper than {MAX_DEPTH} levels.", path)


def _references(schema: Any) -> Iterator[str]:
    """Yields all references in a schema, at any depth."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if isinstance(ref := value.get("$ref"), str):
                yield ref
            waiting += (each for name, each in value.items() if name not in _DEFINITIONS)
        elif isinstance(value, list):
            waiting += value


def _is_object(schema: Json) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _at_most(value: Any, limit: int) -> bool:
    return type(value) is int and value <= limit
