"""What becomes of every field of a request in the protocols that are not OpenAI's, as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

SENT = "sent"
"""The provider is told: its request is another one with the field."""
NAMED = "named"
"""The provider is not told, and the field is named as dropped."""
WITH_PARENT = "named with parent"
"""The provider is not told, and the object that holds the field is named as dropped."""
NEEDLESS = "needless"
"""The provider is not told, because it makes no difference there."""


class Refused(NamedTuple):
    """The request is refused with a 400 that names `param`."""

    param: str


class Row(NamedTuple):
    """What becomes of a field.

    Attributes:
        with_: Fields of a request that has it.
        without: The same without it, or None if nothing can be without.
        anthropic: What becomes of it there.
        gemini: What becomes of it there.
    """

    with_: dict[str, Any]
    without: dict[str, Any] | None
    anthropic: str | Refused
    gemini: str | Refused


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, *parts]}]}


def after(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hi"}, *messages]}


def answer(**more: Any) -> dict[str, Any]:
    return after({"role": "assistant", "content": "Hello.", **more})


def offer(tool: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tools": [tool], **more}


USER = {"role": "user", "content": "Hi"}
PNG = "data:image/png;base64,QUJD"
PDF = "data:application/pdf;base64,QUJD"
FUNCTION = {"type": "function", "function": {"name": "f"}}
OTHER = {"type": "function", "function": {"name": "g"}}
CUSTOM = {"type": "custom", "custom": {"name": "c"}}
GRAMMAR = {"type": "grammar", "grammar": {"definition": "start: NUMBER", "syntax": "lark"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
CUSTOM_CALL = {"id": "call_1", "type": "custom", "custom": {"name": "c", "input": "x"}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
IMAGE = {"type": "image_url", "image_url": {"url": PNG}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}
FILE = {"type": "file", "file": {"file_data": PDF}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
ANSWER = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
BREAKPOINT = {"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [FUNCTION]}}
CHOSEN = {"type": "function", "function": {"name": "f"}}
CHOSEN_CUSTOM = {"type": "custom", "custom": {"name": "c"}}
SEARCH = {
    "search_context_size": "low",
    "user_location": {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}},
}


def with_each(rows: dict[str, Row], path: str, *names: str) -> dict[str, Row]:
    """Returns rows for fields that share the fate of the one that holds them."""
    parent = rows[path]
    fate = {NAMED: WITH_PARENT}
    share = [each if isinstance(each, Refused) else fate.get(each, each) for each in parent[2:]]
    return {f"{path}.{name}": Row(parent.with_, parent.without, *share) for name in names}


def parameter(name: str, value: Any, anthropic: str | Refused, gemini: str | Refused) -> dict[str, Row]:
    return {name: Row({name: value}, {}, anthropic, gemini)}


NO_PART = "messages[0].content[1].type"
NO_FUNCTIONS = Refused("functions")
ROWS: dict[str, Row] = {
    # --- What stands alone -------------------------------------------------------------------------------------------
    **parameter("audio", {"format": "mp3", "voice": "alloy"}, NAMED, SENT),
    "audio.format": Row({"audio": {"format": "mp3"}}, {}, WITH_PARENT, NAMED),
    "audio.voice": Row({"audio": {"voice": "alloy"}}, {}, WITH_PARENT, SENT),
    "audio.voice.id": Row({"audio": {"voice": {"id": "v"}}}, {}, WITH_PARENT, WITH_PARENT),
    **parameter("frequency_penalty", 0.5, NAMED, SENT),
    **parameter("function_call", "none", Refused("function_call"), SENT),
    "function_call.name": Row({"function_call": {"name": "f"}}, {}, Refused("function_call"), SENT),
    **parameter("functions", [{"name": "f"}], NO_FUNCTIONS, SENT),
    "functions.name": Row({"functions": [{"name": "f"}]}, None, NO_FUNCTIONS, SENT),
    "functions.description": Row({"functions": [{"name": "f", "description": "d"}]}, {}, NO_FUNCTIONS, SENT),
    "functions.parameters": Row({"functions": [{"name": "f", "parameters": SCHEMA}]}, {}, NO_FUNCTIONS, SENT),
    **parameter("logit_bias", {"1": 5}, NAMED, NAMED),
    **parameter("logprobs", True, NAMED, SENT),
    **parameter("max_completion_tokens", 10, SENT, SENT),
    **parameter("max_tokens", 10, SENT, SENT),
    **parameter("metadata", {"team": "a"}, NAMED, NAMED),
    **parameter("modalities", ["text", "audio"], NAMED, SENT),
    "model": Row({}, None, SENT, SENT),
    **parameter("moderation", {"model": "m", "policy": {}}, NAMED, NAMED),
    **parameter("n", 2, Refused("n"), SENT),
    "parallel_tool_calls": Row(
        {"tools": [FUNCTION], "parallel_tool_calls": False}, {"tools": [FUNCTION]}, SENT, NAMED
    ),
    **parameter("prediction", {"type": "content", "content": [{"type": "text", "text": "x"}]}, NAMED, NAMED),
    **parameter("presence_penalty", 0.5, NAMED, SENT),
    **parameter("prompt_cache_key", "k", NAMED, NAMED),
    **parameter("prompt_cache_options", {"mode": "explicit", "ttl": "30m"}, NAMED, NAMED),
    **parameter("prompt_cache_retention", "24h", NAMED, NAMED),
    **parameter("reasoning_effort", "low", SENT, SENT),
    **parameter("safety_identifier", "s", SENT, NAMED),
    **parameter("seed", 1, NAMED, SENT),
    **parameter("service_tier", "flex", NAMED, SENT),
    **parameter("stop", ["END"], SENT, SENT),
    **parameter("store", True, NAMED, SENT),
    **parameter("stream", True, SENT, SENT),
    # Usage comes with every stream, and obfuscation is what OpenAI's own servers add.
    **parameter("stream_options", {"include_usage": True, "include_obfuscation": True}, NEEDLESS, NEEDLESS),
    **parameter("temperature", 0.5, SENT, SENT),
    **parameter("top_logprobs", 3, NAMED, SENT),
    **parameter("top_p", 0.5, SENT, SENT),
    **parameter("user", "u", SENT, NAMED),
    **parameter("verbosity", "low", NAMED, NAMED),
    **parameter("web_search_options", SEARCH, NAMED, SENT),
    "web_search_options.search_context_size": Row(
        {"web_search_options": {"search_context_size": "low"}}, {"web_search_options": {}}, WITH_PARENT, NAMED
    ),
    "web_search_options.user_location": Row(
        {"web_search_options": SEARCH}, {"web_search_options": {}}, WITH_PARENT, NAMED
    ),
    # --- What OpenAI lacks and many others share ---------------------------------------------------------------------
    **parameter("include_reasoning", True, NAMED, SENT),
    **parameter("min_p", 0.1, NAMED, NAMED),
    **parameter("reasoning", {"effort": "high"}, SENT, SENT),
    **parameter("repetition_penalty", 1.1, NAMED, NAMED),
    **parameter("top_a", 0.1, NAMED, NAMED),
    **parameter("top_k", 5, SENT, SENT),
    # --- The answer's format -----------------------------------------------------------------------------------------
    **parameter("response_format", ANSWER, SENT, SENT),
    # Anthropic has no such mode, so it is asked in words, which may not help.
    "response_format.type": Row({"response_format": {"type": "json_object"}}, {}, WITH_PARENT, SENT),
    "response_format.json_schema": Row({"response_format": ANSWER}, {}, SENT, SENT),
    "response_format.json_schema.schema": Row({"response_format": ANSWER}, {}, SENT, SENT),
    "response_format.json_schema.description": Row(
        {"response_format": {**ANSWER, "json_schema": {"name": "n", "schema": SCHEMA, "description": "d"}}},
        {"response_format": ANSWER},
        SENT,
        SENT,
    ),
    # Neither calls a schema by a name, and both take every schema as strict.
    "response_format.json_schema.name": Row(
        {"response_format": ANSWER},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}},
        NEEDLESS,
        NEEDLESS,
    ),
    "response_format.json_schema.strict": Row(
        {"response_format": {**ANSWER, "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}},
        {"response_format": ANSWER},
        NEEDLESS,
        NEEDLESS,
    ),
    # --- Tools -------------------------------------------------------------------------------------------------------
    "tools": Row(offer(FUNCTION), {}, SENT, SENT),
    "tools.type": Row(offer({"type": "sky_hook"}), {}, Refused("tools[0].type"), Refused("tools[0].type")),
    "tools.function": Row(offer(FUNCTION), None, SENT, SENT),
    "tools.function.name": Row(offer(FUNCTION), offer(OTHER), SENT, SENT),
    **{
        f"tools.function.{name}": Row(
            offer({"type": "function", "function": {"name": "f", name: value}}), offer(FUNCTION), SENT, SENT
        )
        for name, value in (("description", "d"), ("parameters", SCHEMA), ("strict", True))
    },
    "tools.custom": Row(offer(CUSTOM), {}, Refused("tools[0].type"), Refused("tools[0].type")),
    "tool_choice": Row(offer(FUNCTION, tool_choice="required"), offer(FUNCTION), SENT, SENT),
    "tool_choice.type": Row(offer(FUNCTION, tool_choice=CHOSEN), offer(FUNCTION), SENT, SENT),
    "tool_choice.function": Row(offer(FUNCTION, tool_choice=CHOSEN), offer(FUNCTION), SENT, SENT),
    "tool_choice.custom": Row(
        offer(FUNCTION, tool_choice=CHOSEN_CUSTOM), offer(FUNCTION), Refused("tool_choice"), Refused("tool_choice")
    ),
    "tool_choice.allowed_tools": Row(offer(FUNCTION, tool_choice=ALLOWED), offer(FUNCTION), SENT, SENT),
    # --- Messages ----------------------------------------------------------------------------------------------------
    "messages": Row({}, None, SENT, SENT),
    "messages.role": Row(answer(), after({"role": "user", "content": "Hello."}), SENT, SENT),
    "messages.name": Row(
        {"messages": [{"role": "user", "content": "Hi", "name": "ada"}]},
        {"messages": [{"role": "user", "content": "Hi"}]},
        NAMED,
        NAMED,
    ),
    "messages.content": Row(answer(), after(), SENT, SENT),
    "messages.content.type": Row(user({"type": "smell"}), user(), Refused(NO_PART), Refused(NO_PART)),
    "messages.content.text": Row(user({"type": "text", "text": "x"}), user(), SENT, SENT),
    "messages.content.refusal": Row(
        after({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}), after(), SENT, SENT
    ),
    "messages.content.image_url": Row(user(IMAGE), user(), SENT, SENT),
    "messages.content.image_url.url": Row(user(IMAGE), user(), SENT, SENT),
    "messages.content.image_url.detail": Row(
        user({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}), user(IMAGE), NAMED, NAMED
    ),
    "messages.content.input_audio": Row(user(AUDIO), user(), Refused(NO_PART), SENT),
    "messages.content.file": Row(user(FILE), user(), SENT, SENT),
    "messages.content.file.file_data": Row(user(FILE), user(), SENT, SENT),
    "messages.content.file.file_id": Row(
        user({"type": "file", "file": {"file_id": "file-1"}}),
        user(),
        Refused("messages[0].content[1].file.file_id"),
        Refused("messages[0].content[1].file.file_id"),
    ),
    "messages.content.file.filename": Row(
        # Gemini reads the type of the file from it, where nothing else says one.
        user({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}), user(FILE), SENT, NEEDLESS
    ),
    "messages.content.prompt_cache_breakpoint": Row(
        user({"type": "text", "text": "x", **BREAKPOINT}), user({"type": "text", "text": "x"}), NAMED, NAMED
    ),
    "messages.refusal": Row(answer(refusal="No."), answer(), SENT, SENT),
    "messages.audio": Row(answer(audio={"id": "a"}), answer(), Refused("messages[1].audio"), NAMED),
    "messages.function_call": Row(
        answer(function_call={"name": "f", "arguments": "{}"}), answer(), Refused("messages[1].function_call"), SENT
    ),
    "messages.tool_calls": Row(answer(tool_calls=[CALL]), answer(), SENT, SENT),
    "messages.tool_calls.type": Row(answer(tool_calls=[CALL]), answer(), SENT, SENT),
    "messages.tool_calls.custom": Row(answer(tool_calls=[CUSTOM_CALL]), answer(), SENT, SENT),
    "messages.tool_call_id": Row(
        after({"role": "assistant", "tool_calls": [CALL]}, RESULT),
        after({"role": "assistant", "tool_calls": [CALL]}),
        SENT,
        SENT,
    ),
}  # fmt: skip
for parent, names in {
    "messages.audio": ("id",),
    "messages.content.input_audio": ("data", "format"),
    "messages.content.prompt_cache_breakpoint": ("mode", "ttl"),
    "messages.function_call": ("name", "arguments"),
    "messages.tool_calls": ("id", "function", "function.name", "function.arguments"),
    "messages.tool_calls.custom": ("name", "input"),
    "moderation": ("model", "policy", "policy.input", "policy.input.mode", "policy.output", "policy.output.mode"),
    "prediction": ("type", "content", "content.type", "content.text", "content.prompt_cache_breakpoint"),
    "prediction.content.prompt_cache_breakpoint": ("mode", "ttl"),
    "prompt_cache_options": ("mode", "ttl"),
    "stream_options": ("include_usage", "include_obfuscation"),
    "tool_choice.function": ("name",),
    "tool_choice.custom": ("name",),
    "tool_choice.allowed_tools": ("mode", "tools"),
    "tools.custom": ("name", "description", "format", "format.type", "format.grammar"),
    "tools.custom.format.grammar": ("definition", "syntax"),
    "web_search_options.user_location": ("type", "approximate"),
    "web_search_options.user_location.approximate": ("city", "country", "region", "timezone"),
}.items():
    ROWS |= with_each(ROWS, parent, *names)
