"""Translates `systemInstruction` and `contents` to canonical messages.

- Consecutive contents of the model are one assistant message: clients keep a content for each event of a stream.
- Function responses are messages of the role `tool`, before the other parts of their content.
- Calls without an id get one, and a response without an id belongs to the oldest open call of its function.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from arouter.chat.gemini_forms import NO_SIGNATURE, code_text, extra_content
from arouter.chat.reasoning_details import GEMINI_FORMAT
from arouter.chat.sealed_reasoning import unseal
from arouter.chat.tool_arguments import json_text
from arouter.chat.types import NAME, missing
from arouter.dialects.gemini.fields import Fields, Json, shown
from arouter.dialects.gemini.media import file_part, inline_part
from arouter.dialects.parts import text_or_parts
from arouter.dialects.unserved import Unserved
from arouter.errors import invalid_request


def read_contents(request: Fields, unserved: Unserved) -> list[Json]:
    """Returns the messages of a request.

    Raises:
        ARouterError: INVALID_REQUEST with the path of the first invalid part.
    """
    conversation = _Conversation(unserved)
    instruction = request.take_any("systemInstruction")
    if isinstance(instruction, str):
        conversation.messages.append({"role": "system", "content": instruction})
    elif instruction is not None:
        conversation.add_instruction(Fields(instruction, "systemInstruction"))
    if "contents" not in request:
        raise missing("contents")
    contents = request.objects("contents")
    for content in contents:
        conversation.add(content)
    conversation.end_turn()
    if all(message["role"] == "system" for message in conversation.messages):
        raise invalid_request("Parameter 'contents' must hold at least one part.", "contents")
    return conversation.messages


class _Conversation:
    """The messages so far, and the calls without a response."""

    def __init__(self, unserved: Unserved) -> None:
        self.messages: list[Json] = []
        self._unserved = unserved
        self._open: dict[str, OrderedDict[str, None]] = {}
        self._turn: _ModelTurn | None = None
        self._ids: set[str] = set()
        self._calls = 0

    def add_instruction(self, content: Fields) -> None:
        content.text("role")
        self._add_message("system", [self._user_part(part) for part in content.objects("parts")])

    def add(self, content: Fields) -> None:
        role = content.text("role") or "user"
        parts = content.objects("parts")
        if role == "model":
            self._add_model(parts)
        elif role in ("user", "function"):
            if parts:
                self.end_turn()
            added = []
            for part in parts:
                response = part.object("functionResponse")
                if response is None:
                    added.append(self._user_part(part))
                else:
                    self._add_response(response)
                    self._note_rest(part)
            self._add_message("user", added)
        else:
            path = content.at("role")
            raise invalid_request(f"Invalid value for '{path}': {shown(role)}. Use 'user' or 'model'.", path)

    def _add_message(self, role: str, parts: list[Json]) -> None:
        if parts:
            self.messages.append({"role": role, "content": text_or_parts(parts)})

    def _user_part(self, part: Fields) -> Json:
        """Returns the canonical part for a part that the user may send."""
        part.take_any("thoughtSignature")
        part.take_any("thought")
        text = part.text("text")
        blob, file = part.object("inlineData"), part.object("fileData")
        if blob is not None:
            found = inline_part(blob)
        elif file is not None:
            found, is_google = file_part(file)
            if is_google:
                self._unserved.require_native(file.at("fileUri"))
        elif text is not None:
            found = {"type": "text", "text": text}
        else:
            found = self._unknown(part)
        self._note_rest(part)
        return found

    def _unknown(self, part: Fields) -> Json:
        kinds = part.rest()
        if "functionCall" in kinds:
            path = part.at("functionCall")
            raise invalid_request(f"'{path}' must be in a content whose role is 'model'.", path)
        if not kinds:
            raise invalid_request(f"'{part.path}' has no data: set 'text', 'inlineData' or another.", part.path)
        self._unserved.require_native(part.at(kinds[0]))
        part.take_any(kinds[0])
        return {"type": "text", "text": ""}

    def _note_rest(self, part: Fields) -> None:
        for name in part.rest():
            self._unserved.add(f"contents[].parts[].{name}")

    def _add_model(self, parts: list[Fields]) -> None:
        if self._turn is None:
            self._turn = _ModelTurn()
        for part in parts:
            self._add_model_part(part, self._turn)

    def end_turn(self) -> None:
        """Adds the model's contents so far, if they say anything, as one message."""
        message = {} if self._turn is None else self._turn.close()
        self._turn = None
        if len(message) > 1:
            self.messages.append({"content": None, **message})

    def _add_model_part(self, part: Fields, turn: _ModelTurn) -> None:
        signature = part.text("thoughtSignature")
        if signature == NO_SIGNATURE:
            signature = None
        if signature and isinstance(details := unseal(signature), list):
            turn.add_details(signature, [each for each in details if isinstance(each, dict)])
            signature = None
        thought = part.flag("thought")
        if (call := part.object("functionCall")) is not None:
            turn.calls.append(self._call(call, signature))
        elif (blob := part.object("inlineData")) is not None:
            self._add_media(inline_part(blob), signature, turn, blob.path)
        elif (file := part.object("fileData")) is not None:
            self._add_media(file_part(file)[0], signature, turn, file.path)
        elif (response := part.object("functionResponse")) is not None:
            raise invalid_request(f"'{response.path}' must be in a content whose role is 'user'.", response.path)
        else:
            code = {name: part.json_object(name) for name in ("executableCode", "codeExecutionResult")}
            turn.add_text(part.text("text") or code_text(code) or "", signature, thought=thought is True)
        self._note_rest(part)

    def _add_media(self, found: Json, signature: str | None, turn: _ModelTurn, path: str) -> None:
        if found["type"] == "image_url":
            turn.add_image(found["image_url"], signature)
        else:
            self._unserved.require_native(path)

    def _call(self, call: Fields, signature: str | None) -> Json:
        name = call.take("name", NAME)
        if name is None:
            raise missing(call.at("name"))
        arguments = json_text(call.json_object("args") or {}, call.at("args"))
        id_ = call.text("id") or self._new_id()
        self._ids.add(id_)
        self._open.setdefault(name, OrderedDict())[id_] = None
        for rest in call.rest():
            self._unserved.add(f"contents[].parts[].functionCall.{rest}")
        found: Json = {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
        if signature:
            found["extra_content"] = extra_content(signature)
        return found

    def _new_id(self) -> str:
        """Returns the id of a call without one; it is the same in each turn of the conversation."""
        while True:
            self._calls += 1
            if (id_ := f"call_{self._calls}") not in self._ids:
                return id_

    def _add_response(self, response: Fields) -> None:
        name = response.take("name", NAME)
        id_ = response.text("id")
        open_calls = self._open.get(name or "", OrderedDict())
        if id_ is None or id_ not in self._ids:
            if not open_calls:
                path = response.at("name" if id_ is None else "id")
                raise invalid_request(f"'{path}' is {shown(id_ or name)}, which no earlier functionCall has.", path)
            id_ = open_calls.popitem(last=False)[0]
        else:
            open_calls.pop(id_, None)
        text = _result_text(response.json_object("response") or {}, response.at("response"))
        content: Any = text
        if media := [self._response_part(part) for part in response.objects("parts")]:
            content = [{"type": "text", "text": text}, *media]
        for rest in response.rest():
            self._unserved.add(f"contents[].parts[].functionResponse.{rest}")
        self.messages.append({"role": "tool", "tool_call_id": id_, "content": content})

    def _response_part(self, part: Fields) -> Json:
        found = self._user_part(part)
        if found["type"] == "text":
            raise invalid_request(f"'{part.path}' needs 'inlineData' or 'fileData'.", part.path)
        return found


class _ModelTurn:
    """An assistant message that is being put together."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._details: list[Json] = []
        self._sealed: set[str] = set()
        self._images: list[Json] = []
        self.calls: list[Json] = []

    def add_text(self, text: str, signature: str | None, *, thought: bool) -> None:
        """Adds a text or a thought."""
        if text:
            (self._thoughts if thought else self._texts).append(text)
        if not signature:
            return
        detail: Json = {"type": "reasoning.encrypted", "data": signature}
        if thought:
            detail = {"type": "reasoning.text", "text": text, "signature": signature}
        self._details.append({**detail, "format": GEMINI_FORMAT, "index": len(self._details)})

    def add_details(self, signature: str, details: list[Json]) -> None:
        """Adds the entries of a sealed signature, once: clients may repeat it."""
        if signature not in self._sealed:
            self._sealed.add(signature)
            self._details += details

    def add_image(self, link: Json, signature: str | None) -> None:
        """Adds an image."""
        image: Json = {"index": len(self._images), "type": "image_url", "image_url": link}
        if signature:
            image["extra_content"] = extra_content(signature)
        self._images.append(image)

    def close(self) -> Json:
        """Returns the message."""
        message: Json = {"role": "assistant"}
        if self._texts:
            message["content"] = "".join(self._texts)
        if self._thoughts:
            message["reasoning_content"] = "".join(self._thoughts)
        members = (("reasoning_details", self._details), ("images", self._images), ("tool_calls", self.calls))
        message |= {name: items for name, items in members if items}
        return message


def _result_text(response: Json, path: str) -> str:
    """Returns a function's result as text: the object, or the text itself if that is all it holds."""
    output = response.get("output")
    if len(response) == 1 and isinstance(output, str) and output and not output.lstrip().startswith("{"):
        return output
    return json_text(response, path)
