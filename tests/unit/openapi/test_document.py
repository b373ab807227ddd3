"""The OpenAPI document has every route of the gateway, and no other; what it shows fits its own schemas."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from arouter.errors import Failure
from arouter_gateway.contract import Contract
from arouter_gateway.routes import public_rules, rest_routes
from judges.rest_document import document, response_faults
from openapi.document import path_of
from openapi.swagger_ui import COMPRESSED, FOLDER, SUMS
from support.docs import ROOT

CONTRACT = Contract((ROOT / "gateway/arouter_gateway/arouter.binpb").read_bytes())
DOCUMENT = document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
HEALTH = "GET /healthz"


def resolved(node: Any) -> Any:
    while "$ref" in node:
        found: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def media(operation: Any) -> Iterator[tuple[str, Any]]:
    """Yields the media types of an operation's bodies, with their descriptions."""
    bodies = [operation.get("requestBody", {}), *map(resolved, operation["responses"].values())]
    for body in bodies:
        yield from body.get("content", {}).items()


def test_it_has_every_rule_and_no_other() -> None:
    rules = {f"{rule.method} {path_of(rule.template)}" for rule in public_rules(CONTRACT)}

    assert OPERATIONS.keys() - {HEALTH} == rules


def test_the_gateway_has_a_route_for_each_operation() -> None:
    calls = [route["match"] for route in rest_routes(CONTRACT) if "route" in route]
    routes = {(call["headers"][0]["string_match"]["exact"], call["safe_regex"]["regex"]) for call in calls}

    for name in OPERATIONS.keys() - {HEALTH}:
        method, path = name.split()
        example = re.sub(r"{[^}]*}", "x", path)
        assert [1 for verb, regex in routes if verb == method and re.fullmatch(regex, example)], name


def test_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_examples_fit_their_schemas(name: str) -> None:
    schemas = {"components": {"schemas": DOCUMENT["components"]["schemas"]}}
    for _, content in media(OPERATIONS[name]):
        validator = Draft202012Validator({**content["schema"], **schemas})
        for example in content.get("examples", {}).values():
            assert [error.message for error in validator.iter_errors(example["value"])] == []


def test_the_samples_of_the_page_are_examples() -> None:
    chat = OPERATIONS["POST /v1/chat/completions"]

    assert chat["requestBody"]["content"]["application/json"]["examples"]
    assert chat["responses"]["200"]["content"]["text/event-stream"]["examples"]


def test_every_row_of_the_error_table_is_described() -> None:
    text = json.dumps(DOCUMENT["components"]["responses"])

    # What only gRPC clients see, and what only routes that have no such operation respond with.
    assert [failure.name for failure in Failure if f"`{failure.name}`" not in text] == ["UNIMPLEMENTED"]


@pytest.mark.parametrize(
    ("status", "headers", "body", "fault"),
    [
        (418, {}, b"", "getKey: 418 is not documented"),
        (200, {}, b"{}", "getKey: 200: no content-type is not documented"),
        (200, {"content-type": "text/plain", "x-request-id": "1"}, b"{}", "getKey: 200: text/plain is not documented"),
        (200, {"content-type": "application/json", "x-request-id": "1"}, b"{}", '"data" is a required property'),
        (200, {"content-type": "application/json"}, b'{"data": 1}', "getKey: 200: no x-request-id"),
        (404, {"content-type": "application/json"}, b'{"error": {"message": ""}}', '"code" is a required property'),
    ],
)
def test_the_judge_sees_a_response_that_does_not_fit(
    status: int, headers: dict[str, str], body: bytes, fault: str
) -> None:
    assert fault in "\n".join(response_faults("GET", "/api/v1/keys/abc?a=b", status, headers, body))


def test_the_judge_reads_streams() -> None:
    headers = {"content-type": "text/event-stream", "x-request-id": "1"}
    body = b': keep-alive\n\ndata: {"object": "chunk"}\n\ndata: [DONE]\n\n'

    assert response_faults("POST", "/v1/chat/completions", 200, headers, body)


@pytest.mark.parametrize("name", COMPRESSED)
def test_the_page_is_what_npm_has(name: str) -> None:
    sums = dict(reversed(line.split()) for line in SUMS.read_text("utf-8").splitlines() if not line.startswith("#"))

    assert hashlib.sha256(gzip.decompress((FOLDER / f"{name}.gz").read_bytes())).hexdigest() == sums[name]
