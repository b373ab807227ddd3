"""Translates a request's parameters to generationConfig and its siblings; others are reported as dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.parameters import PARAMETERS, Wire, is_neutral, max_tokens_of, shadowed_max_tokens
from arouter.chat.types import name_of
from arouter.errors import invalid_request
from arouter.providers.gemini.schema_rules import RULES
from arouter.providers.gemini.thinking import thinking_config
from arouter.providers.gemini.tools import encode_tools
from arouter.providers.json_schema import adapt_schema
from arouter.providers.lenient import JsonObject

_RENAMED = {name: row.gemini for name, row in PARAMETERS.items() if isinstance(row.gemini, str)}

# In `encode_parameters` by their names, in `thinking.py` or in `tools.py`.
_TRANSLATED = frozenset(
    {
        "thinkingConfig",
        "thinking_config",
        *(name for name, row in PARAMETERS.items() if row.gemini is not Wire.DROPPED),
    }
)

# Gemini's own fields, for features that OpenAI lacks, in both of Google's spellings.
_NATIVE_CONFIG = {
    "audio_transcription_config": "audioTranscriptionConfig",
    "enable_enhanced_civic_answers": "enableEnhancedCivicAnswers",
    "image_config": "imageConfig",
    "media_resolution": "mediaResolution",
    "response_modalities": "responseModalities",
    "speech_config": "speechConfig",
}
_NATIVE_BODY = {
    "cached_content": "cachedContent",
    "labels": "labels",
    "safety_settings": "safetySettings",
}
_NATIVE_CONFIG_NAMES = _NATIVE_CONFIG | {name: name for name in _NATIVE_CONFIG.values()}
_NATIVE_BODY_NAMES = _NATIVE_BODY | {name: name for name in _NATIVE_BODY.values()}

# `auto` is the default.
_SERVICE_TIERS = {"default": "standard", "flex": "flex", "priority": "priority"}

_AUDIO_FIELDS = frozenset({"format", "voice"})
_FORMAT_FIELDS = frozenset({"type", "json_schema"})
_SCHEMA_FIELDS = frozenset({"name", "description", "schema", "strict"})
_STREAM_OPTIONS = frozenset({"include_usage", "include_obfuscation"})

_PARAMETER_OF = {
    **{name.lower(): parameter for parameter, name in _RENAMED.items()},
    "logprobs": "top_logprobs",
    "maxoutputtokens": "max_tokens",
    "responsejsonschema": "response_format",
    "responsemimetype": "response_format",
    "stopsequences": "stop",
    "thinkingbudget": "reasoning",
    "thinkinglevel": "reasoning_effort",
    "tools": "tools",
    "functiondeclarations": "tools",
    "toolconfig": "tool_choice",
    "contents": "messages",
    "systeminstruction": "messages",
}


def encode_parameters(body: JsonObject, model: str, dropped: Dropped) -> JsonObject:
    """Returns the members of the request other than its messages.

    Raises:
        ARouterError: INVALID_REQUEST naming a parameter with an invalid value.
    """
    encoded = encode_tools(body, dropped)
    config: JsonObject = {}
    for name, value in body.items():
        if value is None:
            continue
        if name in _RENAMED:
            config[_RENAMED[name]] = value
        elif name in _NATIVE_CONFIG_NAMES:
            config[_NATIVE_CONFIG_NAMES[name]] = value
        elif name in _NATIVE_BODY_NAMES:
            encoded[_NATIVE_BODY_NAMES[name]] = value
        elif name in _SPECIAL:
            _SPECIAL[name](value, config, dropped)
        elif name == "service_tier" and value in _SERVICE_TIERS:
            encoded["serviceTier"] = _SERVICE_TIERS[value]
        elif name == "store":
            encoded["store"] = value
        elif (name == "service_tier" or name not in _TRANSLATED) and not is_neutral(name, value):
            dropped.add(name)
    if (limit := max_tokens_of(body)) is not None:
        config["maxOutputTokens"] = limit
    if (shadowed := shadowed_max_tokens(body)) is not None:
        dropped.add(shadowed)
    thinking = thinking_config(body, model, dropped)
    if thinking is not None:
        config["thinkingConfig"] = thinking
    if config:
        encoded["generationConfig"] = config
    return encoded


def parameter_of(field: str) -> str | None:
    """Returns the canonical parameter of a path in Gemini's errors, such as `generation_config.top_p`, or None."""
    for part in reversed(field.split(".")):
        if parameter := _PARAMETER_OF.get(part.partition("[")[0].replace("_", "").lower()):
            return parameter
    return None


def _set_stop(value: Any, config: JsonObject, _: Dropped) -> None:
    if value:
        config["stopSequences"] = [value] if isinstance(value, str) else value


def _set_top_logprobs(value: Any, config: JsonObject, _: Dropped) -> None:
    if value:
        config["logprobs"] = value


def _set_modalities(value: Any, config: JsonObject, _: Dropped) -> None:
    if value and value != ["text"]:
        config["responseModalities"] = [modality.upper() for modality in value]


def _set_audio(value: JsonObject, config: JsonObject, dropped: Dropped) -> None:
    voice = value.get("voice")
    if isinstance(voice, str):
        config["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    elif voice is not None:
        dropped.add("audio.voice")
    if value.get("format") not in (None, "pcm16"):
        dropped.add("audio.format")
    dropped.add_rest(value, _AUDIO_FIELDS, "audio.")


def _set_response_format(value: JsonObject, config: JsonObject, dropped: Dropped) -> None:
    kind = value.get("type")
    if not isinstance(kind, str):
        raise invalid_request("Missing required parameter: 'response_format.type', a string.", "response_format.type")
    if kind not in ("text", "json_object", "json_schema"):
        dropped.add("response_format")
        return
    dropped.add_rest(value, _FORMAT_FIELDS, "response_format.")
    if kind == "json_object":
        config["responseMimeType"] = "application/json"
    elif kind == "json_schema":
        path = "response_format.json_schema"
        wanted = value.get("json_schema")
        if not isinstance(wanted, dict):
            raise invalid_request(f"Missing required parameter: '{path}', an object.", path)
        dropped.add_rest(wanted, _SCHEMA_FIELDS, "response_format.json_schema.")
        config["responseMimeType"] = "application/json"
        schema = wanted.get("schema")
        if schema is None:
            return
        if not isinstance(schema, dict):
            raise invalid_request(
                f"Invalid type for '{path}.schema': expected an object, got {name_of(schema)}.", f"{path}.schema"
            )
        if (description := wanted.get("description")) is not None:
            schema = {"description": description, **schema}
        # In its key order, which is the order of the answer. Every schema is strict to Gemini, and nameless.
        config["responseJsonSchema"], weaker = adapt_schema(schema, RULES, f"{path}.schema")
        if weaker:
            dropped.add(f"{path}.schema")


def _set_stream_options(value: JsonObject, _: JsonObject, dropped: Dropped) -> None:
    # Usage comes with every stream, and obfuscation is what OpenAI's own servers add.
    dropped.add_rest(value, _STREAM_OPTIONS, "stream_options.")


_SPECIAL: dict[str, Callable[[Any, JsonObject, Dropped], None]] = {
    "audio": _set_audio,
    "modalities": _set_modalities,
    "response_format": _set_response_format,
    "stop": _set_stop,
    "stream_options": _set_stream_options,
    "top_logprobs": _set_top_logprobs,
}
