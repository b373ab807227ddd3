"""Encodes messages as Gemini's systemInstruction and contents.

- System and developer messages at the beginning become the systemInstruction. Later ones keep their position as user
  messages: the position is part of their meaning, and moving them would invalidate the cached prompt.
- Consecutive messages with the same role become one content. Function results are separate from the user's content,
  directly after their calls, wherever the client put them: Gemini requires this position.
- Reasoning is sent back as its signatures, without its text.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from arouter.chat.dropped import Dropped
from arouter.chat.gemini_forms import NO_SIGNATURE, signature_in
from arouter.chat.reasoning_details import GEMINI_FORMAT
from arouter.errors import invalid_request
from arouter.providers.gemini.media import media_part, part_from_url
from arouter.providers.gemini.values import arguments_object, result_object
from arouter.providers.lenient import JsonObject, object_in, objects, text_in
from arouter.providers.message_order import CONTINUE, OPENING, PREFILL

_SYSTEM = frozenset({"system", "developer"})


_FIELDS = frozenset({"role", "content"})
_FIELDS_OF_ROLE = {
    "assistant": _FIELDS
    | {
        "extra_content",
        "function_call",
        "images",
        "prefix",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "refusal",
        "tool_calls",
    },
    # The call's id already identifies the function.
    "tool": _FIELDS | {"name", "tool_call_id"},
    "function": _FIELDS | {"name"},
}
_CALL_FIELDS = frozenset({"id", "type", "function", "custom", "extra_content", "index"})


class _Turn(NamedTuple):
    role: str
    parts: list[JsonObject]
    answers: bool = False
    """Whether it contains only function results."""


def encode_messages(messages: list[JsonObject], dropped: Dropped, *, is_3: bool, prefill: bool) -> JsonObject:
    """Returns `systemInstruction`, if there is one, and `contents`.

    Args:
        messages: In canonical form.
        dropped: Collects members that Gemini does not support.
        is_3: Whether the model is Gemini 3 or later, which rejects calls without a thought signature and supports media
        in function results.
        prefill: Whether the model continues a conversation that ends with its own turn; otherwise a user turn that asks
        to continue is appended.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the message or part that Gemini does not support.
    """
    opening = 0
    while opening < len(messages) and messages[opening]["role"] in _SYSTEM:
        opening += 1
    if opening == len(messages):
        opening = 0  # Gemini requires content besides instructions
    conversation = _Conversation(dropped, is_3, prefill)
    instruction: list[JsonObject] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        if index < opening:
            instruction += conversation.instruction(message, path)
        else:
            conversation.add(message, path)
    contents = conversation.contents()
    if not contents:
        raise invalid_request("Parameter 'messages' has no content to answer.", "messages")
    return (
        {"systemInstruction": {"parts": instruction}, "contents": contents} if instruction else {"contents": contents}
    )


class _Call(NamedTuple):
    """A call, and where its result and the media that the result cannot contain are put."""

    name: str
    answers: list[JsonObject]
    media: list[JsonObject]


class _Conversation:
    """The turns so far, and where the results of each call are put."""

    def __init__(self, dropped: Dropped, is_3: bool, prefill: bool) -> None:
        self._dropped = dropped
        self._is_3 = is_3
        self._prefill = prefill
        self._turns: list[_Turn] = []
        self._calls: dict[str, deque[_Call]] = {}
        self._legacy_calls: dict[str, _Call] = {}

    def contents(self) -> list[JsonObject]:
        """Returns the turns with content; consecutive turns of one kind are merged."""
        merged: list[_Turn] = []
        for turn in self._turns:
            if not turn.parts:
                continue
            if turn.answers and merged:
                _sort_as_called(turn.parts, merged[-1].parts)
            if merged and (merged[-1].role, merged[-1].answers) == (turn.role, turn.answers):
                merged[-1].parts.extend(turn.parts)
            else:
                merged.append(turn)
        if merged and any("functionCall" in part for part in merged[0].parts):
            # A call must follow a user turn or results (diegosouzapw/OmniRoute#13573).
            merged.insert(0, _Turn("user", [{"text": OPENING}]))
        if merged and merged[-1].role == "model" and not self._prefill and "functionCall" not in merged[-1].parts[-1]:
            self._dropped.add(PREFILL)
            merged.append(_Turn("user", [{"text": CONTINUE}]))
        return [{"role": turn.role, "parts": turn.parts} for turn in merged]

    def add(self, message: JsonObject, path: str) -> None:
        """Adds a message as a turn, or a result to the turn of its call."""
        role = message["role"]
        self._note_rest(message)
        if role == "assistant":
            self._add_assistant(message, path)
        elif role == "tool":
            self._add_result(message, path)
        elif role == "function":
            self._add_legacy_result(message, path)
        else:
            self._turns.append(_Turn("user", self._content(message, path)))

    def instruction(self, message: JsonObject, path: str) -> list[JsonObject]:
        """Returns the parts of a message that belongs to no turn."""
        self._note_rest(message)
        return self._content(message, path)

    def _note_rest(self, message: JsonObject) -> None:
        self._dropped.add_rest(message, _FIELDS_OF_ROLE.get(message["role"], _FIELDS), "messages[].")

    def _content(self, message: JsonObject, path: str) -> list[JsonObject]:
        """Returns the parts of a message's content."""
        content = message.get("content")
        if isinstance(content, str):
            return [{"text": content}]
        return [self._part(part, f"{path}.content[{index}]") for index, part in enumerate(content or [])]

    def _part(self, part: JsonObject, path: str) -> JsonObject:
        kind = part["type"]
        self._dropped.add_rest(part, frozenset({"type", kind}), "messages[].content[].")
        if kind not in ("text", "refusal"):
            return media_part(part, path, self._dropped)
        text = part.get(kind)
        if not isinstance(text, str):
            raise invalid_request(f"Missing required parameter: '{path}.{kind}', a string.", f"{path}.{kind}")
        return {"text": text}

    def _add_assistant(self, message: JsonObject, path: str) -> None:
        details = [entry for entry in objects(message.get("reasoning_details")) if entry.get("format") == GEMINI_FORMAT]
        # Clients send an empty string for the content of a message with calls.
        parts = _signed_thoughts(details) + [part for part in self._content(message, path) if part.get("text") != ""]
        if refusal := text_in(message.get("refusal")):
            parts.append({"text": refusal})
        parts += _images(message, path)
        calls = message.get("tool_calls") or []
        call_ids = {id_ for call in calls if (id_ := text_in(call.get("id")))}
        signatures = [
            entry["data"]
            for entry in details
            if text_in(entry.get("data")) and text_in(entry.get("id")) not in call_ids
        ]
        if own := signature_in(message):
            signatures.append(own)
        # As a separate part, as in Gemini's streams: the texts have been concatenated since.
        parts += [{"text": "", "thoughtSignature": signature} for signature in signatures]
        answers: list[JsonObject] = []
        media: list[JsonObject] = []
        for call in calls:
            self._dropped.add_rest(call, _CALL_FIELDS, "messages[].tool_calls[].")
        call_parts = [
            self._call(call, f"{path}.tool_calls[{index}]", details, answers, media) for index, call in enumerate(calls)
        ]
        if (legacy := message.get("function_call")) is not None:
            call_parts.append(self._legacy_call(legacy, f"{path}.function_call", answers, media))
        if call_parts and self._is_3:
            # Only the first of parallel calls has a signature.
            call_parts[0].setdefault("thoughtSignature", NO_SIGNATURE)
        self._turns.append(_Turn("model", parts + call_parts))
        if call_parts:
            self._turns += [_Turn("user", answers, answers=True), _Turn("user", media)]

    def _call(
        self,
        call: JsonObject,
        path: str,
        details: list[JsonObject],
        answers: list[JsonObject],
        media: list[JsonObject],
    ) -> JsonObject:
        kind = "custom" if call.get("type") == "custom" else "function"
        called = object_in(call.get(kind))
        name = _name(called, f"{path}.{kind}")
        if kind == "custom":
            arguments: JsonObject = {"input": called.get("input")}
        else:
            arguments = arguments_object(called.get("arguments"), f"{path}.function.arguments")
        part: JsonObject = {"functionCall": {"name": name, "args": arguments}}
        if (id_ := text_in(call.get("id"))) is not None:
            part["functionCall"]["id"] = id_
            self._calls.setdefault(id_, deque()).append(_Call(name, answers, media))
        signature = signature_in(call) or next(
            (data for entry in details if id_ and entry.get("id") == id_ and (data := text_in(entry.get("data")))), None
        )
        if signature:
            part["thoughtSignature"] = signature
        return part

    def _legacy_call(self, call: Any, path: str, answers: list[JsonObject], media: list[JsonObject]) -> JsonObject:
        called = object_in(call)
        name = _name(called, path)
        self._legacy_calls[name] = _Call(name, answers, media)
        return {"functionCall": {"name": name, "args": arguments_object(called.get("arguments"), f"{path}.arguments")}}

    def _add_result(self, message: JsonObject, path: str) -> None:
        id_ = message.get("tool_call_id")
        if not isinstance(id_, str):
            raise invalid_request(f"Missing required parameter: '{path}.tool_call_id'.", f"{path}.tool_call_id")
        calls = self._calls.get(id_)
        if calls is None:
            # Gemini requires the function's name, which only the call contains.
            raise invalid_request(
                f"'{path}.tool_call_id' is {id_[:64]!r}, which is not the id of an earlier call.",
                f"{path}.tool_call_id",
            )
        # The oldest call with this id that has no result yet; a second result of a call is put after the first one.
        call = calls.popleft() if len(calls) > 1 else calls[0]
        call.answers.append({"functionResponse": {"id": id_, "name": call.name, **self._result(message, path, call)}})

    def _add_legacy_result(self, message: JsonObject, path: str) -> None:
        name = _name(message, path)
        call = self._legacy_calls.get(name)
        if call is None:
            raise invalid_request(f"'{path}.name' is {name[:64]!r}, which no earlier message calls.", f"{path}.name")
        call.answers.append({"functionResponse": {"name": name, **self._result(message, path, call)}})

    def _result(self, message: JsonObject, path: str, call: _Call) -> JsonObject:
        content = message.get("content")
        if not isinstance(content, list):
            return {"response": result_object(content or "")}
        parts = [self._part(part, f"{path}.content[{index}]") for index, part in enumerate(content)]
        texts = [part["text"] for part in parts if "text" in part]
        media = [part for part in parts if "text" not in part]
        response = result_object(texts[0]) if len(texts) == 1 else {"output": texts}
        if media and not self._is_3:
            call.media.extend(media)
            media = []
        return {"response": response, "parts": media} if media else {"response": response}


