"""Requests, parameter by parameter; whole ones are in the golden files."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from unit.providers.anthropic.sdk import faults

from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError, Failure
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.anthropic.schema import JSON_INSTRUCTION

ADAPTER = AnthropicAdapter()
HAIKU_4_5 = "claude-haiku-4-5-20251001"
OPUS_4_5 = "claude-opus-4-5"
SONNET_4_6 = "claude-sonnet-4-6"
OPUS_4_8 = "claude-opus-4-8"
SONNET_5 = "claude-sonnet-5"
OPUS_5_5 = "claude-opus-5-5"
SONNET_5_5 = "claude-sonnet-5-5"
FABLE_5 = "claude-fable-5"
STRANGER = "qwen3-4b"

USER = {"role": "user", "content": "Hi"}
ASSISTANT = {"role": "assistant", "content": "Hello."}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "function": {"name": "g"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
CACHED = {"cache_control": {"type": "ephemeral"}}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def encode(model: str = SONNET_4_6, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Encodes a request, which the SDK's types must accept."""
    body = {"model": "m", "messages": [USER], **fields}
    check_body(body)
    wire = ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), model)
    sent = orjson.loads(wire.body)
    assert faults(sent) == []
    return sent, wire.dropped


def refusal(model: str = SONNET_4_6, **fields: Any) -> ARouterError:
    with pytest.raises(ARouterError) as caught:
        encode(model, **fields)
    assert caught.value.failure is Failure.INVALID_REQUEST
    return caught.value


def turns(*messages: dict[str, Any], model: str = SONNET_4_6) -> tuple[Any, list[tuple[str, Any]]]:
    """Returns the system prompt and the turns that messages become."""
    sent, _ = encode(model, messages=list(messages))
    return sent.get("system"), [(turn["role"], turn["content"]) for turn in sent["messages"]]


def test_leading_instructions_are_the_system_prompt() -> None:
    leading = [
        {"role": "system", "content": "One."},
        {"role": "developer", "content": [text("Two.", **CACHED), text("Three.")]},
    ]

    assert turns(*leading, USER) == (
        [text("One."), text("Two.", **CACHED), text("Three.")],
        [("user", [text("Hi")])],
    )


@pytest.mark.parametrize("model", [OPUS_4_8, OPUS_5_5, "claude-haiku-5-5"])
def test_a_later_instruction_stays_where_the_model_allows_it(model: str) -> None:
    late = {"role": "system", "content": "Now in French."}

    assert turns(USER, ASSISTANT, late, USER, model=model) == (
        None,
        [
            ("user", [text("Hi")]),
            ("assistant", [text("Hello.")]),
            ("user", [text("Hi")]),
            ("system", [text("Now in French.")]),
        ],
    )
    # Not behind a user turn: Anthropic would refuse it there.
    assert turns(USER, ASSISTANT, late, model=model)[0] == [text("Now in French.")]


@pytest.mark.parametrize("model", [SONNET_4_6, SONNET_5, STRANGER])
def test_a_later_instruction_joins_the_system_prompt_elsewhere(model: str) -> None:
    first, late = {"role": "system", "content": "One."}, {"role": "developer", "content": "Two."}

    assert turns(first, USER, late, ASSISTANT, USER, model=model) == (
        [text("One."), text("Two.")],
        [("user", [text("Hi")]), ("assistant", [text("Hello.")]), ("user", [text("Hi")])],
    )


def test_instructions_alone_are_sent_as_the_users() -> None:
    assert turns({"role": "system", "content": "Tell a joke."}) == (None, [("user", [text("Tell a joke.")])])


def test_messages_of_one_side_in_a_row_are_one_turn() -> None:
    assert turns(USER, {**USER, "content": [text("More.")]}, ASSISTANT, ASSISTANT, USER) == (
        None,
        [
            ("user", [text("Hi"), text("More.")]),
            ("assistant", [text("Hello."), text("Hello.")]),
            ("user", [text("Hi")]),
        ],
    )


