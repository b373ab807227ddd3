"""Builds the gateway's routes to the API's methods from the descriptor set.

Only methods in the descriptor have a route to the service; any other path is unknown. Each route has its rule's path as
metadata, for the access log and errors, because a path sent by a client may contain a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from arouter_gateway.contract import Contract, Rule, allowed_methods

ON = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
_QUICK = "30s"
"""Maximum duration of a response that does not come from a model."""
NO_LIMIT = "0s"
POST = {"name": ":method", "string_match": {"exact": "POST"}}
_MAX_UNWANTED_BODY = 1024
"""Bytes of a body that are read, for a request that must not have one, before it is a 413."""
SMALL_BODY = 32 * 1024
"""Bytes of a body that is not counted by bodies.lua: the buffer of a connection holds as many."""
_UNARY_SUFFIX = ":unary"
"""What the template of a rule has after that of the equivalent that may stream."""
_ANTHROPIC_SUFFIX = ":messages"
"""What the template of a rule has after that of the equivalent in OpenAI's shape."""
_GOOGLE_VERSION = "/v1beta"
"""What the template of a rule begins with in place of `/v1` if its response is in Google's shape."""
_MODEL_SERVICES = ("Chat", "Completion", "Embedding", "Generative", "Message", "Response")
_FOREIGN = ("/v1/chat/", "/v1/completions", "/v1/embeddings", "/v1/messages", "/v1/models", "/v1/responses", "/v1beta/")
"""Paths of other vendors' APIs."""
_UNSERVED = (
    "assistants",
    "audio",
    "batches",
    "containers",
    "conversations",
    "evals",
    "files",
    "fine_tuning",
    "images",
    "moderations",
    "realtime",
    "threads",
    "uploads",
    "vector_stores",
    "videos",
)
"""OpenAI's paths under /v1 that ARouter does not serve, so that the 404 says so."""
UNSERVED_PATHS = tuple(rf"/v1/{name}([/?].*)?" for name in _UNSERVED)
"""Regular expressions that match these paths with a query. One for all would exceed Envoy's limit on their size."""
_DIALECTS = (
    (r"/v1/messages.*", "messages"),
    (r"/v1beta/.*|/v1/models/.+:((g|streamG)enerateContent|countTokens)/?", "gemini"),
)
"""The paths whose errors are not in OpenAI's envelope, and the dialect of these errors."""
PUBLIC_METHODS = {
    "grpc.health.v1.Health/Check": False,
    "grpc.health.v1.Health/List": False,
    "grpc.health.v1.Health/Watch": True,
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": True,
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": True,
}
"""The methods that need no key, and whether they have a stream."""

Route = Mapping[str, Any]


def with_context(**values: bool | str) -> Route:
    """Enables a Lua filter, and sets values in the filter context of its script."""
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
            "filter_context": values,
        },
    }


_TRANSCODED = dict.fromkeys(("metadata", "admit", "transcoder", "errors"), ON)
"""The filters of every route to a method. `metadata` removes what errors.lua has read and clients must not see."""
REFUSED_FILTERS = {"admit": with_context(direct=True), "bodies": ON, "read_body": ON}
"""The filters of a route to which the gateway responds itself."""


def grpc_routes(contract: Contract) -> list[Route]:
    """Returns a route for each method. The timeout of a call is its own deadline."""
    return [
        {
            "match": {"path": f"/{method}", "grpc": {}, "headers": [POST]},
            "route": {"cluster": "service", "timeout": NO_LIMIT},
            "metadata": shown_as(f"/{method}"),
        }
        for method in (*contract.methods, *PUBLIC_METHODS)
    ]


def public_rules(contract: Contract) -> list[Rule]:
    """Returns the rules whose paths clients may use.

    choose_rpc, never a client, sends calls of a streaming rule to its unary equivalent, and those of Anthropic's SDK to
    the equivalent in its own shape. It sends those of Google's SDK to the rule of the other version.
    """
    templates = {rule.template for rule in contract.rules}
    internal = {rule.template + _UNARY_SUFFIX for rule in contract.rules if rule.streams}
    internal |= {rule.template + _ANTHROPIC_SUFFIX for rule in contract.rules}
    return [rule for rule in contract.rules if rule.template not in templates & internal]


def rest_routes(contract: Contract) -> list[Route]:
    """Returns a route for each rule, and for each path of a vendor's API one that responds to other methods with 405.

    Other methods on ARouter's own paths are a 404, like unknown paths.
    """
    templates = {rule.template for rule in contract.rules}
    rules = public_rules(contract)
    equivalents = templates - {rule.template for rule in rules}
    # Otherwise `/v1/models/{model=**}` would match the path of its equivalent.
    routes: list[Route] = [
        {"match": _match(rule), "direct_response": {"status": 404}, "typed_per_filter_config": REFUSED_FILTERS}
        for rule in contract.rules
        if rule.template in equivalents
    ]
    for template, allowed in allowed_methods(rules).items():
        of_template = [rule for rule in rules if rule.template == template]
        for rule in of_template:
            if template + _ANTHROPIC_SUFFIX in equivalents:
                routes.append(_list_call(rule, "anthropic-version", "messages", verb=_ANTHROPIC_SUFFIX))
            if not rule.body and template.replace("/v1", _GOOGLE_VERSION, 1) in templates:
                routes.append(_list_call(rule, "x-goog-api-key", "gemini", version=_GOOGLE_VERSION))
            unary = template + _UNARY_SUFFIX
            routes += _calls(rule, unary if unary in equivalents else "")
        if not template.startswith(_FOREIGN):
            continue
        routes.append(
            {
                "match": _match(of_template[0]),
                "direct_response": {"status": 405},
                "metadata": shown_as(template),
                "typed_per_filter_config": {**REFUSED_FILTERS, **_errors(template)},
                "response_headers_to_add": [{"header": {"key": "allow", "value": ", ".join(allowed)}}],
            }
        )
    return routes


