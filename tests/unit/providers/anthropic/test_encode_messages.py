"""Messages, part by part; whole requests are in the golden files."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from unit.providers.anthropic.requests import (
    ADAPTER,
    ASSISTANT,
    CACHED,
    CALL,
    CALLING,
    OPUS_4_8,
    OPUS_5_5,
    RESULT,
    SONNET_4_6,
    SONNET_5,
    STRANGER,
    TOOL,
    USER,
    encode,
    refusal,
    text,
    turns,
)

from arouter.chat.request import ChatRequest


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
    # Behind an answer it is the last turn, which must not be the assistant's.
    assert turns(USER, ASSISTANT, late, model=model)[1][-1] == ("user", [text("Now in French.")])


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
            {"role": "user", "content": [text("x"), {"type": "input_audio", "input_audio": {"data": "QQ=="}}]},
            "messages[0].content[1].type",
        ),
        ({"role": "user", "content": [{"type": "video_url"}]}, "messages[0].content[0].type"),
        (
            {"role": "system", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            "messages[0].content[0].type",
        ),
        (
            {"role": "assistant", "content": [{"type": "file", "file": {"file_data": PDF}}]},
            "messages[0].content[0].type",
        ),
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
        ({"role": "function", "name": "f", "content": "x"}, "messages[0].role"),
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


@pytest.mark.parametrize("then", [[], [USER]])
def test_only_an_answer_follows_an_instruction_in_its_place(then: list[dict[str, Any]]) -> None:
    """An empty answer between two instructions leaves no turn."""
    late, empty = {"role": "system", "content": "Now in French."}, {"role": "assistant", "content": None}

    roles = [role for role, _ in turns(USER, late, empty, late, *then, model=OPUS_5_5)[1]]

    assert roles == ["user", "system"]


@pytest.mark.parametrize("model", ["claude-haiku-4-5", OPUS_5_5])
def test_results_come_first_though_an_empty_answer_stands_before_them(model: str) -> None:
    late, empty = {"role": "system", "content": "Now in French."}, {"role": "assistant", "content": None}

    sent = turns(USER, CALLING, late, empty, RESULT, model=model)[1]

    after = sent[2][1]
    assert sent[2][0] == "user"
    assert [block["type"] for block in after].index("tool_result") == 0
