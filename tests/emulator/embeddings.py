"""What the emulator does for models that create embeddings or complete texts."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from aiohttp import web
from google.genai import types
from openai.types import Completion, CompletionChoice, CompletionUsage

from emulator import wire
from emulator.answers import CREATED
from emulator.call import Call
from emulator.scenarios import Scenario, status

DIMENSIONS = 8
TOKENS = 7
"""Prompt tokens of every answer."""

TEXT = ("Once", " upon", " a time")


def vector(text: Any, dimensions: int = DIMENSIONS) -> list[float]:
    """Returns the embedding of a text or its tokens; its numbers are exact in single precision."""
    seed = zlib.crc32(repr(text).encode())
    return [((seed >> place) % 256) / 256 - 0.5 for place in range(dimensions)]


def texts_of(value: Any) -> list[Any]:
    """Returns the texts of an `input`."""
    is_list = isinstance(value, list) and not isinstance(value[0], int)
    return value if is_list else [value]


def answer(call: Call, *, formats: bool = True) -> dict[str, Any]:
    """Returns OpenAI's answer."""
    encoded = formats and call.json.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts_of(call.json["input"])):
        numbers = vector(text, call.json.get("dimensions", DIMENSIONS))
        packed = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
        data.append({"object": "embedding", "index": index, "embedding": packed if encoded else numbers})
    usage = {"prompt_tokens": TOKENS, "total_tokens": TOKENS}
    return {"object": "list", "data": data, "model": call.model, "usage": usage}


async def embed(call: Call) -> web.StreamResponse:
    return wire.document(answer(call))


async def floats(call: Call) -> web.StreamResponse:
    """Ignores `encoding_format`."""
    return wire.document(answer(call, formats=False))


async def no_format(call: Call) -> web.StreamResponse:
    """Refuses `encoding_format`."""
    if "encoding_format" in call.json:
        error = {"message": "Extra inputs are not permitted: encoding_format", "type": "invalid_request_error"}
        return wire.document({"error": error}, 400)
    return wire.document(answer(call))


async def base64_alone(call: Call) -> web.StreamResponse:
    """Always answers with base64."""
    call.json["encoding_format"] = "base64"
    return wire.document(answer(call))


async def shuffled(call: Call) -> web.StreamResponse:
    said = answer(call)
    return wire.document({**said, "data": said["data"][::-1]})


async def gated(call: Call) -> web.StreamResponse:
    await call.released()
    return wire.document(answer(call))


def changed(**members: Any) -> Scenario:
    """Answers with other members."""

    async def scenario(call: Call) -> web.StreamResponse:
        said = {**answer(call), **members}
        return wire.document({name: value for name, value in said.items() if value is not ...})

    return scenario


async def too_long(call: Call) -> web.StreamResponse:
    """llama.cpp's answer to a text that is longer than its batch."""
    message = "input (601 tokens) is too large to process. increase the physical batch size (current batch size: 512)"
    return wire.document({"error": {"code": 500, "message": message, "type": "server_error"}}, 500)


async def gemini(call: Call) -> web.StreamResponse:
    """Google's answer to embedContent and batchEmbedContents, built of its own types."""
    several = call.path.partition("?")[0].endswith(":batchEmbedContents")
    requests = call.json["requests"] if several else [call.json]
    vectors = [
        types.ContentEmbedding(
            values=vector(each["content"]["parts"][0]["text"], each.get("outputDimensionality", DIMENSIONS))
        ).model_dump(by_alias=True, exclude_none=True)
        for each in requests
    ]
    return wire.document({"embeddings": vectors} if several else {"embedding": vectors[0]})


async def complete(call: Call) -> web.StreamResponse:
    """Completes a text."""
    usage = CompletionUsage(prompt_tokens=TOKENS, completion_tokens=len(TEXT), total_tokens=TOKENS + len(TEXT))
    if not call.wants_stream:
        whole = CompletionChoice(finish_reason="stop", index=0, text="".join(TEXT))
        return wire.document(_completion(call, whole, usage))
    events = [_completion(call, {"text": text, "index": 0, "logprobs": None, "finish_reason": None}) for text in TEXT]
    events.append(_completion(call, {"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}))
    if call.wants_usage:
        events.append({**events[0], "choices": [], "usage": usage.model_dump()})
    return await wire.send(call, [*map(wire.event, events), wire.DONE])


async def complete_gated(call: Call) -> web.StreamResponse:
    """Streams the first word, then waits. Not streamed, it waits before everything."""
    if not call.wants_stream:
        await call.released()
        return await complete(call)
    async with wire.stream(call) as response:
        choice = {"text": TEXT[0], "index": 0, "logprobs": None, "finish_reason": None}
        await response.write(wire.event(_completion(call, choice)))
        call.started.set()
        await call.released()
    return response


def _completion(call: Call, choice: CompletionChoice | dict[str, Any], usage: Any = None) -> dict[str, Any]:
    if isinstance(choice, CompletionChoice):
        return Completion(
            id="cmpl-1", choices=[choice], created=CREATED, model=call.model, object="text_completion", usage=usage
        ).model_dump()
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": CREATED,
        "model": call.model,
        "choices": [choice],
        "usage": usage,
    }


SCENARIOS: dict[str, Scenario] = {
    "embed": embed,
    "embed-floats": floats,
    "embed-no-format": no_format,
    "embed-base64": base64_alone,
    "embed-shuffled": shuffled,
    "embed-gated": gated,
    "embed-no-usage": changed(usage=...),
    "embed-extra": changed(vendor={"cached": True}),
    "embed-too-long": too_long,
    "embed-few": changed(data=[]),
    "embed-words": changed(data=[{"object": "embedding", "index": 0, "embedding": ["x"]}]),
    "embed-nested": changed(data=[{"object": "embedding", "index": 0, "embedding": [[0.5]]}]),
    "embed-not-base64": changed(data=[{"object": "embedding", "index": 0, "embedding": "no!"}]),
    "embed-no-data": changed(data=...),
    "embed-deep": changed(vendor=wire.DEEP),
    **{f"embed-status-{code}": status(code) for code in (400, 401, 500)},
    "embed-status-429": status(429, {"retry-after": "17"}),
    "gemini-embedding-001": gemini,
    "complete": complete,
    "complete-gated": complete_gated,
}