def test_tool_results_come_first_in_the_turn_behind_their_calls() -> None:
    calls = [CALL, {**CALL, "id": "call_2"}]
    results = [RESULT, USER, {**RESULT, "tool_call_id": "call_2", "content": [text("2")], "is_error": True}]

    _, said = turns(USER, {**CALLING, "tool_calls": calls}, *results)

    assert said[2] == (
        "user",
        [
            {"type": "tool_result", "tool_use_id": "call_1", "content": [text("done")]},
            {"type": "tool_result", "tool_use_id": "call_2", "content": [text("2")], "is_error": True},
            text("Hi"),
        ],
    )


def test_blank_texts_are_left_out() -> None:
    _, said = turns(USER, {"role": "assistant", "content": " \n"}, {**USER, "content": [text(""), text("x")]})

    assert said == [("user", [text("Hi"), text("x")])]
    assert turns({"role": "tool", "tool_call_id": "a", "content": ""})[1] == [
        ("user", [{"type": "tool_result", "tool_use_id": "a"}])
    ]
    assert refusal(messages=[{"role": "user", "content": ""}]).param == "messages"


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('{"b": 1, "a": 12345678901234567890123}', b'"input":{"b": 1, "a": 12345678901234567890123}'),
        ("", b'"input":{}'),
        ("[1]", b'"input":{"arguments":"[1]"}'),
        ('{"cut', b'"input":{"arguments":"{\\"cut"}'),
    ],
)
def test_keeps_a_calls_arguments_as_they_were_written(arguments: str, value: bytes) -> None:
    call = {**CALL, "function": {"name": "f", "arguments": arguments}}
    body = {"model": "m", "messages": [USER, {**CALLING, "tool_calls": [call]}, RESULT]}

    assert value in ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), SONNET_4_6).body


def test_a_custom_tools_earlier_call_is_kept() -> None:
    call = {"id": "call_1", "type": "custom", "custom": {"name": "f", "input": "x = 1"}}

    _, said = turns(USER, {**CALLING, "tool_calls": [call]}, RESULT)

    assert said[1][1] == [{"type": "tool_use", "id": "call_1", "name": "f", "input": {"input": "x = 1"}}]


THOUGHT = {"type": "reasoning.text", "text": "Hm.", "signature": "c2ln", "format": "anthropic-claude-v1"}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


@pytest.mark.parametrize(
    ("details", "blocks"),
    [
        ([THOUGHT], [SIGNED, text("Hello."), "call"]),
        ([{**THOUGHT, "id": "content-1"}], [text("Hello."), SIGNED, "call"]),
        ([{**THOUGHT, "id": "content-9"}], [text("Hello."), SIGNED, "call"]),
        ([{**THOUGHT, "id": "rs_1"}, {**THOUGHT, "id": "content-2"}], [SIGNED, text("Hello."), SIGNED, "call"]),
        (
            [{"type": "reasoning.encrypted", "data": "RU5D"}],
            [{"type": "redacted_thinking", "data": "RU5D"}, text("Hello."), "call"],
        ),
    ],
)
def test_puts_thoughts_back_where_they_were(details: list[Any], blocks: list[Any]) -> None:
    answered = {**ASSISTANT, "tool_calls": [CALL], "reasoning_details": details, "reasoning_content": "Hm."}

    sent, dropped = encode(messages=[USER, answered, RESULT])

    call = {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
    assert sent["messages"][1]["content"] == [call if block == "call" else block for block in blocks]
    assert dropped == ()


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"reasoning_content": "Hm."}, ("messages[].reasoning_content",)),
        ({"reasoning": "Hm."}, ("messages[].reasoning",)),
        ({"reasoning_details": [{**THOUGHT, "signature": None}]}, ("messages[].reasoning_details",)),
        ({"reasoning_details": [{**THOUGHT, "format": "google-gemini-v1"}]}, ("messages[].reasoning_details",)),
        ({"reasoning_details": ["x", 1, None]}, ("messages[].reasoning_details",)),
    ],
)
def test_names_thoughts_that_anthropic_did_not_sign(fields: dict[str, Any], named: tuple[str, ...]) -> None:
    sent, dropped = encode(messages=[USER, {**ASSISTANT, **fields}, USER])

    assert sent["messages"][1]["content"] == [text("Hello.")]
    assert dropped == named


