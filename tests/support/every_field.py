"""A request with every field, as OpenAI's JSON and as a message."""

from __future__ import annotations

import json
from typing import Any

from arouter.v1 import (
    chat_message_pb2 as message_pb,
)
from arouter.v1 import (
    chat_moderation_pb2 as moderation_pb,
)
from arouter.v1 import (
    chat_option_pb2 as option_pb,
)
from arouter.v1 import (
    chat_service_pb2 as service_pb,
)
from arouter.v1 import (
    chat_tool_pb2 as tool_pb,
)

SCHEMA = (
    '{"type":"object","properties":{"zebra":{"type":"string"},"apple":{"type":"integer","minimum":0},'
    '"mango":{"$ref":"#/$defs/m"}},"required":["zebra","apple"],"additionalProperties":false,'
    '"$defs":{"m":{"enum":["b","a",null,1.5,9007199254740993]}}}'
)
ARGUMENTS = '{ "z": 1,\n "a": "grüße" }'

MARK = '{"cache_control":{"type":"ephemeral"}}'

DOCUMENT: dict[str, Any] = {
    "model": "emu/text",
    "messages": [
        {"role": "developer", "content": "Be brief.", "name": "boss"},
        {"role": "system", "content": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this? 🙂"},
                {"type": "image_url", "image_url": {"url": "https://images.test/a.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                {"type": "file", "file": {"file_data": "data:;base64,AA==", "filename": "a.pdf"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "video_url", "video_url": {"url": "https://videos.test/a.mp4"}},
            ],
        },
        {
            "role": "assistant",
            "reasoning_content": "Hm.",
            "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "EqQB+/==", "index": 0}],
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look", "arguments": ARGUMENTS},
                    "extra_content": {"google": {"thought_signature": "c2ln+/=="}},
                },
                {"id": "call_2", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "a cat"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": ""}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}], "audio": {"id": "audio_1"}},
        {"role": "assistant", "content": "", "refusal": "No."},
        {"role": "user", "content": ""},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "look", "description": "Looks.", "parameters": json.loads(SCHEMA), "strict": False},
        },
        {"type": "function", "function": {"name": "bare"}, "cache_control": {"type": "ephemeral"}},
        {"google_search": {}},
        {"type": "custom", "custom": {"name": "shell", "format": {"type": "text"}}},
        {
            "type": "custom",
            "custom": {
                "name": "sum",
                "format": {"type": "grammar", "grammar": {"definition": "start: NUMBER", "syntax": "lark"}},
            },
        },
    ],
    "tool_choice": {"type": "function", "function": {"name": "look"}},
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "fruit", "description": "Fruit.", "schema": json.loads(SCHEMA), "strict": True},
    },
    "max_completion_tokens": 100,
    "max_tokens": 99,
    "temperature": 0.0,
    "top_p": 0.1,
    "stop": ["\n", "END"],
    "reasoning_effort": "xhigh",
    "n": 1,
    "frequency_penalty": -0.5,
    "presence_penalty": 2.0,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 0,
    "seed": 9007199254740993,
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "audio": {"format": "mp3", "voice": "alloy"},
    "prediction": {"type": "content", "content": "A cat."},
    "web_search_options": {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Zürich", "country": "CH"}},
    },
    "moderation": {"model": "omni-moderation-latest"},
    "service_tier": "flex",
    "store": False,
    "metadata": {"zone": "eu", "app": "test"},
    "prompt_cache_key": "key",
    "prompt_cache_options": {"mode": "explicit", "ttl": "30m"},
    "safety_identifier": "who",
    "top_k": 40,
    "vendor": {"z": [1, 2.5, None], "a": {}},
}


