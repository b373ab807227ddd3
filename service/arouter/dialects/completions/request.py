"""A request for the completion of a text (OpenAI's older API), validated as far as ARouter reads it.

Source: `openai.types.completion_create_params` of the official SDK.
"""

from __future__ import annotations

from typing import Any, ClassVar

from arouter.chat.inputs import read_inputs
from arouter.chat.request import ChatRequest, Input, Operation
from arouter.chat.shapes import PROVIDER_FIELDS, STRING_OR_STRINGS
from arouter.chat.types import BOOLEAN, NAME, NAMES, STRING, check_document, integer, number, object_of, word
from arouter.errors import invalid_request

KINDS = {
    "model": NAME,
    "best_of": integer(1, 20),
    "echo": BOOLEAN,
    "frequency_penalty": number(-2, 2),
    "max_tokens": integer(0),
    "models": NAMES,
    "n": integer(1, 128),
    "presence_penalty": number(-2, 2),
    "provider": object_of(PROVIDER_FIELDS),
    "route": word("fallback"),
    "stop": STRING_OR_STRINGS,
    "stream": BOOLEAN,
    "stream_options": object_of({"include_usage": BOOLEAN}),
    "suffix": STRING,
    "temperature": number(0, 2),
    "top_p": number(0, 1),
    "user": STRING,
}


class TextRequest(ChatRequest):
    """A request for the completion of a text.

    Attributes:
        inputs: The prompts; at least one.
    """

    __slots__ = ("inputs",)

    operation: ClassVar[Operation] = "text_completion"

    def __init__(self, body: dict[str, Any], inputs: tuple[Input, ...]) -> None:
        options = body.get("stream_options") or {}
        super().__init__(body, stream=body.get("stream") is True, include_usage=options.get("include_usage") is True)
        self.inputs = inputs


def text_request(body: Any) -> TextRequest:
    """Validates OpenAI's JSON.

    Raises:
        ARouterError: INVALID_REQUEST with the invalid `param`.
    """
    if isinstance(body, dict) and "messages" in body and body.get("prompt") is None:
        raise invalid_request("A request with 'messages' belongs to /v1/chat/completions.", "messages")
    check_document(body, KINDS, "model", "prompt")
    if body.get("plugins"):
        raise invalid_request("'plugins' is for chat completions only.", "plugins")
    # Infilling may have its text in other members, so that an empty prompt is valid.
    request = TextRequest(body, read_inputs(body["prompt"], "prompt", empty=True))
    if any(wanted.wants_auto for wanted in request.preferences.models):
        raise invalid_request("'auto' chooses models for chat completions only. Name a model.", "model")
    return request