PDF = "data:application/pdf;base64,JVBERi0="


def data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "HTTPS://x.test/a.png"}},
            {"type": "image", "source": {"type": "url", "url": "HTTPS://x.test/a.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,QUJD"}, **CACHED},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"}, **CACHED},
        ),
        (
            {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}, "citations": {"enabled": True}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "a.pdf",
                "citations": {"enabled": True},
            },
        ),
        (
            {"type": "file", "file": {"file_data": "https://x.test/a.pdf"}},
            {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
        ),
        (
            {"type": "file", "file": {"file_data": data_uri("text/csv;charset=utf-8", "ä,b".encode())}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "ä,b"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:,a%20b"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a b"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:image/gif;base64,R0lG", "filename": "a.gif"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "R0lG"}},
        ),
    ],
)
def test_encodes_images_and_files(part: dict[str, Any], block: dict[str, Any]) -> None:
    assert turns({"role": "user", "content": [part]})[1] == [("user", [block])]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (
            {"role": "user", "content": [text("x"), {"type": "input_audio", "input_audio": {}}]},
            "messages[0].content[1]",
        ),
        ({"role": "user", "content": [{"type": "video_url"}]}, "messages[0].content[0]"),
        ({"role": "system", "content": [{"type": "image_url"}]}, "messages[0].content[0]"),
        ({"role": "assistant", "content": [{"type": "file", "file": {"file_data": PDF}}]}, "messages[0].content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}, "messages[0].content[0].image_url"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/bmp;base64,"}}]},
            "messages[0].content[0].image_url.url",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
            "messages[0].content[0].file.file_id",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:video/mp4;base64,"}}]},
            "messages[0].content[0].file.file_data",
        ),
        (
            {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}]},
            "messages[0].content[0].file.file_data",
        ),
        ({"role": "function", "name": "f", "content": "x"}, "messages[0]"),
        ({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}, "messages[0].function_call"),
        ({"role": "assistant", "audio": {"id": "audio_1"}}, "messages[0].audio"),
        ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"id": "", "function": {"name": "f"}}]}, "messages[0].tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "type": "x"}]}, "messages[0].tool_calls[0].type"),
    ],
)
def test_refuses_what_it_cannot_say_and_names_it(message: dict[str, Any], param: str) -> None:
    assert refusal(messages=[message, USER]).param == param


def test_names_what_messages_carry_beyond_the_protocol() -> None:
    low = {"type": "image_url", "image_url": {"url": "https://x.test/a", "detail": "low"}, "unknown": 1}
    messages = [{**USER, "name": "ada"}, {**ASSISTANT, "annotations": [1], "audio": None}, {**USER, "content": [low]}]

    assert encode(messages=messages)[1] == (
        "messages[].name",
        "messages[].annotations",
        "messages[].content[].image_url.detail",
        "messages[].content[].unknown",
    )


def test_passes_cache_control_wherever_it_stands() -> None:
    tool = {**TOOL, **CACHED, "defer_loading": False}
    sent, dropped = encode(messages=[{**USER, **CACHED}, {**CALLING, **CACHED}, RESULT], tools=[tool], **CACHED)

    marked = [sent, sent["messages"][0]["content"][0], sent["messages"][1]["content"][0], sent["tools"][0]]
    assert all(holder["cache_control"] == {"type": "ephemeral"} for holder in marked)
    assert dropped == ()


