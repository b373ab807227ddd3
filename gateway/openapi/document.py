"""Builds the document: one operation for each rule of the gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from arouter.rpc.access import Access
from arouter_gateway.contract import Contract, Rule
from arouter_gateway.routes import public_rules
from openapi import vendor_forms
from openapi.access import Requirement, requirement_of
from openapi.bodies import EVENTS, JSON, Bodies
from openapi.components import Components, Json
from openapi.descriptors import PACKAGE, Api, Method
from openapi.errors import ALWAYS, CALLING_A_MODEL, CREATING, HEALTH, Envelope, Errors
from openapi.examples import Example, read_examples
from openapi.headers import of_successes
from openapi.prose import of_rest, sentences
from openapi.proto_schemas import Transcoded, is_scalar

_ABOUT = (
    "An LLM router: every model behind one URL and one key. OpenAI's API, and those of Anthropic and Google for their "
    "clients, with any model; and the management of keys, accounts and usage. Unknown query parameters are ignored; a "
    "body is read as JSON, whatever its `content-type`. Examples name models that your key may not have: replace "
    "`model` by one of `GET /v1/models`, or by `auto`."
)
_BEARER, _X_API_KEY, _GOOGLE = "bearer", "apiKey", "googleApiKey"
_SECURITY = {
    _BEARER: {"type": "http", "scheme": "bearer", "description": "`authorization: Bearer lr_live_…`"},
    _X_API_KEY: {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "As Anthropic's clients do."},
    _GOOGLE: {"type": "apiKey", "in": "header", "name": "x-goog-api-key", "description": "As Google's clients do."},
}
_ENVELOPES = {
    "MessageService": Envelope.MESSAGES,
    "GenerativeService": Envelope.GEMINI,
    "ModelService": Envelope.ANY,
}
_REFERENCES = {
    "ChatService": vendor_forms.OPENAI,
    "CompletionService": vendor_forms.OPENAI,
    "EmbeddingService": vendor_forms.OPENAI,
    "ResponseService": vendor_forms.OPENAI,
    "MessageService": vendor_forms.ANTHROPIC,
    "GenerativeService": vendor_forms.GOOGLE,
}
_HEALTH = "/healthz"
KEY = "x-arouter-key"
"""The extension that says which keys an operation takes: `regular`, `management` or `any`; absent if it needs none."""
_VARIABLE = re.compile(r"\{([^}=]+)(=[^}]*)?\}")


def path_of(template: str) -> str:
    """Returns the path of a rule in OpenAPI's form, whose variables have no patterns."""
    return _VARIABLE.sub(r"{\1}", template)


