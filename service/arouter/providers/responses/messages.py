"""Encodes canonical messages as the input items of the Responses API."""

from __future__ import annotations

from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.reasoning_details import OPENAI_FORMAT
from arouter.errors import invalid_request
from arouter.providers.lenient import object_in, objects, text_in

Json = dict[str, Any]

_FIELDS = frozenset({"role", "content"})
_FIELDS_OF_ROLE = {
    "assistant": _FIELDS | {"refusal", "tool_calls", "reasoning_details", "reasoning_content", "images"},
    "tool": _FIELDS | {"tool_call_id"},
}
_CALL_FIELDS = frozenset({"id", "type", "function", "custom", "index"})
_PART_FIELDS = frozenset({"type", "text", "refusal", "image_url", "input_audio", "file"})


def encode_messages(messages: list[Json], dropped: Dropped) -> list[Json]:
    """Returns the input items.

    Args:
        messages: In canonical form, with tool ids and names that OpenAI accepts.
        dropped: Collects members without an equivalent.

    Raises:
        ARouterError: INVALID_REQUEST with the path of a message that has no equivalent.
    """
    encoder = _Encoder(dropped)
    for index, message in enumerate(messages):
        encoder.add(message, f"messages[{index}]")
    return encoder.items


class _Encoder:
    def __init__(self, dropped: Dropped) -> None:
        self.items: list[Json] = []
        self._dropped = dropped
        self._custom: set[str] = set()

    def add(self, message: Json, path: str) -> None:
        role = message["role"]
        self._dropped.add_rest(message, _FIELDS_OF_ROLE.get(role, _FIELDS), "messages[].")
        if role == "assistant":
            self._assistant(message)
        elif role == "tool":
            call_id = message["tool_call_id"]
            kind = "custom_tool_call_output" if call_id in self._custom else "function_call_output"
            content = message.get("content")
            output = content if isinstance(content, str) else self._parts(content, "input_text")
            self.items.append({"type": kind, "call_id": call_id, "output": output})
        elif role == "function":
            raise invalid_request(
                "A message of the role 'function', which OpenAI replaced with 'tool', cannot be sent to this model.",
                f"{path}.role",
            )
        else:
            content = self._parts(message.get("content"), "input_text")
            self.items.append({"type": "message", "role": role, "content": content})

    def _assistant(self, message: Json) -> None:
        self._reasoning(message)
        parts = self._parts(message.get("content"), "output_text")
        if refusal := text_in(message.get("refusal")):
            parts.append({"type": "refusal", "refusal": refusal})
        if [part["type"] for part in parts] == ["output_text"]:
            self.items.append({"type": "message", "role": "assistant", "content": parts[0]["text"]})
        elif parts:
            # Only an output message has several parts or a refusal; its id, which nothing refers to, is required.
            output: Json = {"id": f"msg_{len(self.items)}", "type": "message", "status": "completed"}
            self.items.append({**output, "role": "assistant", "content": parts})
        for image in objects(message.get("images")):
            self._image(image)
        for call in message.get("tool_calls") or ():
            self._dropped.add_rest(call, _CALL_FIELDS, "messages[].tool_calls[].")
            if call.get("type") == "custom":
                self._custom.add(call["id"])
                tool = object_in(call.get("custom"))
                item: Json = {"type": "custom_tool_call", "input": tool.get("input") or ""}
            else:
                tool = object_in(call.get("function"))
                item = {"type": "function_call", "arguments": tool.get("arguments") or "{}"}
            self.items.append({**item, "call_id": call["id"], "name": tool.get("name")})

    def _reasoning(self, message: Json) -> None:
        """Adds OpenAI's own reasoning. It refuses what it has not encrypted itself."""
        summaries: list[Json] = []
        sent = False
        for detail in objects(message.get("reasoning_details")):
            data = text_in(detail.get("data"))
            if detail.get("format") != OPENAI_FORMAT:
                self._dropped.add("messages[].reasoning_details")
            elif text := text_in(detail.get("summary")):
                summaries.append({"type": "summary_text", "text": text})
            elif data:
                item: Json = {"type": "reasoning", "summary": summaries, "encrypted_content": data}
                if id_ := text_in(detail.get("id")):
                    item["id"] = id_
                self.items.append(item)
                summaries, sent = [], True
        if message.get("reasoning_content") and not sent:
            self._dropped.add("messages[].reasoning_content")

    def _image(self, image: Json) -> None:
        url = text_in(object_in(image.get("image_url")).get("url")) or ""
        described, _, data = url.partition(",")
        format_ = described.removeprefix("data:").partition(";")[0].partition("/")[2]
        # It has no stored id, so it is shown to the model as the user's.
        if data and format_:
            part = {"type": "input_image", "image_url": url}
            self.items.append({"type": "message", "role": "user", "content": [part]})

    def _parts(self, content: Any, text_type: str) -> list[Json]:
        if content is None or content == "":
            return []
        if isinstance(content, str):
            return [_text(text_type, content)]
        return [self._part(part, text_type) for part in content]

    def _part(self, part: Json, text_type: str) -> Json:
        kind = part["type"]
        if kind in ("text", "refusal", "image_url", "file"):
            self._dropped.add_rest(part, _PART_FIELDS, "messages[].content[].")
        if kind == "text":
            return _text(text_type, part["text"])
        if kind == "image_url":
            image = part["image_url"]
            image = {"url": image} if isinstance(image, str) else image
            return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail") or "auto"}
        if kind == "file":
            file = dict(part["file"])
            data = text_in(file.get("file_data")) or ""
            if data[:8].lower().startswith(("http://", "https://")):
                file["file_url"] = file.pop("file_data")
            return {"type": "input_file", **file}
        return part


def _text(type_: str, text: str) -> Json:
    return {"type": type_, "text": text, "annotations": []} if type_ == "output_text" else {"type": type_, "text": text}