@pytest.mark.parametrize(
    ("choice", "parallel", "encoded"),
    [
        (None, None, None),
        ("auto", None, None),
        ("auto", False, {"type": "auto", "disable_parallel_tool_use": True}),
        ("none", False, {"type": "none"}),
        ("required", None, {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, True, {"type": "tool", "name": "f"}),
        ({"type": "tool", "name": "f"}, False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
        ({"type": "any"}, None, {"type": "any"}),
    ],
)
def test_encodes_the_choice_of_tools(choice: Any, parallel: bool | None, encoded: Any) -> None:
    sent, dropped = encode(tools=[TOOL, OTHER], tool_choice=choice, parallel_tool_calls=parallel)

    assert sent.get("tool_choice") == encoded
    assert [tool["name"] for tool in sent["tools"]] == ["f", "g"]
    assert dropped == ()


def test_allowed_tools_are_the_only_ones_sent() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    sent, _ = encode(tools=[TOOL, OTHER], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})

    assert [tool["name"] for tool in sent["tools"]] == ["g"]
    assert sent["tool_choice"] == {"type": "any"}


def test_a_model_that_cannot_be_forced_chooses_for_itself() -> None:
    sent, dropped = encode(OPUS_5_5, tools=[TOOL], tool_choice="required")

    assert "tool_choice" not in sent
    assert dropped == ("tool_choice",)


def test_a_choice_without_tools_says_nothing() -> None:
    assert "tool_choice" not in encode(tool_choice="none", tools=[])[0]
    assert refusal(tool_choice="required").param == "tool_choice"


def test_passes_a_tool_of_anthropics_that_the_client_runs() -> None:
    bash = {"type": "bash_20250124", "name": "bash"}

    assert encode(tools=[bash])[0]["tools"] == [bash]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [TOOL, {"type": "function"}]}, "tools[1].function"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [TOOL], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"reasoning": {"effort": "extreme"}}, "reasoning.effort"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"max_tokens": True}}, "reasoning.max_tokens"),
        ({"top_k": 1.5}, "top_k"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
    ],
)
def test_refuses_a_parameter_it_cannot_say(fields: dict[str, Any], param: str) -> None:
    assert refusal(**fields).param == param


ADAPTIVE = {"type": "adaptive", "display": "summarized"}
FORCED = {"tools": [TOOL], "tool_choice": "required"}
EFFORT = ("reasoning_effort",)


