"""What is asked and said, in no protocol's words: each protocol writes and reads these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from emulator import Call

JsonObject = dict[str, Any]


class ToolCall(NamedTuple):
    """A call of a function; `arguments` parsed, because their spaces are the sender's."""

    id: str
    name: str
    arguments: JsonObject


class Used(NamedTuple):
    """Tokens: the prompt with what the cache gave and took, the completion with the reasoning."""

    prompt: int = 11
    completion: int = 7
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0


class Said(NamedTuple):
    """An answer: as the provider gives it, and as the client must hear it.

    Attributes:
        finish: OpenAI's finish reason.
        stopped_at: The stop sequence that ended it. Only Anthropic says so, and clients are not told.
    """

    text: str = ""
    finish: str = "stop"
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    used: Used = Used()
    stopped_at: str | None = None


class Failed(NamedTuple):
    """An error: what the provider says, and what the client must be told.

    Attributes:
        kind: Its row in the error table of each protocol.
        message: The provider's own words.
        status: The client's HTTP status.
        type: The client's error type.
        code: The client's error code, where the provider has none of its own.
        told: The client's message; may take in `{message}` and the provider's `{status}`.
        retry_after: What the provider asks for and the client's header says.
        in_stream: Whether a stream begins before it fails.
    """

    kind: str
    message: str
    status: int
    type: str
    code: str | None = None
    told: str = "{message}"
    retry_after: str | None = None
    in_stream: bool = False


class Asked(NamedTuple):
    """What reached the provider.

    Attributes:
        images: Media type and base64 of each.
        results: The id of the call and the result of each; the JSON where the result is such.
        limit: The most tokens of the answer.
    """

    instructions: list[str]
    texts: list[str]
    images: list[tuple[str, str]]
    calls: list[ToolCall]
    results: list[tuple[str, Any]]
    tools: dict[str, JsonObject]
    must_call: bool
    schema: JsonObject | None
    effort: str | None
    stop: list[str]
    limit: int | None


class WireError(NamedTuple):
    """A provider's error answer.

    Attributes:
        param: The parameter that it blames, by OpenAI's name.
        code: Its own word for the error, where clients are to get it.
    """

    status: int
    body: JsonObject
    headers: dict[str, str] | None = None
    param: str | None = None
    code: str | None = None


class Protocol(NamedTuple):
    """A provider of one protocol.

    Attributes:
        name: ARouter's name of it.
        model: A model that can do everything; a case's name follows.
        key_header: Where the credential is.
        unsaid: Fields of `Used` that it cannot express.
        read: Checks a request and returns what it asks.
        whole: Writes an answer.
        stream: Writes the pieces of a streamed one.
        fail: Writes an error, by its kind.
        fail_in_stream: Writes the pieces of a stream that fails before it says anything.
    """

    name: str
    model: str
    key_header: str
    unsaid: tuple[str, ...]
    read: Callable[[Call], Asked]
    whole: Callable[[str, Said], JsonObject]
    stream: Callable[[str, Said], list[bytes]]
    fail: Callable[[Failed], WireError]
    fail_in_stream: Callable[[str, WireError], list[bytes]]


def pieces(text: str, size: int = 4) -> list[str]:
    """Cuts a text for a stream."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def texts_of(parts: list[Mapping[str, Any]]) -> list[str]:
    """Returns the texts among the parts of a message."""
    return [part["text"] for part in parts if part.get("text")]
