"""A conversation that began at any provider goes on at any other, and its beginning is sent the same each turn."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from arouter.chat.request import ChatRequest, check_body
from arouter.errors import ARouterError
from arouter.providers.adapter import Adapter
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.openai import OpenAIAdapter
from arouter.providers.presets import PRESETS
from judges import anthropic, gemini
from judges.conversations import anthropic_faults, gemini_faults, openai_faults

Json = dict[str, Any]

ANTHROPIC, GEMINI = AnthropicAdapter(), GeminiAdapter()
NAMES = ("read", "mcp.fs/read file", "9lives", "a" * 70)
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in NAMES]
IMAGE: Json = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
TEXT: Json = {"type": "text", "text": "look"}
CACHED: Json = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
IDS = (
    "call_b4a41f4fba5d8e2963a7b4d5",
    "toolu_01A09q90qw90lq917835lq9",
    "chatcmpl-tool-0123456789abcdef0123456789abcdef",
    "functions.read:0",
    "abcdefg12",
    "call_1",
    "é/ü:1",
)


@dataclass(frozen=True)
class Target:
    """Where a conversation goes on.

    Attributes:
        id: The provider's.
        adapter: Its protocol and quirks.
        model: A native name.
        turns: Where the request has the conversation.
        no_images: Whether images are refused to the client.
    """

    id: str
    adapter: Adapter
    model: str = "m"
    turns: str = "messages"
    no_images: bool = False

    def send(self, messages: list[Json], **more: Any) -> Json:
        """Returns the request that reaches the provider; checks that it is one that the provider takes."""
        quirks = PRESETS[self.id].quirks
        tools = {} if quirks and quirks.no_tools else {"tools": TOOLS}
        body: Json = {"model": "m", "messages": messages, **tools, **more}
        before = orjson.dumps(body)
        check_body(body)
        wire = self.adapter.encode(ChatRequest(body, stream=False, include_usage=False), self.model)
        assert orjson.dumps(body) == before
        assert wire.body is not None
        sent: Json = orjson.loads(wire.body)
        assert self._faults(sent) == [], (self.id, self.model)
        return sent

    def said(self, messages: list[Json]) -> list[Any]:
        """Returns what the provider reads, in its order: messages, or their blocks where it joins neighbours."""
        turns = self.send(messages)[self.turns]
        if self.adapter is ANTHROPIC or self.adapter is GEMINI:
            return [(turn["role"], block) for turn in turns for block in turn.get("parts") or turn["content"]]
        return turns

    def _faults(self, sent: Json) -> list[str]:
        if self.turns == "contents":
            gemini.read_request(orjson.dumps(sent))
            return gemini_faults(sent, is_3=self.model != "gemini-2.5-flash", prefill=self.model != "gemini-3.6-flash")
        if self.adapter is ANTHROPIC:
            return anthropic.faults(sent) + anthropic_faults(
                sent,
                prefill=self.model.endswith("4-5"),
                system_turns=self.model in ("claude-opus-4-8", "claude-opus-5-5"),
            )
        return openai_faults(self.id, sent)


SOURCES = ("openai", "anthropic", "google", "deepseek", "mistralai", "groq", "openrouter")
"""Providers whose answers differ in what they hold; the others' are as OpenAI's or Groq's."""

DISTINCT = {repr(preset.quirks): id_ for id_, preset in reversed(PRESETS.items()) if preset.protocol == "openai"}
"""By their quirks, presets of OpenAI's protocol: one of each kind."""

TARGETS = [
    *(Target(id_, OpenAIAdapter(PRESETS[id_].quirks), no_images=id_ == "deepseek") for id_ in DISTINCT.values()),
    *(
        Target("anthropic", ANTHROPIC, model)
        for model in ("claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-5-5")
    ),
    *(
        Target("google", GEMINI, model, "contents")
        for model in ("gemini-2.5-flash", "gemini-3-pro", "gemini-3.6-flash")
    ),
]


