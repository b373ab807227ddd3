"""JSON Schemas in the part of the language that a provider takes: an allow-list of keywords, by provider.

What a provider lacks is rewritten where that says the same (a `const` is an enum of one, an `allOf` is its parts
merged, a `$ref` is its definition), else written into the description, where the model reads it, and counted as lost.
The order of keys stays, because models write in it.
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
"""Subschemas of one schema, definitions in place of references included: each reference may double them."""

_SCHEMAS = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames", "if", "then", "else"})
_SCHEMA_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SCHEMA_MAPS = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_DEFINITIONS = ("$defs", "definitions")
_ANNOTATIONS = frozenset({"$schema", "$id", "$comment", "deprecated", "examples", "example", "readOnly", "writeOnly"})
"""Keywords that constrain nothing: left out where they are not taken, and nothing is lost."""


@dataclass(frozen=True)
class SchemaRules:
    """What a provider takes.

    Attributes:
        keywords: All that it takes.
        formats: The values of `format` that it takes. None: any.
        closed: Whether every object must have `additionalProperties: false`.
        recursive: Whether a definition may refer to itself.
        bare_ref: Whether nothing but a description and a default may stand beside `$ref`.
        max_min_items: The largest `minItems` that it takes. None: any.
        enum_types: The types of the values of an enum that it takes.
    """

    keywords: frozenset[str]
    formats: frozenset[str] | None = None
    closed: bool = False
    recursive: bool = True
    bare_ref: bool = False
    max_min_items: int | None = None
    enum_types: tuple[type, ...] = (str, int, float, bool, type(None))


class RecursiveSchemaError(ValueError):
    """The provider takes no schema that refers to itself."""


def adapt_schema(schema: Json, rules: SchemaRules, path: str) -> tuple[Json, bool]:
    """Returns the schema in what the provider takes, and whether something of it is now only words.

    Args:
        schema: Never changed.
        rules: The provider's.
        path: Where the request has the schema, for errors.

    Raises:
        RecursiveSchemaError: It refers to itself, and the provider does not take that.
        ARouterError: INVALID_REQUEST; it is nested too deeply, or larger than `MAX_NODES` with its references.
    """
    adapter = _Adapter(schema, rules, path)
    if not rules.recursive and adapter.is_recursive():
        raise RecursiveSchemaError
    return adapter.adapt(schema, 0), adapter.lost


def json_text(value: Any, path: str) -> str:
    """Returns a part of a schema as JSON.

    Raises:
        ARouterError: INVALID_REQUEST; it is nested too deeply.
    """
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        # orjson reads deeper than it writes.
        raise _too_deep(path) from error


class _Adapter:
    def __init__(self, root: Json, rules: SchemaRules, path: str) -> None:
        self.lost = False
        self._root = root
        self._rules = rules
        self._path = path
        self._nodes = 0

    def is_recursive(self) -> bool:
        """Says whether a reference leads back to itself."""
        finished: set[str] = set()

        def leads_back(ref: str, trail: frozenset[str]) -> bool:
            if ref in trail:
                return True
            target = None if ref in finished else self._target(ref)
            if target is None or len(trail) > MAX_DEPTH:
                return False
            found = any(leads_back(inner, trail | {ref}) for inner in _references(target))
            finished.add(ref)
            return found

        return any(leads_back(ref, frozenset()) for ref in set(_references(self._root)))

    def adapt(self, schema: Any, depth: int, trail: tuple[str, ...] = ()) -> Any:
        """Returns a schema adapted. `trail` has the references that lead to it in place of their definitions."""
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
        """Writes a keyword into `adapted`; says whether the provider takes it."""
        rules = self._rules
        if keyword == "additionalProperties" and rules.closed:
            # Nothing but `false` can be said. What `true` allows, a schema that lists its properties does without.
            return value is False or (value is True and bool(schema.get("properties")))
        if keyword == "const" and "const" not in rules.keywords and type(value) in rules.enum_types:
            adapted["enum"] = [value]
            return True
        if keyword == "oneOf" and "oneOf" not in rules.keywords and "anyOf" not in schema:
            self.lost = True
            adapted["anyOf"] = [self.adapt(each, depth + 1, trail) for each in value]
            return True
        if keyword not in rules.keywords:
            return keyword in _DEFINITIONS  # whose references are in place
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
        """Returns the schema with the definitions of references, and the parts of `allOf`, in their place."""
        for _ in range(MAX_DEPTH):
            ref, parts = schema.get("$ref"), schema.get("allOf")
            if isinstance(ref, str) and self._must_inline(schema):
                rest = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
                target = None if ref in trail else self._target(ref)
                if target is None:
                    # A definition that leads back to itself stays a reference, and loses what stands beside it.
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
        """Says whether a reference leads into a part of the schema that is not sent."""
        return any(ref.startswith(f"#/{name}/") and name not in self._rules.keywords for name in _DEFINITIONS)

    def _must_merge(self, parts: list[Any]) -> bool:
        return "allOf" not in self._rules.keywords or any(isinstance(part, dict) and "$ref" in part for part in parts)

    def _merge(self, schema: Json, part: Json) -> Json:
        """Returns what both say. Where they differ, the first counts and the other is lost."""
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
        """Returns the definition that a reference within the schema names (RFC 6901), or None."""
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
    """Yields the references in a schema, at any depth."""
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