def typed_request(user: str) -> service_pb.ChatCompletionRequest:
    """Returns `DOCUMENT` as a message."""
    look = tool_pb.FunctionCall(name="look", arguments=ARGUMENTS)
    part, parts = message_pb.ContentPart, message_pb.ContentParts
    message = message_pb.ChatMessage
    return service_pb.ChatCompletionRequest(
        model="emu/text",
        messages=[
            message(role=message_pb.ROLE_DEVELOPER, content="Be brief.", name="boss"),
            message(
                role=message_pb.ROLE_SYSTEM, content_parts=parts(parts=[part(text="Be kind.", extra_fields_json=MARK)])
            ),
            message(
                role=message_pb.ROLE_USER,
                content_parts=parts(
                    parts=[
                        part(text="What is this? 🙂"),
                        part(image_url=message_pb.ImageUrl(url="https://images.test/a.png", detail="low")),
                        part(input_audio=message_pb.InputAudio(data="UklGRg==", format="wav")),
                        part(file=message_pb.InputFile(file_data="data:;base64,AA==", filename="a.pdf")),
                        part(file=message_pb.InputFile(file_id="file-1")),
                        part(extra_fields_json='{"type":"video_url","video_url":{"url":"https://videos.test/a.mp4"}}'),
                    ]
                ),
            ),
            message(
                role=message_pb.ROLE_ASSISTANT,
                reasoning_content="Hm.",
                tool_calls=[
                    tool_pb.ToolCall(
                        id="call_1",
                        function=look,
                        extra_fields_json='{"extra_content":{"google":{"thought_signature":"c2ln+/=="}}}',
                    ),
                    tool_pb.ToolCall(id="call_2", custom=tool_pb.CustomToolCall(name="shell", input="ls -l")),
                ],
                extra_fields_json=(
                    '{"reasoning_details":[{"type":"reasoning.text","text":"Hm.","signature":"EqQB+/==","index":0}]}'
                ),
            ),
            message(role=message_pb.ROLE_TOOL, tool_call_id="call_1", content="a cat"),
            message(role=message_pb.ROLE_TOOL, tool_call_id="call_2", content_parts=parts(parts=[part(text="")])),
            message(
                role=message_pb.ROLE_ASSISTANT,
                content_parts=parts(parts=[part(refusal="No.")]),
                audio=message_pb.Audio(id="audio_1"),
            ),
            message(role=message_pb.ROLE_ASSISTANT, content="", refusal="No."),
            message(role=message_pb.ROLE_USER, content=""),
        ],
        tools=[
            tool_pb.Tool(
                function=tool_pb.FunctionDefinition(
                    name="look", description="Looks.", parameters_json=SCHEMA, strict=False
                )
            ),
            tool_pb.Tool(function=tool_pb.FunctionDefinition(name="bare"), extra_fields_json=MARK),
            tool_pb.Tool(extra_fields_json='{"google_search":{}}'),
            tool_pb.Tool(
                custom=tool_pb.CustomTool(name="shell", format=tool_pb.CustomToolFormat(text=tool_pb.TextFormat()))
            ),
            tool_pb.Tool(
                custom=tool_pb.CustomTool(
                    name="sum",
                    format=tool_pb.CustomToolFormat(grammar=tool_pb.Grammar(definition="start: NUMBER", syntax="lark")),
                )
            ),
        ],
        tool_choice=tool_pb.ToolChoice(function=tool_pb.NamedTool(name="look")),
        parallel_tool_calls=False,
        response_format=option_pb.ResponseFormat(
            json_schema=option_pb.JsonSchemaFormat(name="fruit", description="Fruit.", schema_json=SCHEMA, strict=True)
        ),
        max_completion_tokens=100,
        max_tokens=99,
        temperature=0.0,
        top_p=0.1,
        stop=["\n", "END"],
        reasoning_effort="xhigh",
        n=1,
        frequency_penalty=-0.5,
        presence_penalty=2.0,
        logit_bias={"50256": -100},
        logprobs=True,
        top_logprobs=0,
        seed=9007199254740993,
        verbosity="low",
        modalities=["text", "audio"],
        audio=option_pb.AudioOptions(format="mp3", voice="alloy"),
        prediction=option_pb.Prediction(content="A cat."),
        web_search_options=option_pb.WebSearchOptions(
            search_context_size="low",
            user_location=option_pb.UserLocation(
                approximate=option_pb.ApproximateLocation(city="Zürich", country="CH")
            ),
        ),
        moderation=moderation_pb.ModerationOptions(model="omni-moderation-latest"),
        service_tier="flex",
        store=False,
        metadata={"zone": "eu", "app": "test"},
        prompt_cache_key="key",
        prompt_cache_options=option_pb.PromptCacheOptions(mode="explicit", ttl="30m"),
        safety_identifier="who",
        extra_body='{"top_k": 40, "vendor": {"z": [1, 2.5, null], "a": {}}}',
        user=user,
    )
