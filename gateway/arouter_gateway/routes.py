"""Builds the gateway's routes to the API's methods from the descriptor set.

Only methods in the descriptor have a route to the service; any other path is unknown. Each route has its rule's path as
metadata, for the access log and errors, because a path sent by a client may contain a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arouter_gateway.contract import Contract, Rule, allowed_methods

_ON = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}}
_QUICK = "30s"
"""Maximum duration of a response other than a chat completion."""
_NO_LIMIT = "0s"
_MAX_UNWANTED_BODY = 1024
"""Bytes of a body that are read, for a request that must not have one, before it is a 413."""
SMALL_BODY = 32 * 1024
"""Bytes of a body that is not counted by bodies.lua: the buffer of a connection holds as many."""
_OPENAI = ("/v1/chat/", "/v1/models")
_PUBLIC_METHODS = (
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/List",
    "grpc.health.v1.Health/Watch",
    "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
)

Route = Mapping[str, Any]


def _with_context(context: str) -> Route:
    """Enables a Lua filter, and sets a flag in the filter context of its script."""
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
            "filter_context": {context: True},
        },
    }


REFUSED_FILTERS = {"admit": _with_context("direct"), "bodies": _ON, "read_body": _ON}
"""The filters of a route to which the gateway responds itself."""


def grpc_routes(contract: Contract) -> list[Route]:
    """Returns a route for each method. The timeout of a call is its own deadline."""
    return [
        {
            "match": {"path": f"/{method}", "grpc": {}},
            "route": {"cluster": "service", "timeout": _NO_LIMIT},
            "metadata": _shown_as(f"/{method}"),
        }
        for method in (*contract.methods, *_PUBLIC_METHODS)
    ]


def rest_routes(contract: Contract) -> list[Route]:
    """Returns a route for each rule, and for each of OpenAI's paths one that responds to other methods with 405.

    Other methods on ARouter's own paths are a 404, like unknown paths.
    """
    # choose_rpc, never a client, sends calls of a streaming rule to its unary equivalent.
    twins = {f"{rule.template}:unary" for rule in contract.rules if rule.streams}
    rules = [rule for rule in contract.rules if rule.template not in twins]
    routes: list[Route] = []
    for template, allowed in allowed_methods(rules).items():
        of_template = [rule for rule in rules if rule.template == template]
        routes += [route for rule in of_template for route in _calls(rule)]
        if not template.startswith(_OPENAI):
            continue
        routes.append(
            {
                "match": _match(of_template[0]),
                "direct_response": {"status": 405},
                "metadata": _shown_as(template),
                "typed_per_filter_config": REFUSED_FILTERS,
                "response_headers_to_add": [{"header": {"key": "allow", "value": ", ".join(allowed)}}],
            }
        )
    return routes


def _calls(rule: Rule) -> list[Route]:
    """Returns the routes of a rule; chat completions have an earlier one for short bodies, without bodies.lua."""
    filters = dict.fromkeys(("metadata", "admit", "transcoder", "errors"), _ON)
    if not rule.body:
        return [{**_call(rule, filters), "request_body_buffer_limit": _MAX_UNWANTED_BODY}]
    filters["read_body"] = _ON
    if not rule.streams:
        return [_call(rule, filters | {"bodies": _with_context("reserves")})]
    filters["choose_rpc"] = _ON
    short = {"name": "content-length", "range_match": {"start": 0, "end": SMALL_BODY + 1}}
    return [_call(rule, filters, short), _call(rule, filters | {"bodies": _ON})]


def _call(rule: Rule, filters: Route, *headers: Route) -> Route:
    method: Route = {"name": ":method", "string_match": {"exact": rule.method}}
    return {
        "match": {**_match(rule), "headers": [method, *headers]},
        "route": {"cluster": "service", "timeout": _NO_LIMIT if rule.streams else _QUICK},
        "metadata": _shown_as(rule.template),
        "typed_per_filter_config": filters,
    }


def _match(rule: Rule) -> dict[str, Any]:
    """Matches a path with or without trailing slashes, which admit.lua removes."""
    return {"safe_regex": {"regex": f"{rule.path_regex}/?"}}


def _shown_as(path: str) -> Route:
    return {"filter_metadata": {"arouter": {"path": path}}}
