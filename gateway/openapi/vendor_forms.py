"""Schemas of the bodies of other vendors' APIs, which pass through: only what ARouter itself reads or writes.

The vendors' references describe the rest, so every object here may have further members.
"""

from __future__ import annotations

from arouter.chat.inputs import MAX_INPUTS
from openapi.components import Components, Json, nullable

STRING: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_OBJECTS: Json = {"type": "array", "items": {"type": "object"}}

ANTHROPIC = {"description": "Anthropic's reference", "url": "https://platform.claude.com/docs/en/api/messages"}
GOOGLE = {"description": "Google's reference", "url": "https://ai.google.dev/api/generate-content"}
OPENAI = {"description": "OpenAI's reference", "url": "https://developers.openai.com/api/reference/overview"}


def open_object(text: str, required: tuple[str, ...] = (), /, **members: Json) -> Json:
    """Returns the schema of an object with these and other members."""
    schema: Json = {"type": "object", "description": text, "properties": members}
    return schema | ({"required": list(required)} if required else {}) | {"additionalProperties": True}


def inputs() -> Json:
    """Returns the schema of texts, or of their tokens."""
    tokens: Json = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
    texts: Json = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "maxItems": MAX_INPUTS}
    many: Json = {"type": "array", "items": tokens, "minItems": 1, "maxItems": MAX_INPUTS}
    return {"anyOf": [{"type": "string", "minLength": 1}, texts, tokens, many]}


def text_completion() -> Json:
    """Returns the schema of a completion of a text, and of a chunk of it."""
    choice = open_object(
        "A completion, or the next part of one.",
        ("text", "index"),
        text=STRING,
        index=_COUNT,
        finish_reason=nullable(STRING),
        logprobs={"type": ["object", "null"]},
    )
    return open_object(
        "A completion of a text in OpenAI's shape.",
        ("id", "object", "created", "model", "choices"),
        id=STRING,
        object={"type": "string", "const": "text_completion"},
        created=_COUNT,
        model=STRING,
        choices={"type": "array", "items": choice},
        usage={"type": ["object", "null"]},
    )


def message() -> Json:
    """Returns the schema of a message of Anthropic's API."""
    return open_object(
        "A message in Anthropic's shape.",
        ("id", "type", "role", "model", "content", "stop_reason", "usage"),
        id=STRING,
        type={"type": "string", "const": "message"},
        role={"type": "string", "const": "assistant"},
        model=STRING,
        content=_OBJECTS,
        stop_reason=nullable(STRING),
        usage={"type": "object"},
    )


def response() -> Json:
    """Returns the schema of a response of OpenAI's Responses API."""
    return open_object(
        "A response in the shape of OpenAI's Responses API.",
        ("id", "object", "created_at", "model", "output"),
        id=STRING,
        object={"type": "string", "const": "response"},
        created_at={"type": "number"},
        model=STRING,
        output=_OBJECTS,
        status=STRING,
        error={"type": ["object", "null"]},
        usage={"type": ["object", "null"]},
    )


def generate_content_request(router: Json) -> Json:
    """Returns the schema of a request of Google's API; `router` has the fields for the router."""
    contents: Json = {"type": ["array", "object"], "items": {"type": "object"}, "minItems": 1}
    contents["description"] = "The conversation."
    return open_object("A request in Google's shape.", ("contents",), contents=contents, **router)


def generated_content() -> Json:
    """Returns the schema of a response of Google's API."""
    return open_object(
        "Generated content in Google's shape.",
        candidates=_OBJECTS,
        modelVersion=STRING,
        responseId=STRING,
        usageMetadata={"type": "object"},
    )


def event(text: str) -> Json:
    """Returns the schema of an event of a vendor's stream."""
    return open_object(text)


def token_count(name: str) -> Json:
    """Returns the schema of a number of tokens, which has this name."""
    return open_object("A number of tokens.", (name,), **{name: _COUNT})


def list_shapes(components: Components) -> tuple[Json, Json]:
    """Returns the lists of models in Anthropic's and in Google's shape."""
    anthropic = open_object(
        "The models in Anthropic's shape, for requests with the header `anthropic-version`.",
        ("data", "has_more"),
        data=_OBJECTS,
        has_more={"type": "boolean"},
        first_id=nullable(STRING),
        last_id=nullable(STRING),
    )
    google = open_object("The models in Google's shape.", ("models",), models=_OBJECTS, nextPageToken=STRING)
    return (
        components.schema("AnthropicModelList", lambda: anthropic),
        components.schema("GoogleModelList", lambda: google),
    )


def model_shapes(components: Components) -> tuple[Json, Json]:
    """Returns a model in Anthropic's and in Google's shape."""
    anthropic = open_object(
        "A model in Anthropic's shape, for requests with the header `anthropic-version`.",
        ("id", "type", "display_name"),
        id=STRING,
        type={"type": "string", "const": "model"},
        display_name=STRING,
    )
    google = open_object("A model in Google's shape.", ("name",), name=STRING)
    return (
        components.schema("AnthropicModel", lambda: anthropic),
        components.schema("GoogleModel", lambda: google),
    )