def early_refusals(first_refused_length: int) -> list[Route]:
    """Returns the routes that refuse a request by its headers, before its body is sent.

    Args:
        first_refused_length: The smallest announced size of a body that is too large. The transcoder counts the others.
    """
    too_large = {"start": first_refused_length, "end": 2**63 - 1}
    encoding = "content-encoding"
    routes: list[Route] = []
    for path, errors in _paths_by_dialect():
        routes += [
            {
                "match": {**path, "headers": [{"name": "content-length", "range_match": too_large}]},
                "direct_response": {"status": 413},
                "typed_per_filter_config": errors,
            },
            {
                # The service would report invalid JSON.
                "match": {
                    **path,
                    "headers": [
                        {"name": encoding, "present_match": True},
                        {
                            "name": encoding,
                            "string_match": {"exact": "identity", "ignore_case": True},
                            "invert_match": True,
                        },
                    ],
                },
                "direct_response": {"status": 415},
                "typed_per_filter_config": {**REFUSED_FILTERS, **errors},
                "response_headers_to_add": [{"header": {"key": "accept-encoding", "value": "identity"}}],
            },
        ]
    return routes


def unknown_paths() -> list[Route]:
    """Returns the routes of all other paths."""
    unserved = [
        {
            "match": {"safe_regex": {"regex": f"/v1/{name}(/.*)?"}},
            "direct_response": {"status": 404},
            "metadata": shown_as(f"/v1/{name}"),
            "typed_per_filter_config": REFUSED_FILTERS,
        }
        for name in _UNSERVED
    ]
    return unserved + [
        {
            "match": path,
            "direct_response": {"status": 404},
            "typed_per_filter_config": {**REFUSED_FILTERS, **errors},
        }
        for path, errors in _paths_by_dialect()
    ]


def _calls(rule: Rule, unary: str) -> list[Route]:
    """Returns the routes of a rule; those of models have an earlier one for short bodies, without bodies.lua.

    Args:
        rule: The rule.
        unary: The path of its unary equivalent; empty if there is none.
    """
    filters = {**_TRANSCODED, **_errors(rule.template)}
    if not rule.body:
        return [_call_without_body(rule, filters)]
    filters["read_body"] = ON
    reserving = {"bodies": with_context(reserves=True)}
    if not _calls_a_model(rule):
        return [_call(rule, filters | reserving)]
    if unary:
        filters["choose_rpc"] = with_context(unary=unary)
        reserving["bodies"] = ON
    elif rule.streams:
        filters |= _errors(rule.template, streams=True)
    short = {"name": "content-length", "range_match": {"start": 0, "end": SMALL_BODY + 1}}
    return [_call(rule, filters, short), _call(rule, filters | reserving)]


def _list_call(rule: Rule, header: str, dialect: str, **change: str) -> Route:
    """Returns the route of a rule of models for the clients of another vendor's API, which have the same path.

    Args:
        rule: The rule.
        header: The header that only these clients send.
        dialect: The dialect of their errors.
        change: How choose_rpc.lua changes the path.
    """
    filters = {**_TRANSCODED, **_in_dialect(dialect), "choose_rpc": with_context(**change)}
    return _call_without_body(rule, filters, {"name": header, "present_match": True})


def _calls_a_model(rule: Rule) -> bool:
    return rule.rpc.removeprefix("arouter.v1.").partition("Service/")[0] in _MODEL_SERVICES


def _errors(path: str, **more: bool) -> Route:
    """Returns the configuration of the filter that converts errors, if it needs any for a path.

    Args:
        path: The path, which may belong to a dialect.
        more: Further values for its script.
    """
    dialects = [dialect for regex, dialect in _DIALECTS if re.fullmatch(regex, path)]
    context: dict[str, bool | str] = {"dialect": dialects[0], **more} if dialects else {**more}
    return {"errors": with_context(**context)} if context else {}


def _in_dialect(dialect: str) -> Route:
    return {"errors": with_context(dialect=dialect)}


def _paths_by_dialect() -> list[tuple[Route, Route]]:
    """Returns what matches the paths of each dialect, and at last all others, with their filters' configuration."""
    of_dialects: list[tuple[Route, Route]] = [
        ({"safe_regex": {"regex": regex}}, _in_dialect(dialect)) for regex, dialect in _DIALECTS
    ]
    return [*of_dialects, ({"prefix": "/"}, {})]


def _call_without_body(rule: Rule, filters: Route, *headers: Route) -> Route:
    return {**_call(rule, filters, *headers), "request_body_buffer_limit": _MAX_UNWANTED_BODY}


def _call(rule: Rule, filters: Route, *headers: Route) -> Route:
    method: Route = {"name": ":method", "string_match": {"exact": rule.method}}
    return {
        "match": {**_match(rule), "headers": [method, *headers]},
        "route": {"cluster": "service", "timeout": NO_LIMIT if rule.streams or _calls_a_model(rule) else _QUICK},
        "metadata": shown_as(rule.template),
        "typed_per_filter_config": filters,
    }


def _match(rule: Rule) -> dict[str, Any]:
    """Matches a path with or without trailing slashes, which admit.lua removes."""
    return {"safe_regex": {"regex": f"{rule.path_regex}/?"}}


def shown_as(path: str) -> Route:
    """Returns the metadata of a route whose calls have this path in the access log."""
    return {"filter_metadata": {"arouter": {"path": path}}}
