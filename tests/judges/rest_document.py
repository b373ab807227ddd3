"""The OpenAPI document as a judge of REST responses: their status, their media type and their body."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

DOCUMENT = Path(__file__).parents[2] / "gateway/arouter_gateway/docs/openapi.json"

_EVENTS = "text/event-stream"
_DONE = b"[DONE]"
_MAX_FAULT = 500


@cache
def document() -> dict[str, Any]:
    """Returns the document."""
    found: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    return found


def response_faults(method: str, target: str, status: int, headers: Mapping[str, str], body: bytes) -> list[str]:
    """Returns where a response differs from the document: one line each. Other paths and methods are not judged.

    Args:
        method: The request's HTTP method.
        target: Its path, with or without a query.
        status: The response's status.
        headers: Its headers, by lower-case name.
        body: Its whole body.
    """
    path = re.sub(r"(?<=.)/+$", "", re.sub(r"/+", "/", target.partition("?")[0]))
    found = next((operations for pattern, operations in _paths() if pattern.fullmatch(path)), {})
    operation = found.get(method.lower())
    if operation is None:
        return []
    where = f"{operation['operationId']}: {status}"
    response = operation["responses"].get(str(status))
    if response is None:
        return [f"{where} is not documented"]
    response = _resolved(response)
    content = response.get("content")
    if content is None:
        return [f"{where}: has a body"] if body else []
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type not in content:
        return [f"{where}: {media_type or 'no content-type'} is not documented"]
    # Envoy's HTTP parser refuses requests before they have an id.
    faults = [f"{where}: no x-request-id"] if status < 300 and "x-request-id" not in headers else []
    validator = _validator(json.dumps(content[media_type]["schema"], sort_keys=True), media_type == _EVENTS)
    values = _events(body) if media_type == _EVENTS else iter([body])
    for value in values:
        faults += [
            f"{where}: {'.'.join(map(str, error.instance_path))}: {error.message}"[:_MAX_FAULT]
            for error in validator.iter_errors(json.loads(value))
        ]
    return faults


@cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Returns the patterns of the paths: those without variables first, and longer ones before shorter ones."""
    ordered = sorted(document()["paths"].items(), key=lambda item: ("{" in item[0], -len(item[0])))
    return [(re.compile(re.sub(r"\\{[^}]*\\}", ".+", re.escape(path))), operations) for path, operations in ordered]


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found: Any = document()
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    resolved: dict[str, Any] = found
    return resolved


@cache
def _validator(schema: str, is_stream: bool) -> Draft202012Validator:
    wanted = json.loads(schema)
    if is_stream:
        data = wanted["properties"]["data"]
        wanted = data.get("anyOf", [data])[-1]["contentSchema"]
    return Draft202012Validator({**wanted, "components": {"schemas": document()["components"]["schemas"]}})


def _events(body: bytes) -> Iterator[bytes]:
    for line in body.splitlines():
        data = line.removeprefix(b"data: ")
        if data != line and data != _DONE:
            yield data
