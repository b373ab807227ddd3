"""Translates `generationConfig` to canonical parameters."""

from __future__ import annotations

from typing import Any

from arouter.chat.parameters import PARAMETERS
from arouter.chat.types import INTEGER, STRINGS, wrong_type
from arouter.dialects.gemini.fields import Fields, Json
from arouter.dialects.gemini.schemas import json_schema
from arouter.dialects.unserved import Unserved
from arouter.errors import invalid_request

_SAME = {
    "candidateCount": "n",
    "frequencyPenalty": "frequency_penalty",
    "maxOutputTokens": "max_tokens",
    "presencePenalty": "presence_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
    "seed": "seed",
    "temperature": "temperature",
    "topK": "top_k",
    "topP": "top_p",
}
"""Canonical parameters with the same values."""

_DYNAMIC_BUDGET = -1
_EFFORTS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
_JSON = "application/json"
_PLAIN = ("", "text/plain")
_SCHEMA_NAME = "response"


def read_config(request: Fields, unserved: Unserved) -> Json:
    """Returns the canonical parameters of the request's `generationConfig`.

    Raises:
        ARouterError: INVALID_REQUEST.
    """
    config = request.object("generationConfig")
    if config is None:
        return {}
    canonical: Json = {}
    for name, parameter in _SAME.items():
        value = config.take(name, PARAMETERS[parameter].kind)
        if value is not None:
            canonical[parameter] = value
    if stop := config.texts("stopSequences"):
        canonical["stop"] = stop
    if modalities := config.take("responseModalities", STRINGS):
        canonical["modalities"] = [each.lower() for each in modalities]
    _read_format(config, canonical, unserved)
    if (thinking := config.object("thinkingConfig")) is not None:
        _read_thinking(thinking, canonical, unserved)
    if (speech := config.object("speechConfig")) is not None:
        _read_speech(speech, canonical, unserved)
    for name in config.rest():
        unserved.add(f"generationConfig.{name}")
    return canonical


def _read_format(config: Fields, canonical: Json, unserved: Unserved) -> None:
    mime_type = config.text("responseMimeType") or ""
    older = config.take_any("responseSchema")
    schema: Any = config.take_any("responseJsonSchema")
    if schema is None and older is not None:
        schema = json_schema(older, config.at("responseSchema"))
    if mime_type not in _PLAIN and mime_type != _JSON:
        unserved.add("generationConfig.responseMimeType")
        return
    if schema is not None:
        if not isinstance(schema, dict):
            raise wrong_type(config.at("responseJsonSchema"), "an object", schema)
        canonical["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": _SCHEMA_NAME, "schema": schema},
        }
    elif mime_type == _JSON:
        canonical["response_format"] = {"type": "json_object"}


def _read_thinking(thinking: Fields, canonical: Json, unserved: Unserved) -> None:
    budget = thinking.take("thinkingBudget", INTEGER)
    level = thinking.word("thinkingLevel", *_EFFORTS)
    shows = thinking.flag("includeThoughts")
    reasoning: Json = {}
    if level is not None:
        reasoning["effort"] = _EFFORTS[level]
    elif budget is not None and budget > 0:
        reasoning["max_tokens"] = budget
    elif budget == 0:
        reasoning["effort"] = "none"
    elif budget == _DYNAMIC_BUDGET or shows:
        reasoning["enabled"] = True
    elif budget is not None:
        path = thinking.at("thinkingBudget")
        raise invalid_request(f"Invalid value for '{path}': expected an integer of at least -1, got {budget}.", path)
    if reasoning and reasoning.get("effort") != "none":
        reasoning["exclude"] = not shows
    if reasoning:
        canonical["reasoning"] = reasoning
    for name in thinking.rest():
        unserved.add(f"generationConfig.thinkingConfig.{name}")


def _read_speech(speech: Fields, canonical: Json, unserved: Unserved) -> None:
    voice = speech.object("voiceConfig")
    prebuilt = None if voice is None else voice.object("prebuiltVoiceConfig")
    name = None if prebuilt is None else prebuilt.text("voiceName")
    if name:
        canonical["audio"] = {"voice": name, "format": "pcm16"}
    names = [*speech.rest(), *(f"voiceConfig.{each}" for each in (voice.rest() if voice else ()))]
    for each in names:
        unserved.add(f"generationConfig.speechConfig.{each}")
