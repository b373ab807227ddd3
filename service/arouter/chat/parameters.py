"""The table of chat parameters: a row for each, with everything that depends on its name alone.

Sources: `openai.types.chat.completion_create_params` of the official SDK for types and for OpenAI's ranges;
docs.arouter.ai, "API reference: introduction" and "parameters", for the others. Where two sources differ (whether 0 is
a `top_p`, or a `top_k`), the wider range counts. What only some providers limit, such as the number of stop sequences
or the levels of `reasoning_effort`, is theirs to refuse.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from arouter.chat.shapes import (
    FUNCTION,
    PROVIDER_FIELDS,
    RESPONSE_FORMAT,
    STRING_OR_STRINGS,
    TOOL,
    TOOL_CHOICE,
)
from arouter.chat.types import (
    ARRAY,
    BOOLEAN,
    INTEGER,
    NAME,
    NAMES,
    OBJECT,
    OBJECTS,
    STRING,
    STRINGS,
    Kind,
    Shape,
    integer,
    number,
    object_of,
    word,
)


class Wire(Enum):
    """What the adapter of a protocol other than OpenAI's makes of a parameter.

    DROPPED: The protocol has no equivalent; the parameter is named in `x-arouter-dropped-params`.
    TRANSLATED: The adapter expresses it in the protocol's terms.
    APPROXIMATED: As TRANSLATED, but some values have no exact equivalent.
    REFUSED: The protocol has no equivalent, and without it the response would be to another question: it is a 400.
    """

    DROPPED = "dropped"
    TRANSLATED = "translated"
    APPROXIMATED = "approximated"
    REFUSED = "refused"


class Parameter(NamedTuple):
    """A parameter of a chat request.

    Attributes:
        kind: Its type and range.
        needs: The name under which lists of supported parameters have it, one for all spellings; empty if no list
            speaks of it.
        neutral: Values that ask for what happens anyway, beside null: leaving them out loses nothing.
        off: Values that switch something off: they need nothing of a model, but leaving them out is a loss.
        anthropic: What Anthropic's protocol makes of it; a string is the native name under which it is sent unchanged.
        gemini: What Gemini's protocol makes of it, likewise.
        empty_is_neutral: Whether an empty text, array or object is neutral, too. It is not where it asks for defaults.
        extension: Whether OpenAI lacks it and many providers share it.
        router: Whether it addresses the router; no provider receives it.
    """

    kind: Kind
    needs: str = ""
    neutral: tuple[Any, ...] = ()
    off: tuple[Any, ...] = ()
    anthropic: Wire | str = Wire.DROPPED
    gemini: Wire | str = Wire.DROPPED
    empty_is_neutral: bool = True
    extension: bool = False
    router: bool = False


_SAME = Wire.TRANSLATED
_NEAR = Wire.APPROXIMATED
_AUDIO = object_of({"format": STRING, "voice": Kind("a string or an object", (str, dict))})
_FUNCTION_CALL = Kind("a string or an object", (str, dict), shape=Shape({"name": NAME}, ("name",)))
_PREDICTION = object_of({"type": STRING, "content": Kind("a string or an array of parts", (str, list))})
_STREAM_OPTIONS = object_of({"include_usage": BOOLEAN, "include_obfuscation": BOOLEAN})
_WEB_SEARCH = object_of({"search_context_size": STRING, "user_location": OBJECT})
_PLUGIN = object_of({"id": NAME, "enabled": BOOLEAN, "allowed_models": NAMES}, "id")
# Its shape is OpenRouter's.
_REASONING = object_of({"effort": STRING, "enabled": BOOLEAN, "exclude": BOOLEAN, "max_tokens": integer(0)})

PARAMETERS: dict[str, Parameter] = {
    "audio": Parameter(_AUDIO, gemini=_NEAR),
    "frequency_penalty": Parameter(number(-2, 2), needs="frequency_penalty", neutral=(0,), gemini="frequencyPenalty"),
    "function_call": Parameter(
        _FUNCTION_CALL, needs="tool_choice", neutral=("auto",), off=("none",), anthropic=Wire.REFUSED, gemini=_SAME
    ),
    "functions": Parameter(OBJECTS._replace(items=FUNCTION), needs="tools", anthropic=Wire.REFUSED, gemini=_SAME),
    "logit_bias": Parameter(OBJECT._replace(values=number(-100, 100)), needs="logit_bias"),
    "logprobs": Parameter(BOOLEAN, needs="logprobs", neutral=(False,), gemini="responseLogprobs"),
    "max_completion_tokens": Parameter(integer(1), needs="max_tokens", anthropic=_SAME, gemini=_SAME),
    "max_tokens": Parameter(integer(1), needs="max_tokens", anthropic=_SAME, gemini=_SAME),
    "messages": Parameter(ARRAY, anthropic=_SAME, gemini=_SAME),
    "metadata": Parameter(OBJECT._replace(values=STRING), anthropic=_NEAR),
    "modalities": Parameter(STRINGS, neutral=(["text"],), gemini=_SAME),
    "model": Parameter(NAME, anthropic=_SAME, gemini=_SAME),
    "moderation": Parameter(object_of({"model": STRING, "policy": OBJECT}), empty_is_neutral=False),
    # 128: developers.openai.com, "Create chat completion".
    "n": Parameter(integer(1, 128), neutral=(1,), anthropic=Wire.REFUSED, gemini="candidateCount"),
    "parallel_tool_calls": Parameter(BOOLEAN, needs="parallel_tool_calls", neutral=(True,), anthropic=_SAME),
    "prediction": Parameter(_PREDICTION),
    "presence_penalty": Parameter(number(-2, 2), needs="presence_penalty", neutral=(0,), gemini="presencePenalty"),
    "prompt_cache_key": Parameter(STRING),
    "prompt_cache_options": Parameter(object_of({"mode": STRING, "ttl": STRING})),
    "prompt_cache_retention": Parameter(STRING),
    "reasoning_effort": Parameter(STRING, needs="reasoning", off=("none",), anthropic=_NEAR, gemini=_NEAR),
    "response_format": Parameter(
        RESPONSE_FORMAT, needs="response_format", neutral=({"type": "text"},), anthropic=_NEAR, gemini=_NEAR
    ),
    "safety_identifier": Parameter(STRING, anthropic=_NEAR),
    "seed": Parameter(INTEGER, needs="seed", gemini="seed"),
    "service_tier": Parameter(STRING, neutral=("auto",), anthropic=_NEAR, gemini=_NEAR),
    "stop": Parameter(STRING_OR_STRINGS, needs="stop", anthropic=_NEAR, gemini=_SAME),
    "store": Parameter(BOOLEAN, neutral=(False,), gemini=_SAME),
    "stream": Parameter(BOOLEAN, anthropic=_SAME, gemini=_SAME),
    "stream_options": Parameter(_STREAM_OPTIONS, anthropic=_SAME, gemini=_SAME),
    "temperature": Parameter(number(0, 2), needs="temperature", anthropic=_NEAR, gemini="temperature"),
    "tool_choice": Parameter(
        TOOL_CHOICE, needs="tool_choice", neutral=("auto",), off=("none",), anthropic=_SAME, gemini=_SAME
    ),
    "tools": Parameter(OBJECTS._replace(items=TOOL), needs="tools", anthropic=_NEAR, gemini=_NEAR),
    "top_logprobs": Parameter(integer(0, 20), needs="top_logprobs", neutral=(0,), gemini=_SAME),
    "top_p": Parameter(number(0, 1), needs="top_p", anthropic=_NEAR, gemini="topP"),
    "user": Parameter(STRING, anthropic=_NEAR),
    "verbosity": Parameter(STRING, needs="verbosity"),
    "web_search_options": Parameter(_WEB_SEARCH, needs="web_search_options", gemini=_NEAR, empty_is_neutral=False),
    # docs.arouter.ai: provider-routing, model-fallbacks, plugins.
    "models": Parameter(NAMES, router=True),
    "plugins": Parameter(OBJECTS._replace(items=_PLUGIN), router=True),
    "provider": Parameter(object_of(PROVIDER_FIELDS), router=True),
    "route": Parameter(word("fallback"), router=True),
    "transforms": Parameter(STRINGS, router=True),
    "include_reasoning": Parameter(BOOLEAN, needs="include_reasoning", off=(False,), gemini=_SAME, extension=True),
    "min_p": Parameter(number(0, 1), needs="min_p", neutral=(0,), extension=True),
    "reasoning": Parameter(_REASONING, needs="reasoning", anthropic=_NEAR, gemini=_NEAR, extension=True),
    "repetition_penalty": Parameter(number(0, 2, open_=True), needs="repetition_penalty", neutral=(1,), extension=True),
    "top_a": Parameter(number(0, 1), needs="top_a", neutral=(0,), extension=True),
    # vLLM writes -1 for "all" (docs.vllm.ai: SamplingParams).
    "top_k": Parameter(integer(-1), needs="top_k", anthropic=_NEAR, gemini="topK", extension=True),
}

MAX_TOKENS = ("max_completion_tokens", "max_tokens")
"""The limits on the response's length. The first one set counts: OpenAI replaced the second by it."""

