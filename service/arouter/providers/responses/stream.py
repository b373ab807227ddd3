"""Decodes a Responses API stream: typed events of items become OpenAI's chunks.

Some servers send a text or arguments only when they are done, without deltas (BerriAI/litellm#27144), so each final
form is compared with what has arrived.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override

from arouter.chat.chunks import Chunk, usage_chunk
from arouter.providers.adapter import StreamDecoder
from arouter.providers.json_reader import parse_event
from arouter.providers.lenient import object_in, objects, text_in
from arouter.providers.openai_errors import embedded_error
from arouter.providers.provider_errors import bad_response, truncated
from arouter.providers.responses.decode import (
    annotation,
    call_id,
    details_of,
    envelope,
    failure_of,
    finish_reason,
    full_name,
    image_in,
    reasoning_text,
    usage_of,
)
from arouter.providers.sse import ServerSentEvent
from arouter.providers.surrogates import SurrogateJoiner

Json = dict[str, Any]

_ENDS = ("response.completed", "response.incomplete")
_SUMMARY = "response.reasoning_summary_text"
_INDICES = ("output_index", "content_index", "summary_index")
_ARGUMENTS = ("response.function_call_arguments", "response.custom_tool_call_input")


class _Text:
    """A text that arrives in pieces, in most cases once more as a whole, or only as a whole.

    Attributes:
        length: Of what has arrived, in characters.
    """

    __slots__ = ("_pieces", "length")

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []

    def take(self, text: str, *, whole: bool) -> str:
        """Returns what is new in the next piece, or in the whole; nothing if that contradicts the pieces."""
        if whole:
            known = "".join(self._pieces)
            text = text[len(known) :] if text.startswith(known) else ""
        if text:
            self._pieces.append(text)
            self.length += len(text)
        return text


class _Call:
    """A call that has begun.

    Attributes:
        index: Its index among the calls.
        kind: `function` or `custom`.
        text: Its arguments or input.
    """

    __slots__ = ("index", "kind", "text")

    def __init__(self, index: int, kind: str) -> None:
        self.index = index
        self.kind = kind
        self.text = _Text()

    @property
    def member(self) -> str:
        """The member of its text."""
        return "input" if self.kind == "custom" else "arguments"


class ResponsesStreamDecoder(StreamDecoder):
    """Converts events to chunks. What is done is sent as far as its deltas have not been."""

    def __init__(self) -> None:
        self.done = False
        self.usage: dict[str, Any] | None = None
        self.joiner = SurrogateJoiner()
        self._template: Json = {"id": "", "model": "", "object": "chat.completion.chunk"}
        self._begun = False
        self._calls: dict[Any, _Call] = {}
        self._texts: dict[tuple[Any, Any, str], _Text] = {}
        self._thoughts: dict[Any, set[Any]] = {}
        self._details = 0
        self._images = 0
        self._characters = 0

    @override
    def feed(self, event: ServerSentEvent) -> list[Chunk]:
        if event.data.strip() in (b"", b"[DONE]"):
            return []
        data = parse_event(event.data, self.joiner)
        kind = text_in(data.get("type")) or event.event.decode("utf-8", "replace")
        if kind == "error" or (not kind.startswith("response.") and "error" in data):
            raise embedded_error(data.get("error") or data)
        if kind == "response.failed":
            raise failure_of(object_in(data.get("response")))
        if kind in _ENDS:
            return self._end(object_in(data.get("response")))
        if kind in ("response.created", "response.in_progress", "response.queued"):
            return self._begin(object_in(data.get("response")))
        if any(type(data.get(name)) not in (int, type(None)) for name in _INDICES):
            raise bad_response("an index that is not an integer")
        deltas = self._deltas(kind, data)
        opening = [] if self._begun or not deltas else self._open()
        return opening + [self._chunk(delta) for delta in deltas]

    @override
    def finish(self) -> list[Chunk]:
        if not self.done:
            raise truncated()
        return []

    def _begin(self, response: Json) -> list[Chunk]:
        self._template = {**envelope(response), "object": "chat.completion.chunk"}
        return [] if self._begun else self._open()

    def _open(self) -> list[Chunk]:
        self._begun = True
        return [self._chunk({"role": "assistant", "content": None})]

    def _end(self, response: Json) -> list[Chunk]:
        chunks = [] if self._begun else self._begin(response)
        if not self._texts and not self._calls and not self._images:
            # A server without events of items has everything in the last one.
            for place, item in enumerate(objects(response.get("output"))):
                chunks += [self._chunk(delta) for delta in self._finish_item({"output_index": place, "item": item})]
        reason = finish_reason({"status": "completed", **response}, called=bool(self._calls))
        self._template |= envelope(response)
        chunks.append(self._chunk({}, reason))
        self.usage = usage_of(response)
        self.done = True
        return [*chunks, usage_chunk(self._template, self.usage)] if self.usage else chunks

    def _deltas(self, kind: str, data: Json) -> list[Json]:
        """Returns the deltas of an event; none for those that say nothing new, and for unknown ones."""
        name, _, action = kind.rpartition(".")
        if name in _ARGUMENTS:
            return self._continue_call(data, action)
        if name == "response.output_text":
            if action == "delta" and (logprobs := objects(data.get("logprobs"))):
                return [{**delta, "logprobs": logprobs} for delta in self._text(data, "content", "delta")]
            return self._text(data, "content", "delta" if action == "delta" else "text")
        if name == "response.refusal":
            return self._text(data, "refusal", "delta" if action == "delta" else "refusal")
        if name == "response.output_text.annotation":
            cited = self._texts.get(self._key(data, "content")) or _Text()
            start = self._characters - cited.length
            return [{"annotations": [annotation(object_in(data.get("annotation")), start)]}]
        if name in (_SUMMARY, "response.reasoning_text"):
            return self._think(data, kind) if action == "delta" else []
        if kind == "response.output_item.added":
            return self._start_item(data)
        if kind == "response.output_item.done":
            return self._finish_item(data)
        return []

    def _key(self, data: Json, member: str) -> tuple[Any, Any, str]:
        return data.get("output_index"), data.get("content_index"), member

    def _text(self, data: Json, member: str, source: str) -> list[Json]:
        text = text_in(data.get(source))
        if text is None:
            return []
        key = self._key(data, member)
        known = self._texts.get(key) or _Text()
        text = known.take(text, whole=source != "delta")
        if not text:
            return []
        self._texts[key] = known
        if member == "content":
            self._characters += len(text)
        return [{member: text}]

    def _think(self, data: Json, kind: str) -> list[Json]:
        text = text_in(data.get("delta"))
        if text is None:
            return []
        begun = self._thoughts.setdefault(data.get("output_index"), set())
        part = (kind, data.get("summary_index", data.get("content_index")))
        # Parts of one item are paragraphs, as in the complete form.
        if begun and part not in begun:
            text = "\n\n" + text
        begun.add(part)
        return [{"reasoning_content": text}]

    def _start_item(self, data: Json) -> list[Json]:
        item = object_in(data.get("item"))
        kind = item.get("type")
        if kind not in ("function_call", "custom_tool_call"):
            return []
        call = self._calls[data.get("output_index")] = _Call(
            len(self._calls), "custom" if kind == "custom_tool_call" else "function"
        )
        text = call.text.take(text_in(item.get(call.member)) or "", whole=False)
        tool = {"name": full_name(item), call.member: text}
        return [{"tool_calls": [{"index": call.index, "id": call_id(item), "type": call.kind, call.kind: tool}]}]

    def _continue_call(self, data: Json, action: str) -> list[Json]:
        call = self._calls.get(data.get("output_index"))
        if call is None:
            if action == "delta":
                raise bad_response("a delta of a tool call that has not started")
            return []
        text = text_in(data.get("delta" if action == "delta" else call.member))
        return self._add_to_call(call, text or "", whole=action != "delta")

    def _add_to_call(self, call: _Call, text: str, *, whole: bool) -> list[Json]:
        text = call.text.take(text, whole=whole)
        if not text:
            return []
        return [{"tool_calls": [{"index": call.index, call.kind: {call.member: text}}]}]

    def _finish_item(self, data: Json) -> list[Json]:
        place, item = data.get("output_index"), object_in(data.get("item"))
        kind = item.get("type")
        if kind in ("function_call", "custom_tool_call"):
            begun = [] if place in self._calls else self._start_item(data)
            call = self._calls[place]
            text = text_in(item.get(call.member)) or ("" if call.kind == "custom" or call.text.length else "{}")
            return begun + self._add_to_call(call, text, whole=True)
        if kind == "message":
            return [
                delta for at, part in enumerate(objects(item.get("content"))) for delta in self._part(place, at, part)
            ]
        if kind == "reasoning":
            return self._finish_reasoning(place, item)
        if kind == "image_generation_call" and text_in(item.get("result")):
            self._images += 1
            return [{"images": [image_in(item, self._images - 1)]}]
        return []

    def _part(self, place: Any, at: int, part: Json) -> list[Json]:
        shared = {"output_index": place, "content_index": at}
        begun = self._key(shared, "content") in self._texts
        found = self._text({**part, **shared}, "content", "text")
        found += self._text({**part, **shared}, "refusal", "refusal")
        if not begun and (annotations := objects(part.get("annotations"))):
            start = self._characters - len(text_in(part.get("text")) or "")
            found.append({"annotations": [annotation(each, start) for each in annotations]})
        return found

    def _finish_reasoning(self, place: Any, item: Json) -> list[Json]:
        found: list[Json] = []
        if place not in self._thoughts and (text := reasoning_text(item)):
            found.append({"reasoning_content": text})
        if details := details_of(item, self._details):
            self._details += len(details)
            found.append({"reasoning_details": details})
        return found

    def _chunk(self, delta: Json, reason: str | None = None) -> Chunk:
        logprobs = delta.pop("logprobs", None)
        choice: Json = {
            "index": 0,
            "delta": delta,
            "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
            "finish_reason": reason,
        }
        return {**self._template, "choices": [choice]}