class Builder:
    """Builds the document.

    Args:
        api: The protos, with comments.
        contract: The same, as the gateway reads them.
        root: The project's folder, for its documentation.
    """

    def __init__(self, api: Api, contract: Contract, root: Path) -> None:
        self._api = api
        self._rules = public_rules(contract)
        self._examples = read_examples(root / "docs/api.md")
        self._components = Components()
        self._errors = Errors(self._components, root)
        self._bodies = Bodies(api, self._components, self._errors.schema(Envelope.OPENAI))
        self._transcoded = Transcoded(api, self._components)

    def document(self) -> Json:
        """Returns the document, with the paths of other vendors' APIs first."""
        services = sorted(self._api.services, key=lambda name: name.rpartition(".")[2] not in _REFERENCES)
        order = {rpc: (services.index(rpc.partition("/")[0]), place) for place, rpc in enumerate(self._api.methods)}
        paths: dict[str, Json] = {}
        for rule in sorted(self._rules, key=lambda rule: (order[rule.rpc], -len(rule.template))):
            paths.setdefault(path_of(rule.template), {})[rule.method.lower()] = self._operation(rule)
        paths[_HEALTH] = {"get": self._health()}
        used = {tag for path in paths.values() for operation in path.values() for tag in operation["tags"]}
        components = self._components.document() | {"securitySchemes": _SECURITY}
        return {
            "openapi": "3.1.1",
            "info": {
                "title": "ARouter",
                "version": version("arouter"),
                "summary": "The REST API",
                "description": _ABOUT,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/", "description": "The gateway that serves this document"}],
            "security": [{_BEARER: []}, {_X_API_KEY: []}, {_GOOGLE: []}],
            "tags": [
                {"name": tag_of(name), "description": of_rest(self._api.services[name]).partition("\n\n")[0]}
                for name in services
                if tag_of(name) in used
            ]
            + [{"name": "Health", "description": "The state of the gateway."}],
            "paths": paths,
            "components": dict(sorted(components.items())),
        }

    def _operation(self, rule: Rule) -> Json:
        service, _, name = rule.rpc.removeprefix(f"{PACKAGE}.").partition("/")
        method = self._api.methods[rule.rpc]
        requirement = requirement_of(rule.rpc)
        text = of_rest(method.comment)
        operation: Json = {
            "operationId": self._id(rule, name),
            "tags": [tag_of(service)],
            "summary": summary_of(method),
            "description": f"{text}\n\n{requirement.note}".strip(),
            KEY: requirement.access.value,
        }
        if service in _REFERENCES:
            operation["externalDocs"] = _REFERENCES[service]
        parameters = self._parameters(rule, method)
        if parameters:
            operation["parameters"] = parameters
        examples = [
            each for each in self._examples if each.method == rule.method and re.fullmatch(rule.path_regex, each.path)
        ]
        if rule.body:
            operation["requestBody"] = {
                "required": True,
                "content": {JSON: {"schema": self._bodies.request(name, method), **_shown(examples, "request")}},
            }
        operation["responses"] = self._responses(service, name, method, requirement, examples)
        return operation

    def _id(self, rule: Rule, name: str) -> str:
        """Returns the method's name; a further rule of a method has the version of its path at the end."""
        first = next(each for each in self._rules if each.rpc == rule.rpc and each.method == rule.method)
        templates = sorted(each.template for each in self._rules if each.rpc == rule.rpc)
        plain = name[0].lower() + name[1:]
        if first.rpc == rule.rpc and len(templates) > 1 and rule.template == min(templates, key=len):
            return f"{plain}V1"
        return plain

    def _parameters(self, rule: Rule, method: Method) -> list[Json]:
        found = []
        for field in self._api.messages[method.request].fields.values():
            if field.name == rule.body or not is_scalar(field):
                continue
            place = "path" if field.name in rule.fields else "query"
            schema = self._transcoded.field(field)
            text = schema.pop("description", "")
            name = field.proto.json_name if "v1beta" in rule.template and place == "query" else field.name
            parameter: Json = {"name": name, "in": place, "description": text, "schema": schema}
            if place == "path" or field.required:
                parameter["required"] = True
                schema["minLength"] = 1
            elif schema["type"] == "integer":
                schema["minimum"] = 0
            found.append(parameter)
        return found

    def _responses(
        self, service: str, name: str, method: Method, requirement: Requirement, examples: Sequence[Example]
    ) -> Json:
        contents: dict[str, Json] = {}
        for media_type, schema in self._bodies.response(name, method).items():
            contents[media_type] = {"schema": schema, **_shown(examples, media_type)}
        statuses = set(ALWAYS)
        statuses |= CALLING_A_MODEL if requirement.calls_a_model else set()
        statuses |= CREATING if requirement.access is Access.MANAGEMENT_KEY and name.startswith("Create") else set()
        headers = of_successes(
            self._components, calls_a_model=requirement.calls_a_model, counts_tokens=name.startswith("Count")
        )
        success = {"description": "Success", "headers": headers, "content": contents}
        envelope = _ENVELOPES.get(service, Envelope.OPENAI)
        return {"200": success, **self._errors.responses(statuses, envelope)}

    def _health(self) -> Json:
        return {
            "operationId": "checkHealth",
            "tags": ["Health"],
            "summary": "Says whether the service behind the gateway is healthy.",
            "security": [],
            "responses": {
                "200": {"description": "At least one endpoint of the service is healthy."},
                **self._errors.responses(HEALTH, Envelope.OPENAI),
            },
        }


def summary_of(method: Method) -> str:
    """Returns the first sentence about a method."""
    return sentences(of_rest(method.comment).partition("\n\n")[0])[0]


def tag_of(service: str) -> str:
    """Returns the tag of a service by its name."""
    return service.rpartition(".")[2].removesuffix("Service")


def _shown(examples: Sequence[Example], what: str) -> Mapping[str, Json]:
    """Returns the examples of a request, or of the responses of a media type."""
    found: dict[str, Json] = {}
    for number, example in enumerate(examples, 1):
        streamed = isinstance(example.response, str)
        if what == "request":
            value: Json | str | None = example.request
        elif example.is_error or streamed != (what == EVENTS):
            continue
        else:
            value = example.response
        if value is not None:
            found[f"sample{number}"] = {"summary": example.summary, "value": value}
    return {"examples": found} if found else {}