def said_by_openai(source: str, text: str, thought: str, calls: list[tuple[str, str]]) -> Json:
    quirks = PRESETS[source].quirks
    message: Json = {"role": "assistant", "content": text or None}
    if thought:
        message[quirks.reasoning if quirks else "reasoning_content"] = thought
    if source == "openrouter" and thought:
        message["reasoning_details"] = [{"type": "reasoning.text", "text": thought, "format": "unknown", "index": 0}]
    if source == "openai":
        message |= {"refusal": None, "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}]}
    if source == "groq":
        message["executed_tools"] = [{"type": "search"}]
    if calls:
        message["tool_calls"] = [
            {"id": id_, "type": "function", "index": 0, "function": {"name": name, "arguments": '{"a":1}'}}
            for id_, name in calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    decoded = OpenAIAdapter(quirks).decode(orjson.dumps(answer))
    return decoded["choices"][0]["message"]


def said_by_anthropic(text: str, thought: str, calls: list[tuple[str, str]]) -> Json:
    calls = list(dict(calls).items())  # its ids are distinct
    blocks: list[Json] = [{"type": "thinking", "thinking": thought, "signature": "s"}] if thought else []
    blocks += [{"type": "text", "text": text}] if text else []
    blocks += [{"type": "tool_use", "id": id_, "name": name, "input": {"a": 1}} for id_, name in calls]
    stop = "tool_use" if calls else "end_turn"
    return ANTHROPIC.decode(anthropic.message(*blocks, stop_reason=stop))["choices"][0]["message"]


def said_by_gemini(text: str, thought: str, calls: list[tuple[str, str]]) -> Json:
    parts: list[Json] = [{"text": thought, "thought": True}] if thought else []
    parts += [{"text": text, "thoughtSignature": "c2ln"}] if text else []
    parts += [{"functionCall": {"name": name, "args": {"a": 1}}} for _, name in calls]
    answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}]}
    return GEMINI.decode(orjson.dumps({**answer, "responseId": f"r{len(calls)}"}))["choices"][0]["message"]


def said(source: str, text: str, thought: str, calls: list[tuple[str, str]]) -> Json:
    """Returns an assistant's message as a client of ARouter gets it from this provider, and sends it back."""
    if source == "anthropic":
        return said_by_anthropic(text, thought, calls)
    if source == "google":
        return said_by_gemini(text, thought, calls)
    return said_by_openai(source, text, thought, calls)


instructions = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "developer"]),
    st.sampled_from(["be brief", [CACHED]]),
)
users = st.builds(
    lambda content, more: {"role": "user", "content": content, **more},
    st.sampled_from(["hi", [TEXT], [CACHED], [TEXT, IMAGE]]),
    st.sampled_from([{}, {"name": "n"}, {"cache_control": {"type": "ephemeral"}}]),
)
results = st.sampled_from(["r", "", '{"$ref":"x"}', [TEXT], [TEXT, IMAGE], [IMAGE]])
thoughts = st.sampled_from(["", "hm"])
texts = st.sampled_from(["", "so", " so \n"])


@st.composite
def conversations(draw: Any, source: str) -> tuple[list[Json], list[int]]:
    """A conversation whose answers are a provider's, and the lengths at which an answer was asked for."""
    messages: list[Json] = draw(st.lists(instructions, max_size=2))
    asked = []
    messages.append(draw(users))
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.integers(0, 3)) == 0:
            messages.append(draw(instructions))
        asked.append(len(messages))
        calls = draw(st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from(NAMES)), max_size=3))
        answer = said(source, draw(texts), draw(thoughts), calls)
        messages.append(answer)
        given = [call["id"] for call in answer.get("tool_calls") or ()]
        messages += [
            {"role": "tool", "tool_call_id": id_, "content": draw(results)} for id_ in draw(st.permutations(given))
        ]
        if not given or draw(st.booleans()):
            messages.append(draw(users if draw(st.integers(0, 3)) else instructions))
    asked.append(len(messages))
    return messages, asked


@pytest.mark.parametrize("source", SOURCES)
@settings(max_examples=12, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
@given(data=st.data())
def test_a_conversation_moves(source: str, data: st.DataObject) -> None:
    messages, asked = data.draw(conversations(source))
    has_image = any(IMAGE in message["content"] for message in messages if isinstance(message["content"], list))

    for target in TARGETS:
        if target.no_images and has_image:
            with pytest.raises(ARouterError):
                target.send(messages)
            continue
        sent = [target.said(messages[:length]) for length in asked]
        for before, after in pairwise(sent):
            assert after[: len(before)] == before, (target.id, target.model)


@pytest.mark.parametrize("text", ["Sure, it is", "It is "])
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.id}-{target.model}")
def test_the_beginning_of_an_answer_moves(target: Target, text: str) -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": text}]

    assert text.strip() in orjson.dumps(target.send(messages)).decode()
    target.send(messages, max_tokens=9000, reasoning_effort="high")
