"""Reads the API from the descriptor set: gRPC methods, HTTP rules, and query parameters to ignore."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

_VARIABLE = re.compile(r"\{(?P<field>[^}=]+)(?:=(?P<pattern>[^}]*))?\}")
_SEGMENTS = {None: "[^/]+", "*": "[^/]+", "**": ".+"}
_HAS_BODY = ("POST", "PUT", "PATCH")


@dataclass(frozen=True)
class Rule:
    """An HTTP rule of a method.

    Attributes:
        rpc: The method, `package.Service/Method`.
        method: The HTTP method.
        template: The path, such as `/api/v1/keys/{hash}`.
        body: The request field for the HTTP body; empty if there is no body.
        fields: The request fields set by the path.
        streams: Whether the response may be a stream.
        request: The name of the request's message type.
    """

    rpc: str
    method: str
    template: str
    body: str
    fields: tuple[str, ...]
    streams: bool
    request: str

    @property
    def path_regex(self) -> str:
        """A regular expression for the whole path.

        Raises:
            ValueError: A variable has a pattern other than `*` and `**`.
        """
        parts, end = [], 0
        for variable in _VARIABLE.finditer(self.template):
            if variable["pattern"] not in _SEGMENTS:
                raise ValueError(f"{self.rpc}: the pattern of {variable[0]} is not supported")
            parts += [re.escape(self.template[end : variable.start()]), _SEGMENTS[variable["pattern"]]]
            end = variable.end()
        return "".join((*parts, re.escape(self.template[end:])))


class Contract:
    """The API, read from a descriptor set.

    Args:
        descriptor: A serialized `FileDescriptorSet` with all imports.

    Attributes:
        services: Full names of the services.
        methods: Full names of the methods, `package.Service/Method`.
        streaming: Those of them that have a stream of requests or responses.
        rules: The HTTP rules. Those with a variable in the path come last, streams come first, and longer paths before
            shorter ones, which may match them.
    """

    def __init__(self, descriptor: bytes) -> None:
        files = FileDescriptorSet.FromString(descriptor).file
        self._messages: dict[str, DescriptorProto] = {}
        for file in files:
            self._messages |= {f".{file.package}.{message.name}": message for message in file.message_type}
        services = [(f"{file.package}.{service.name}", service) for file in files for service in file.service]
        self.services: Sequence[str] = [name for name, _ in services]
        self.methods: Sequence[str] = [f"{name}/{each.name}" for name, service in services for each in service.method]
        self.streaming: Set[str] = {
            f"{name}/{each.name}"
            for name, service in services
            for each in service.method
            if each.client_streaming or each.server_streaming
        }
        rules = [rule for name, service in services for each in service.method for rule in _rules(name, each)]
        self.rules: Sequence[Rule] = sorted(
            rules, key=lambda rule: ("**" in rule.template, bool(rule.fields), not rule.streams, -len(rule.template))
        )

    def ignored_query_parameters(self) -> list[str]:
        """Returns the query parameters that would set a field that the path or the body sets.

        The transcoder accepts a field's name and its JSON name: `account_id` and `accountId`.
        """
        found: set[str] = set()
        for rule in self.rules:
            for field in (*rule.fields, *filter(None, [rule.body])):
                found.update(self._spellings(rule.request, field.split(".")))
        return sorted(found)

    def _spellings(self, message: str, path: Sequence[str]) -> Iterator[str]:
        """Yields all spellings of a field, and of its members if it is a message."""
        field = next(each for each in self._messages[message].field if each.name == path[0])
        names = sorted({field.name, field.json_name or field.name})
        if len(path) > 1:
            below: Iterator[str] = self._spellings(field.type_name, path[1:])
        elif field.type == FieldDescriptorProto.TYPE_MESSAGE and field.type_name in self._messages:
            yield from names
            inner = self._messages[field.type_name].field
            below = itertools.chain.from_iterable(self._spellings(field.type_name, [each.name]) for each in inner)
        else:
            yield from names
            return
        for name, rest in itertools.product(names, list(below)):
            yield f"{name}.{rest}"


def allowed_methods(rules: Sequence[Rule]) -> Mapping[str, Sequence[str]]:
    """Returns the HTTP methods of each template, sorted, in the order of the rules."""
    found: dict[str, set[str]] = {}
    for rule in rules:
        found.setdefault(rule.template, set()).add(rule.method)
    return {template: sorted(methods) for template, methods in found.items()}


def _rules(service: str, method: Any) -> Iterator[Rule]:
    first = method.options.Extensions[annotations_pb2.http]
    for rule in (first, *first.additional_bindings):
        verb = rule.WhichOneof("pattern")
        if verb is None:
            continue
        template = getattr(rule, verb)
        fields = tuple(variable["field"] for variable in _VARIABLE.finditer(template))
        rpc = f"{service}/{method.name}"
        _check(rpc, verb.upper(), rule.body)
        yield Rule(rpc, verb.upper(), template, rule.body, fields, method.server_streaming, method.input_type)


def _check(rpc: str, method: str, body: str) -> None:
    """Rejects rules in which a body could set a field of the path.

    Raises:
        ValueError: The body is the whole message, or does not fit the HTTP method.
    """
    if body == "*" or (method in _HAS_BODY) != bool(body):
        raise ValueError(f"{rpc}: the body must be a single field, for POST, PUT and PATCH only")
