"""Converts the input items of a Responses request to canonical messages.

- Reasoning, text and calls between two other items are one assistant message: providers require the calls of one turn
  to be together (BerriAI/litellm#21154).
- Results directly follow the message with their calls, wherever the client put them.
- Reasoning items carry the provider's signatures (`chat/sealed_reasoning.py`).
- Items without a canonical form restrict the request to providers of this dialect, but records of what OpenAI's servers
  have done are only named as unserved.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from arouter.chat.openai_forms import encrypted_details, image_of
from arouter.chat.sealed_reasoning import is_sealed, unseal
from arouter.chat.types import OBJECT, check, missing, wrong_type
from arouter.dialects.responses.content import canonical_content
from arouter.dialects.responses.tools import Tools, text_arguments
from arouter.dialects.unserved import Unserved
from arouter.errors import invalid_request

Json = dict[str, Any]

_ROLES = ("assistant", "developer", "system", "user")
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")

# What OpenAI's servers did; its outcome is in the message that follows.
_RECORDS = frozenset(
    {
        "code_interpreter_call",
        "file_search_call",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_list_tools",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)


class _Group(NamedTuple):
    """A message, the results of its calls, the pieces of its reasoning and the URLs of its images."""

    message: Json
    results: list[Json]
    thoughts: list[str]
    images: set[str]


class Conversation:
    """Converts the items of one request.

    Args:
        tools: The request's tools.
        unserved: Collects items that are left out.
    """

    def __init__(self, tools: Tools, unserved: Unserved) -> None:
        self._tools = tools
        self._unserved = unserved
        self._groups: list[_Group] = []
        self._turn: _Group | None = None
        self._waiting: dict[str, deque[_Group]] = {}
        self._extras: dict[str, Any] = {}

    def add_message(self, role: str, content: str | list[Json]) -> None:
        """Adds a message that is not the assistant's."""
        self._turn = None
        self._groups.append(_group({"role": role, "content": content}))

    def add(self, item: Any, path: str) -> None:
        """Adds the next item.

        Raises:
            ARouterError: INVALID_REQUEST with the path of the invalid member.
        """
        check(item, OBJECT, path)
        kind = item.get("type") or ("message" if "role" in item else None)
        if not isinstance(kind, str):
            raise missing(f"{path}.type") if kind is None else wrong_type(f"{path}.type", "a string", kind)
        if kind == "message":
            self._message(item, path)
        elif kind in _CALLS:
            self._call(item, kind, path)
        elif kind in _OUTPUTS:
            self._output(item, path)
        elif kind == "reasoning":
            self._reasoning(item, path)
        elif kind == "image_generation_call" and isinstance(item.get("result"), str):
            self._image(item)
        elif kind == "item_reference":
            raise invalid_request(
                f"'{path}' refers to a stored item, but ARouter stores no responses: send the item itself.", path
            )
        elif kind in _RECORDS:
            self._unserved.add(f"input[].{kind}")
        else:
            self._unserved.require_native(path)

    def messages(self) -> list[Json]:
        """Returns the messages, each followed by the results of its calls."""
        for group in self._groups:
            if group.thoughts:
                group.message["reasoning_content"] = "".join(group.thoughts)
        return [message for group in self._groups for message in (group.message, *group.results)]

    def _message(self, item: Json, path: str) -> None:
        role = item.get("role")
        if role is None:
            raise missing(f"{path}.role")
        if role not in _ROLES:
            raise invalid_request(
                f"Invalid value for '{path}.role'. Supported values are: {', '.join(_ROLES)}.", f"{path}.role"
            )
        content = canonical_content(item.get("content"), f"{path}.content", self._unserved)
        if role != "assistant":
            self.add_message(role, content)
            return
        message = self._assistant().message
        earlier = message["content"]
        if earlier is None:
            message["content"] = content
        else:
            parts = message["content"] = _parts(earlier)
            parts += _parts(content)

    def _call(self, item: Json, kind: str, path: str) -> None:
        call_id, name = (_filled(item, member, path) for member in ("call_id", "name"))
        text = item.get(_CALLS[kind])
        if not isinstance(text, str):
            at = f"{path}.{_CALLS[kind]}"
            raise missing(at) if text is None else wrong_type(at, "a string", text)
        turn = self._assistant()
        arguments = text_arguments(text) if kind == "custom_tool_call" else text
        function = {"name": self._tools.flat(item, name, path), "arguments": arguments}
        call: Json = {"id": call_id, "type": "function", "function": function}
        if call_id in self._extras:
            call["extra_content"] = self._extras.pop(call_id)
        turn.message.setdefault("tool_calls", []).append(call)
        self._waiting.setdefault(call_id, deque()).append(turn)

    def _output(self, item: Json, path: str) -> None:
        call_id = _filled(item, "call_id", path)
        content = canonical_content(item.get("output"), f"{path}.output", self._unserved)
        result: Json = {"role": "tool", "tool_call_id": call_id, "content": content}
        self._turn = None
        turns = self._waiting.get(call_id)
        if turns is None:
            self._groups.append(_group(result))
            return
        # The oldest call with this id that has no result yet.
        turn = turns.popleft() if len(turns) > 1 else turns[0]
        turn.results.append(result)

    def _reasoning(self, item: Json, path: str) -> None:
        turn = self._assistant()
        said = "\n\n".join(_texts(item.get("content")) or _texts(item.get("summary")))
        if said:
            turn.thoughts.append(said)
        encrypted = item.get("encrypted_content")
        if encrypted is None:
            return
        at = f"{path}.encrypted_content"
        if not isinstance(encrypted, str):
            raise wrong_type(at, "a string", encrypted)
        if is_sealed(encrypted):
            self._open(turn, encrypted, at)
            return
        details = turn.message.setdefault("reasoning_details", [])
        id_ = item["id"] if isinstance(item.get("id"), str) else None
        details += encrypted_details(encrypted, _texts(item.get("summary")), id_, len(details))

    def _open(self, turn: _Group, sealed: str, path: str) -> None:
        message, contents = turn.message, unseal(sealed)
        if not isinstance(contents, dict):
            raise invalid_request(f"'{path}' is damaged: send reasoning items back unchanged.", path)
        if isinstance(details := contents.get("reasoning_details"), list) and details:
            message.setdefault("reasoning_details", []).extend(details)
        if isinstance(extras := contents.get("tool_calls"), dict):
            # The item precedes its calls, but may follow one whose signature came late.
            self._extras |= extras
            for call in message.get("tool_calls", ()):
                if call["id"] in self._extras:
                    call["extra_content"] = self._extras.pop(call["id"])
        if isinstance(images := contents.get("images"), list):
            message.setdefault("images", []).extend(images)
            turn.images.update(filter(None, map(_url, images)))

    def _image(self, item: Json) -> None:
        """Adds an image of an earlier response, unless a reasoning item has it with its signature."""
        turn = self._assistant()
        images = turn.message.setdefault("images", [])
        image = image_of(item["result"], item.get("output_format"), len(images))
        url = image["image_url"]["url"]
        if url not in turn.images:
            turn.images.add(url)
            images.append(image)

    def _assistant(self) -> _Group:
        if self._turn is None:
            self._turn = _group({"role": "assistant", "content": None})
            self._groups.append(self._turn)
        return self._turn


def _group(message: Json) -> _Group:
    return _Group(message, [], [], set())


def _url(image: Any) -> str | None:
    link = image.get("image_url") if isinstance(image, dict) else None
    url = link.get("url") if isinstance(link, dict) else None
    return url if isinstance(url, str) else None


def _parts(content: str | list[Json] | None) -> list[Json]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _texts(parts: Any) -> list[str]:
    found = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return [text for text in found if isinstance(text, str) and text]


def _filled(item: Json, member: str, path: str) -> str:
    value = item.get(member)
    if value is None or value == "":
        raise missing(f"{path}.{member}")
    if not isinstance(value, str):
        raise wrong_type(f"{path}.{member}", "a string", value)
    return value