def budget(tokens: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


@pytest.mark.parametrize(
    ("model", "fields", "thinking", "effort", "dropped"),
    [
        (OPUS_5_5, {}, None, None, ()),
        (OPUS_5_5, {"reasoning_effort": "xhigh"}, ADAPTIVE, "xhigh", ()),
        (OPUS_5_5, {"reasoning_effort": "minimal"}, ADAPTIVE, "low", ()),
        (OPUS_5_5, {"reasoning": {"enabled": True}}, ADAPTIVE, None, ()),
        (OPUS_5_5, {"reasoning": {"max_tokens": 4000}}, ADAPTIVE, None, ("reasoning.max_tokens",)),
        (OPUS_5_5, {"reasoning_effort": "none"}, None, "low", ("reasoning_effort",)),
        (SONNET_5_5, {"reasoning": {"enabled": False}}, {"type": "between_tools"}, None, ()),
        (SONNET_5, {"reasoning_effort": "none"}, {"type": "disabled"}, None, ()),
        (FABLE_5, {"reasoning": {"effort": "none"}}, None, "low", ("reasoning",)),
        (OPUS_4_8, {"reasoning_effort": "none"}, None, None, ()),
        (OPUS_4_8, {"reasoning": {"effort": "max", "exclude": True}}, {**ADAPTIVE, "display": "omitted"}, "max", ()),
        (SONNET_4_6, {"reasoning_effort": "xhigh"}, ADAPTIVE, "high", ()),
        (SONNET_4_6, {"reasoning": {"max_tokens": 2000}}, budget(2000), None, ()),
        (OPUS_4_5, {"reasoning_effort": "high"}, budget(25600), "high", ()),
        (HAIKU_4_5, {"reasoning_effort": "medium"}, budget(16000), None, ()),
        (HAIKU_4_5, {"reasoning_effort": "low", "max_tokens": 2000}, budget(1024), None, ()),
        (HAIKU_4_5, {"reasoning_effort": "low", "max_tokens": 1024}, None, None, EFFORT),
        (HAIKU_4_5, {"reasoning": {"max_tokens": 9000}, "max_tokens": 5000}, budget(4999), None, ()),
        (STRANGER, {"reasoning": {"effort": "low", "exclude": True}}, budget(1638), None, ("reasoning.exclude",)),
        (SONNET_4_6, {"reasoning_effort": "low", **FORCED}, None, "low", ()),
        (HAIKU_4_5, {"reasoning_effort": "low", **FORCED}, None, None, EFFORT),
        (SONNET_4_6, {"reasoning": {"effort": "low", "summary": "auto"}}, ADAPTIVE, "low", ("reasoning.summary",)),
        (OPUS_4_8, {"thinking": {"type": "adaptive"}, "reasoning_effort": "low"}, {"type": "adaptive"}, "low", ()),
        (OPUS_4_8, {"output_config": {"effort": "max"}, "reasoning_effort": "low"}, ADAPTIVE, "max", ()),
    ],
)  # fmt: skip
def test_encodes_reasoning_in_the_models_dialect(
    model: str, fields: dict[str, Any], thinking: Any, effort: Any, dropped: tuple[str, ...]
) -> None:
    sent, named = encode(model, **fields)

    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort
    assert named == dropped
    if thinking and "budget_tokens" in thinking:
        assert 1024 <= thinking["budget_tokens"] < sent["max_tokens"]


@pytest.mark.parametrize(
    ("model", "fields", "limit"),
    [
        (OPUS_5_5, {}, 32_000),
        (STRANGER, {}, 8_192),
        ("claude-3-haiku-20240307", {}, 4_096),
        (OPUS_5_5, {"max_tokens": 5, "max_completion_tokens": 7}, 7),
        (HAIKU_4_5, {"reasoning": {"max_tokens": 40_000}}, 72_000),
    ],
)
def test_always_sets_a_limit(model: str, fields: dict[str, Any], limit: int) -> None:
    assert encode(model, **fields)[0]["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "fields", "sent", "dropped"),
    [
        (SONNET_4_6, {"temperature": 0, "top_k": 5}, {"temperature": 0, "top_k": 5}, ()),
        (SONNET_4_6, {"temperature": 1.0, "top_p": 1}, {}, ()),
        (SONNET_4_6, {"temperature": 1.5}, {"temperature": 1}, ("temperature",)),
        (SONNET_4_6, {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5}, ("top_p",)),
        (SONNET_4_6, {"temperature": 0.5, "top_p": 0.9, "reasoning_effort": "low"}, {}, ("temperature", "top_p")),
        (SONNET_4_6, {"top_p": 0.97, "reasoning_effort": "low"}, {"top_p": 0.97}, ()),
        ("claude-sonnet-4-0", {"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}, ()),
        (OPUS_5_5, {"temperature": 0.5, "top_p": 0.9, "top_k": 3}, {}, ("temperature", "top_p", "top_k")),
        (OPUS_5_5, {"temperature": 1, "top_p": 1, "top_k": 0}, {}, ()),
        (STRANGER, {"temperature": 1, "top_p": 0.5, "top_k": 0}, {"temperature": 1, "top_p": 0.5, "top_k": 0}, ()),
    ],
)
def test_sends_the_sampling_that_the_model_takes(
    model: str, fields: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body, named = encode(model, **fields)

    assert {field: body[field] for field in ("temperature", "top_p", "top_k") if field in body} == sent
    assert named == dropped


@pytest.mark.parametrize(
    ("fields", "sent", "dropped"),
    [
        ({"stop": "END"}, {"stop_sequences": ["END"]}, ()),
        ({"stop": ["\n", "END"]}, {"stop_sequences": ["END"]}, ("stop",)),
        ({"stop": "\n"}, {}, ("stop",)),
        ({"stop": []}, {}, ()),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}, ()),
        ({"safety_identifier": "s"}, {"metadata": {"user_id": "s"}}, ()),
        ({"user": "u", "safety_identifier": "s"}, {"metadata": {"user_id": "u"}}, ("safety_identifier",)),
        ({"metadata": {"user_id": "m", "run": "7"}}, {"metadata": {"user_id": "m"}}, ("metadata",)),
        ({"service_tier": "auto"}, {"service_tier": "auto"}, ()),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}, ()),
        ({"service_tier": "flex"}, {}, ("service_tier",)),
        ({"inference_geo": "us", "speed": "fast"}, {"inference_geo": "us", "speed": "fast"}, ()),
        ({"seed": 0, "logit_bias": {"1": 1}, "min_p": 0.1}, {}, ("seed", "logit_bias", "min_p")),
        ({"frequency_penalty": 0, "logprobs": False, "modalities": ["text"], "store": None}, {}, ()),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x"}}, {}, ("modalities", "audio")),
        ({"n": 1, "models": ["a/b"], "provider": {"order": []}, "stream_options": None}, {}, ()),
        ({"some_vendors": {"field": 1}, "verbosity": "low"}, {}, ("some_vendors", "verbosity")),
    ],
)
def test_translates_passes_or_names_every_parameter(
    fields: dict[str, Any], sent: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    body, named = encode(**fields)

    assert {field: value for field, value in body.items() if field not in ("model", "max_tokens", "messages")} == sent
    assert named == dropped


def test_adapts_a_schema_without_letting_more_pass() -> None:
    schema = {
        "type": "object",
        "properties": {
            "z": {"oneOf": [{"type": "string", "maxLength": 3}, {"$ref": "#/$defs/n"}]},
            "a": {"type": "array", "minItems": 2, "items": {"type": "object", "properties": {"x": {}}}},
            "minimum": {"type": "integer", "description": "Least.", "minimum": 0},
        },
        "$defs": {"n": {"type": "array", "minItems": 1, "uniqueItems": True}},
    }
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}

    body = {"model": "m", "messages": [USER], "response_format": wanted}
    wire = ADAPTER.encode(ChatRequest(body, stream=False, include_usage=False), SONNET_4_6)

    sent = orjson.loads(wire.body)
    assert faults(sent) == []
    assert sent["output_config"]["format"]["schema"] == {
        "type": "object",
        "properties": {
            "z": {"anyOf": [{"type": "string", "description": "{maxLength: 3}"}, {"$ref": "#/$defs/n"}]},
            "a": {
                "type": "array",
                "items": {"type": "object", "properties": {"x": {}}, "additionalProperties": False},
                "description": "{minItems: 2}",
            },
            "minimum": {"type": "integer", "description": "Least.\n\n{minimum: 0}"},
        },
        "$defs": {"n": {"type": "array", "minItems": 1, "description": "{uniqueItems: true}"}},
        "additionalProperties": False,
    }
    assert wire.dropped == ("response_format.json_schema.schema",)
    assert wire.body.index(b'"z"') < wire.body.index(b'"a"')


def test_a_strict_schema_is_sent_as_it_is() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "string"}}, "additionalProperties": False}

    sent, dropped = encode(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})

    assert sent["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
    assert dropped == ()


def test_json_mode_is_a_wish() -> None:
    sent, dropped = encode(
        messages=[{"role": "system", "content": "Be brief."}, USER], response_format={"type": "json_object"}
    )

    assert sent["system"] == [text("Be brief."), text(JSON_INSTRUCTION)]
    assert dropped == ("response_format",)


def test_refuses_what_is_nested_too_deeply() -> None:
    schema: dict[str, Any] = {}
    deep: Any = []
    for _ in range(300):
        schema, deep = {"items": schema}, [deep]

    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert refusal(response_format=wanted).param == "response_format.json_schema.schema"
    refusal(container=deep)
