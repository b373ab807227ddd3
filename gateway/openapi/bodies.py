"""The bodies of requests and responses, by method: typed messages, OpenAI's JSON and those of other vendors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from arouter.accounts.fields import fields_of
from arouter.accounts.records import NewAccount, NewKey
from arouter.chat.embeddings import KINDS as EMBEDDING_KINDS
from arouter.chat.parameters import PARAMETERS
from arouter.chat.preferences import ROUTER_FIELDS
from arouter.chat.shapes import MESSAGE_FIELDS, REQUIRED_OF_ROLE
from arouter.chat.types import OBJECT, Kind, Shape, word
from arouter.dialects.completions.request import KINDS as COMPLETION_KINDS
from arouter.dialects.messages.request import REQUIRED as MESSAGE_REQUIRED
from arouter.dialects.messages.request import REQUIRED_TO_COUNT
from arouter.dialects.messages.shapes import KINDS as MESSAGE_KINDS
from arouter.dialects.responses.request import KINDS as RESPONSE_KINDS
from openapi import vendor_forms
from openapi.components import Components, Json, described, nullable
from openapi.descriptors import PACKAGE, Api, Method
from openapi.kind_schemas import Kinds
from openapi.openai_form import OpenAiForm
from openapi.proto_schemas import BODY, Managed, Transcoded, short_name

JSON = "application/json"
EVENTS = "text/event-stream"

Content: TypeAlias = Mapping[str, Json]
"""Schemas by media type."""

_CHAT = f"{PACKAGE}.ChatCompletionRequest"
_EMBEDDINGS = f"{PACKAGE}.CreateEmbeddingsRequest"
_RECORDS = {"Key": NewKey, "Account": NewAccount}
_CURRENT_KEY: Json = {
    "is_management_key": {"type": "boolean", "description": "Whether the key manages keys."},
    "is_free_tier": {"type": "boolean", "const": False, "description": "Always false."},
}


class Bodies:
    """Finds the body of each method.

    Args:
        api: The protos.
        components: Receives the schemas.
        error: Refers to the schema of OpenAI's error envelope, which may be the last event of a stream.
    """

    def __init__(self, api: Api, components: Components, error: Json) -> None:
        self._api = api
        self._components = components
        self._error = error
        self._transcoded = Transcoded(api, components)
        self._managed = Managed(api, components)
        self._openai = OpenAiForm(api, components)
        self._kinds = Kinds(api)
        self._requests: Mapping[str, Callable[[], Json]] = {
            "CreateChatCompletion": self._chat_request,
            "ExplainRoute": self._chat_request,
            "CreateJsonEmbeddings": self._embeddings_request,
            "CreateCompletion": self._completion_request,
            "CreateMessage": lambda: self._message_request("MessageRequest", MESSAGE_REQUIRED),
            "CountMessageTokens": lambda: self._message_request("MessageCountRequest", REQUIRED_TO_COUNT),
            "CreateResponse": self._response_request,
            "GenerateContent": self._gemini_request,
            "StreamGenerateContent": self._gemini_request,
            "CountTokens": lambda: self._shared(
                "GenerateCountRequest",
                lambda: vendor_forms.open_object(
                    "A request in Google's shape.", contents={"type": ["array", "object"], "items": {"type": "object"}}
                ),
            ),
        }
        self._responses: Mapping[str, Callable[[], Content]] = {
            "CreateChatCompletion": lambda: {
                JSON: self._openai.message(f"{PACKAGE}.ChatCompletionResponse"),
                EVENTS: self._stream(self._openai.message(f"{PACKAGE}.StreamChatCompletionResponse"), done=True),
            },
            "CreateJsonEmbeddings": lambda: {JSON: self._openai.message(f"{PACKAGE}.CreateEmbeddingsResponse")},
            "CreateCompletion": lambda: {
                JSON: self._shared("TextCompletion", vendor_forms.text_completion),
                EVENTS: self._stream(self._shared("TextCompletion", vendor_forms.text_completion), done=True),
            },
            "CreateMessage": lambda: self._vendor("Message", vendor_forms.message, "MessageEvent", "Anthropic's API"),
            "CountMessageTokens": lambda: {JSON: self._count("MessageTokenCount", "input_tokens")},
            "CreateResponse": lambda: self._vendor(
                "Response", vendor_forms.response, "ResponseEvent", "OpenAI's Responses API"
            ),
            "GenerateContent": lambda: {JSON: self._shared("GeneratedContent", vendor_forms.generated_content)},
            "StreamGenerateContent": self._gemini_stream,
            "CountTokens": lambda: {JSON: self._count("TokenCount", "totalTokens")},
            "ListModels": lambda: {JSON: self._models(vendor_forms.list_shapes(components), "ListModelsResponse")},
            "GetModel": lambda: {JSON: self._models(vendor_forms.model_shapes(components), "Model")},
            "ListGenerativeModels": lambda: {JSON: vendor_forms.list_shapes(components)[1]},
            "GetGenerativeModel": lambda: {JSON: vendor_forms.model_shapes(components)[1]},
        }

    def request(self, name: str, method: Method) -> Json:
        """Returns the schema of the body of a method that has one.

        Raises:
            KeyError: The method is new: its body is to be described here.
        """
        for field in self._api.messages[method.request].fields.values():
            record = short_name(field.type_name)
            if record in _RECORDS:
                return self._record(record, field.type_name, is_patch=name.startswith("Update"))
        return self._requests[name]()

    def response(self, name: str, method: Method) -> Content:
        """Returns the schemas of the successful response of a method.

        Raises:
            KeyError: The method is new, and its response is not a typed message: it is to be described here.
        """
        if name in self._responses:
            return self._responses[name]()
        if BODY in self._api.messages[method.response].fields:
            return {
                JSON: self._components.schema(short_name(method.response), lambda: self._managed_body(name, method))
            }
        return {JSON: self._transcoded.message(method.response)}

    def _shared(self, name: str, build: Callable[[], Json]) -> Json:
        return self._components.schema(name, build)

    def _stream(self, event: Json, *, done: bool = False) -> Json:
        """Returns the schema of an event, in the form that OpenAPI 3.2 has for streams (`itemSchema`).

        It has no `type`, because tools that know only 3.1 take it as that of the whole text.
        """
        content = {"anyOf": [event, self._error]} if done else event
        data: Json = {"type": "string", "contentMediaType": JSON, "contentSchema": content}
        if done:
            data = {"anyOf": [{"type": "string", "const": "[DONE]"}, data]}
        return {
            "description": "Server-sent events; lines that begin with a colon are comments. The schema is that of an "
            "event" + (", the last of which is `[DONE]`." if done else "."),
            "properties": {"data": data, "event": {"type": "string"}},
            "required": ["data"],
        }

    def _vendor(self, name: str, build: Callable[[], Json], event: str, api: str) -> Content:
        schema = self._shared(event, lambda: vendor_forms.event(f"An event of a stream of {api}."))
        return {JSON: self._shared(name, build), EVENTS: self._stream(schema)}

    def _gemini_stream(self) -> Content:
        content = self._shared("GeneratedContent", vendor_forms.generated_content)
        return {JSON: {"type": "array", "items": content}, EVENTS: self._stream(content)}

    def _count(self, name: str, member: str) -> Json:
        return self._shared(name, lambda: vendor_forms.token_count(member))

    def _models(self, others: tuple[Json, Json], name: str) -> Json:
        return {"anyOf": [self._transcoded.message(f"{PACKAGE}.{name}"), *others]}

    def _chat_request(self) -> Json:
        def build() -> Json:
            roles = word(*sorted(REQUIRED_OF_ROLE))
            message = OBJECT._replace(shape=Shape({"role": roles, **MESSAGE_FIELDS}, ("role",)))
            kinds = {name: row.kind for name, row in PARAMETERS.items()}
            kinds["messages"] = kinds["messages"]._replace(items=message)
            schema = self._kinds.document(kinds, ("messages",), _CHAT)
            schema["properties"]["messages"]["minItems"] = 1
            schema["properties"]["stream"]["description"] = "Whether the response is server-sent events."
            return described(schema, "A chat completion in OpenAI's shape. Further members are passed to the provider.")

        return self._shared("ChatCompletionRequest", build)

    def _embeddings_request(self) -> Json:
        def build() -> Json:
            schema = self._kinds.document(EMBEDDING_KINDS, ("model", "input"), _EMBEDDINGS)
            schema["properties"]["input"] = {**vendor_forms.inputs(), "description": "The texts, or their tokens."}
            return described(schema, "A request for embeddings in OpenAI's shape.")

        return self._shared("EmbeddingsRequest", build)

    def _completion_request(self) -> Json:
        def build() -> Json:
            schema = self._kinds.document(COMPLETION_KINDS, ("model", "prompt"), _CHAT)
            schema["properties"]["prompt"] = {**vendor_forms.inputs(), "description": "The texts, or their tokens."}
            return described(schema, "A request for the completion of a text in OpenAI's shape.")

        return self._shared("CompletionRequest", build)

    def _message_request(self, name: str, required: tuple[str, ...]) -> Json:
        def build() -> Json:
            schema = self._kinds.document(MESSAGE_KINDS, required)
            schema["properties"]["messages"]["minItems"] = 1
            return described(schema, "A request in Anthropic's shape.")

        return self._shared(name, build)

    def _response_request(self) -> Json:
        text = "A request in the shape of OpenAI's Responses API."
        return self._shared("ResponseRequest", lambda: described(self._kinds.document(RESPONSE_KINDS, ()), text))

    def _gemini_request(self) -> Json:
        def build() -> Json:
            kinds: dict[str, Kind] = {name: PARAMETERS[name].kind for name in ROUTER_FIELDS}
            router = self._kinds.document(kinds, (), _CHAT)["properties"]
            return vendor_forms.generate_content_request(router)

        return self._shared("GenerateContentRequest", build)

    def _record(self, record: str, full: str, *, is_patch: bool) -> Json:
        def build() -> Json:
            fields = self._api.messages[full].fields
            settable = {name: row for name, row in fields_of(_RECORDS[record]).items() if not (is_patch and row.fixed)}
            members = {name: self._managed.field(fields[name]) for name in settable}
            schema: Json = {"type": "object", "properties": members, "additionalProperties": False}
            if is_patch:
                return described(schema, "A merge patch (RFC 7396): absent fields are unchanged, null removes a value.")
            return schema | {"required": [name for name in members if fields[name].required]}

        return self._components.schema(f"{record}Patch" if is_patch else f"New{record}", build)

    def _managed_body(self, name: str, method: Method) -> Json:
        members: dict[str, Json] = {}
        for field in self._api.messages[method.response].fields.values():
            if field.name == BODY:
                continue
            if field.name == "data":
                record = self._resource(field.type_name, name)
                members["data"] = {"type": "array", "items": record} if field.is_list else record
            else:
                text = {"type": "string", "description": field.comment}
                members[field.name] = nullable(text) if field.name == "next_page_token" else text
        if not members:
            deleted = {"deleted": {"type": "boolean", "const": True}}
            members["data"] = {"type": "object", "properties": deleted, "required": ["deleted"]}
        return {"type": "object", "properties": members, "required": list(members)}

    def _resource(self, full: str, name: str) -> Json:
        further = _CURRENT_KEY if name == "GetCurrentKey" else {}
        return self._components.schema(
            "CurrentKey" if further else short_name(full), lambda: self._managed.message(full, **further)
        )