EMPTY: tuple[Any, ...] = ([], {}, "")
"""Values that say nothing in almost every place."""

_NEUTRAL = {name: (*(EMPTY if row.empty_is_neutral else ()), *row.neutral) for name, row in PARAMETERS.items()}
_NEEDS_NOTHING = {name: (*_NEUTRAL[name], *row.off) for name, row in PARAMETERS.items()}


def is_neutral(name: str, value: Any) -> bool:
    """Says whether a parameter's value asks for what happens anyway, so that leaving it out loses nothing."""
    return value is None or value in _NEUTRAL.get(name, ())


def needs_nothing(name: str, value: Any) -> bool:
    """Says whether any model can serve a parameter's value: it is neutral, or switches something off."""
    return value is None or value in _NEEDS_NOTHING.get(name, ())


def max_tokens_of(body: dict[str, Any]) -> int | None:
    """Returns the limit that a request sets on the response's tokens, or None."""
    limit: int | None = body.get("max_completion_tokens")
    return limit if limit is not None else body.get("max_tokens")


def shadowed_max_tokens(body: dict[str, Any]) -> str | None:
    """Returns the name of a limit that differs from `max_tokens_of` and does not count, or None."""
    newer, older = (body.get(name) for name in MAX_TOKENS)
    return MAX_TOKENS[1] if None not in (newer, older) and newer != older else None
