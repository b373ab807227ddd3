"""Right answers, built from the official SDK's types: the wire format is checked against code that is not ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat import chat_completion as whole
from openai.types.chat import chat_completion_chunk as streamed
from openai.types.chat.chat_completion_message_tool_call import ChatCompletionMessageToolCall, Function

JsonObject = dict[str, Any]

CREATED = 1_750_000_000
WORDS = ("Hello", " from", " the", " emulator:", " grüße,", " 你好,", " 🙂.")
TEXT = "".join(WORDS)
REASONING = ("Let me", " think.")
TOOL_CALLS = (
    ("call_1", "get_weather", '{"city": "Zürich", "days": 3}'),
    ("call_2", "get_time", '{"zone": "Europe/Zurich"}'),
)
USAGE = CompletionUsage.model_validate(
    {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
)


def completion(
    model: str,
    text: str | None = TEXT,
    *,
    tool_calls: Iterable[tuple[str, str, str]] = (),
    reasoning: str | None = None,
    refusal: str | None = None,
    finish_reason: str | None = None,
    usage: CompletionUsage = USAGE,
) -> JsonObject:
    """Returns a whole answer."""
    message: JsonObject = {"role": "assistant", "content": text, "refusal": refusal}
    calls = [
        ChatCompletionMessageToolCall(id=id_, type="function", function=Function(name=name, arguments=arguments))
        for id_, name, arguments in tool_calls
    ]
    if calls:
        message["tool_calls"] = calls
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    choice = whole.Choice.model_validate(
        {
            "index": 0,
            "message": ChatCompletionMessage(**message),
            "finish_reason": finish_reason or ("tool_calls" if calls else "stop"),
            "logprobs": None,
        }
    )
    answer = ChatCompletion(
        id="chatcmpl-emulated",
        object="chat.completion",
        created=CREATED,
        model=model,
        choices=[choice],
        usage=usage,
        system_fingerprint="fp_emulated",
    )
    return answer.model_dump(mode="json", exclude_unset=True)


def text_chunks(model: str, pieces: Iterable[str] = WORDS, *, usage: bool = False) -> list[JsonObject]:
    """Returns a streamed answer of text: the role, a chunk for each piece, the finish, and the usage if wanted."""
    deltas = [{"role": "assistant", "content": "", "refusal": None}, *({"content": piece} for piece in pieces)]
    return chunks(model, deltas, "stop", USAGE if usage else None)


def reasoning_chunks(model: str, *, usage: bool = False) -> list[JsonObject]:
    """Returns a streamed answer that thinks first, as DeepSeek and many others send it."""
    deltas = [
        {"role": "assistant", "content": None, "reasoning_content": ""},
        *({"content": None, "reasoning_content": piece} for piece in REASONING),
        *({"content": piece} for piece in WORDS),
    ]
    return chunks(model, deltas, "stop", USAGE if usage else None)


def tool_chunks(
    model: str, calls: Iterable[tuple[str, str, str]] = TOOL_CALLS, *, usage: bool = False
) -> list[JsonObject]:
    """Returns a streamed answer of tool calls, with the arguments cut into pieces of five characters."""
    deltas = [{"role": "assistant", "content": None}, *call_deltas(calls)]
    return chunks(model, deltas, "tool_calls", USAGE if usage else None)


def call_deltas(calls: Iterable[tuple[str, str, str]]) -> Iterator[JsonObject]:
    """Yields the deltas of tool calls, with the arguments cut into pieces of five characters."""
    for index, (id_, name, arguments) in enumerate(calls):
        first = {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        yield {"tool_calls": [first]}
        for start in range(0, len(arguments), 5):
            piece = {"index": index, "function": {"arguments": arguments[start : start + 5]}}
            yield {"tool_calls": [piece]}


def chunks(
    model: str, deltas: Iterable[JsonObject], finish_reason: str, usage: CompletionUsage | None
) -> list[JsonObject]:
    """Returns a streamed answer: a chunk for each delta, the finish, and the usage if wanted."""
    said = [_chunk(model, delta, None, usage) for delta in deltas]
    said.append(_chunk(model, {}, finish_reason, usage))
    if usage:
        said.append({**_chunk(model, {}, None, usage), "choices": [], "usage": usage.model_dump(exclude_unset=True)})
    return said


def _chunk(model: str, delta: JsonObject, finish_reason: str | None, usage: CompletionUsage | None) -> JsonObject:
    choice = streamed.Choice.model_validate(
        {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    )
    chunk = ChatCompletionChunk(
        id="chatcmpl-emulated",
        object="chat.completion.chunk",
        created=CREATED,
        model=model,
        choices=[choice],
        system_fingerprint="fp_emulated",
        # OpenAI writes `"usage": null` into every other chunk once usage is asked for.
        **({"usage": None} if usage else {}),
    )
    return chunk.model_dump(mode="json", exclude_unset=True)


COUNT = 31


def count(path: str) -> dict[str, Any]:
    """Returns a count of tokens, in the words of the vendor that has the path."""
    if path.endswith(":countTokens"):
        return {"totalTokens": COUNT, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": COUNT}]}
    return {"input_tokens": COUNT}
