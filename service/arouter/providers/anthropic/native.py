"""Passes on a request that already is one of the Messages API, and its response.

The body stays as the client sent it, but for

- the model;
- thinking blocks of models of another family, which would be rejected, and ids of their tool calls;
- what concerns the operator's account, in which all clients share what is stored, or changes the price.

A request that the model does not support as it is (because claude-code takes it for another one, or it is a fallback)
is translated instead, through the canonical form. So is one with features of Anthropic's servers for another vendor.
"""

from __future__ import annotations

from operator import is_
from typing import NamedTuple

from typing_extensions import override

from arouter.chat.chunks import Chunk
from arouter.chat.dropped import Dropped
from arouter.chat.native import NativeChunk, NativeCompletion, NativeEvent, NativeRequest
from arouter.chat.reasoning_details import CLAUDE_FORMAT
from arouter.chat.sealed_reasoning import is_sealed, seal_detail, unseal_detail
from arouter.providers.adapter import Reader, StreamDecoder
from arouter.providers.anthropic.messages import calls_without_thoughts
from arouter.providers.anthropic.profiles import Model, describe
from arouter.providers.anthropic.reasoning_details import format_of
from arouter.providers.anthropic.unchecked import Json
from arouter.providers.lenient import objects
from arouter.providers.native import NativeReader, NativeStreamDecoder
from arouter.providers.sse import ServerSentEvent
from arouter.providers.tool_ids import ANTHROPIC

DIALECT = "messages"

_WITHHELD = frozenset({"fallbacks", "user_profile_id", "workspace_id"})
_SPEEDS = (None, "standard")