def _sort_as_called(answers: list[JsonObject], called: list[JsonObject]) -> None:
    """Sorts results in the order of their calls, by which older models match calls of the same function."""
    places = {part["functionCall"].get("id"): place for place, part in enumerate(called) if "functionCall" in part}
    answers.sort(key=lambda part: places.get(part["functionResponse"].get("id"), len(places)))


def _signed_thoughts(details: list[JsonObject]) -> list[JsonObject]:
    return [
        {"text": entry.get("text") or "", "thought": True, "thoughtSignature": signature}
        for entry in details
        if (signature := text_in(entry.get("signature")))
    ]


def _images(message: JsonObject, path: str) -> list[JsonObject]:
    """Returns the images of an earlier answer, in the format in which this router returned them."""
    parts = []
    for index, image in enumerate(objects(message.get("images"))):
        url = text_in(object_in(image.get("image_url")).get("url"))
        if url is not None:
            part = part_from_url(url, f"{path}.images[{index}].image_url.url")
            if signature := signature_in(image):
                part["thoughtSignature"] = signature
            parts.append(part)
    return parts


def _name(holder: JsonObject, path: str) -> str:
    name = text_in(holder.get("name"))
    if name is None:
        raise invalid_request(f"Missing required parameter: '{path}.name', a string.", f"{path}.name")
    return name