# The common part of what DeepSeek, Kimi, MiniMax, Z.ai and llama.cpp document for their endpoints of this protocol.
_SHARED = frozenset(
    {
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_SHARED_BLOCKS = frozenset(
    {"document", "image", "redacted_thinking", "text", "thinking", "tool_result", "tool_use"},
)


class NativeBody(NamedTuple):
    """A body for the provider.

    Attributes:
        body: The request.
        dropped: What of it is not sent.
        headers: Headers of the client for Anthropic.
    """

    body: Json
    dropped: tuple[str, ...]
    headers: dict[str, str]


def encode_native(native: NativeRequest, model_name: str) -> NativeBody | None:
    """Returns the body for a provider, or None if the request has to be translated.

    Args:
        native: A request of the Messages API, validated by its dialect. Never modified.
        model_name: The model's native name.
    """
    model, dropped, asked = describe(model_name), Dropped(), native.body
    if not _fits(asked, model):
        return None
    turns, lost = _turns(asked["messages"], format_of(model_name), dropped)
    if lost and model.claude and model.budget and asked.get("thinking") and _lacks_thoughts(turns):
        return None
    body = {**asked, "model": model_name, "messages": turns}
    if not model.claude:
        return _shared(body, dropped)
    for name in _WITHHELD & body.keys():
        del body[name]
        dropped.add(name)
    if body.get("speed") not in _SPEEDS:
        del body["speed"]
        dropped.add("speed")
    return NativeBody(body, dropped.names(), dict(native.headers))


def native_reader(inner: Reader, model_name: str) -> NativeReader:
    """Returns the reader of a native response: thoughts of other models than Claude are sealed for the way back."""
    format_ = format_of(model_name)
    return NativeReader(inner) if format_ == CLAUDE_FORMAT else _SealingReader(inner, format_)


def _fits(body: Json, model: Model) -> bool:
    messages = body["messages"]
    if not model.system_turns and any(turn["role"] == "system" for turn in messages):
        return False
    if not model.prefill and messages[-1]["role"] == "assistant":
        return False
    kind = (body.get("thinking") or {}).get("type")
    if (kind == "adaptive" and not model.adaptive) or (kind == "enabled" and not model.budget):
        return False
    if not model.forced_tools and (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        return False
    effort = (body.get("output_config") or {}).get("effort")
    return effort is None or not model.claude or effort in model.efforts


def _shared(body: Json, dropped: Dropped) -> NativeBody | None:
    """Returns a body for a vendor other than Anthropic."""
    if any(tool.get("type") not in (None, "custom") for tool in body.get("tools") or ()):
        return None
    if any(block["type"] not in _SHARED_BLOCKS for turn in body["messages"] for block in objects(turn["content"])):
        return None
    if body.get("output_config") or body.get("output_format"):
        return None
    dropped.add_rest(body, _SHARED, "")
    return NativeBody({name: body[name] for name in body if name in _SHARED}, dropped.names(), {})


def _turns(messages: list[Json], format_: str, dropped: Dropped) -> tuple[list[Json], bool]:
    """Returns the messages with thoughts and ids that the model accepts, and whether thoughts were lost."""
    turns: list[Json] = []
    lost = False
    for turn in messages:
        content = turn["content"]
        if isinstance(content, str):
            turns.append(turn)
            continue
        blocks = [kept for block in content if (kept := _accepted(block, format_)) is not None]
        if len(blocks) < len(content):
            lost = True
            dropped.add("messages[].content[].thinking")
        if blocks or not content:
            turns.append(turn if all(map(is_, blocks, content)) else {**turn, "content": blocks})
    return turns, lost


def _accepted(block: Json, format_: str) -> Json | None:
    """Returns a block as the model accepts it, or None for a thought that another model has signed."""
    kind = block["type"]
    if kind in ("tool_use", "tool_result"):
        member = "id" if kind == "tool_use" else "tool_use_id"
        id_ = block[member]
        return block if ANTHROPIC.fits(id_) else {**block, member: ANTHROPIC.digest(id_, 0)}
    if kind not in ("thinking", "redacted_thinking"):
        return block
    member = "signature" if kind == "thinking" else "data"
    opaque = block.get(member) or ""
    if not is_sealed(opaque):
        # Only Claude's are not sealed. Vendors that do not sign accept those without a signature.
        own = bool(opaque) if format_ == CLAUDE_FORMAT else not opaque
        return block if own else None
    detail = unseal_detail(opaque)
    own = detail is not None and detail.get("format") == format_ and detail.get(member) is not None
    return {**block, member: detail[member]} if own and detail is not None else None


def _lacks_thoughts(turns: list[Json]) -> bool:
    return calls_without_thoughts(
        [turn for turn in turns if turn["role"] != "system" and isinstance(turn["content"], list) and turn["content"]]
    )


class _SealingReader(NativeReader):
    def __init__(self, inner: Reader, format_: str) -> None:
        super().__init__(inner)
        self._format = format_

    @override
    def decode(self, body: bytes) -> NativeCompletion:
        completion = super().decode(body)
        native = completion.native
        completion.native = {**native, "content": [_sealed(block, self._format) for block in native["content"]]}
        return completion

    @override
    def stream_decoder(self) -> NativeStreamDecoder:
        return _SealingStreamDecoder(self._inner.stream_decoder(), self._format)


class _SealingStreamDecoder(NativeStreamDecoder):
    def __init__(self, inner: StreamDecoder, format_: str) -> None:
        super().__init__(inner)
        self._format = format_

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        return self._seal(super().feed(event))

    @override
    def finish(self) -> list[Chunk]:
        return self._seal(super().finish())

    def _seal(self, chunks: list[Chunk]) -> list[Chunk]:
        for chunk in chunks:
            if isinstance(chunk, NativeChunk):
                chunk.native = [self._sealed_event(event) for event in chunk.native]
        return chunks

    def _sealed_event(self, event: NativeEvent) -> NativeEvent:
        kind, data = event
        for member in ("content_block", "delta"):
            part = data.get(member)
            if isinstance(part, dict) and (sealed := _sealed(part, self._format)) is not part:
                return kind, {**data, member: sealed}
        return event


def _sealed(part: Json, format_: str) -> Json:
    """Returns a block or delta with its signature sealed."""
    for member, kind in (("signature", "reasoning.text"), ("data", "reasoning.encrypted")):
        opaque = part.get(member)
        if isinstance(opaque, str) and opaque:
            return {**part, member: seal_detail({"type": kind, "format": format_, member: opaque})}
    return part
