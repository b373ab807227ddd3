"""Encodes the conversation: OpenAI's flat list of messages becomes Anthropic's system prompt and alternating turns.

- System and developer messages at the beginning become the system prompt, one block each.
- Later ones keep their position as `system` turns, if the model supports those at that position: after a user turn.
  Otherwise they are appended to the system prompt: an instruction keeps its authority and its order among instructions,
  and loses only its position. (As a user message it would keep its position and lose its authority.)
- Messages between two assistant messages become one user turn: tool results first, as Anthropic requires, then the
  user's content. Consecutive assistant messages become one turn.
- A request with only instructions is sent as a user turn, because Anthropic requires one.
- Instructions alone between two answers, or after the last one, become a user turn: a conversation that ends with the
  assistant is rejected, or its last turn continued (platform.claude.com, migration guides).
- A conversation that starts with the assistant gets a user turn before it, and trailing white space is removed from a
  final assistant turn: Anthropic rejects both (lobehub/lobehub#1601, vercel/ai#2124).
- If a model does not continue a final assistant turn, a user turn that asks to continue is appended.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.dropped import Dropped
from arouter.chat.tool_arguments import object_of
from arouter.errors import invalid_request
from arouter.providers.anthropic.content import ContentEncoder, text_blocks
from arouter.providers.anthropic.reasoning_details import restore
from arouter.providers.anthropic.unchecked import Json, inexpressible, optional, required
from arouter.providers.message_order import CONTINUE, OPENING, PREFILL

_MESSAGE_FIELDS = frozenset({"role", "content", "cache_control"})
_ASSISTANT_FIELDS = _MESSAGE_FIELDS | {
    "prefix",
    "tool_calls",
    "refusal",
    "reasoning_details",
    "reasoning_content",
    "reasoning",
}
_THOUGHTS = ("thinking", "redacted_thinking")
_TOOL_FIELDS = _MESSAGE_FIELDS | {"tool_call_id", "is_error"}
_CALL_FIELDS = frozenset({"id", "type", "function", "custom", "index"})


class Conversation:
    """Converts messages, in order, to Anthropic's format.

    Args:
        system_turns: Whether `system` turns are supported within the conversation.
        prefill: Whether the last turn may be the assistant's.
        reasoning_format: The format of the thinking that the model accepts.
        dropped: Collects parameters without an equivalent.

    Attributes:
        system: The blocks of the system prompt.
        turns: The messages.
    """

    def __init__(self, *, system_turns: bool, prefill: bool, reasoning_format: str, dropped: Dropped) -> None:
        self.system: list[Json] = []
        self.turns: list[Json] = []
        self._system_turns = system_turns
        self._prefill = prefill
        self._reasoning_format = reasoning_format
        self._dropped = dropped
        self._results: list[Json] = []
        self._user_blocks: list[Json] = []
        self._instructions: list[Json] = []

    def add(self, message: Json, path: str) -> None:
        """Adds the next message."""
        role = message["role"]
        known = _MESSAGE_FIELDS
        if role == "assistant":
            known = _ASSISTANT_FIELDS
            self._answered(_marked(message, self._assistant(message, path), path))
        elif role == "tool":
            known = _TOOL_FIELDS
            self._results += _marked(message, [self._result(message, path)], path)
        elif role == "function":
            raise inexpressible("A message of the role 'function', which OpenAI replaced with 'tool',", f"{path}.role")
        else:
            blocks = ContentEncoder(role, path, self._dropped).blocks(message.get("content"))
            self._place(role).extend(_marked(message, blocks, path))
        self._dropped.add_rest(message, known, "messages[].")

    def finish(self) -> None:
        """Ends the conversation.

        Raises:
            ARouterError: INVALID_REQUEST if no message has any content.
        """
        self._finish_user_turn()
        if not self.turns:
            if not self.system:
                raise invalid_request("No message has any content.", "messages")
            self.turns.append({"role": "user", "content": self.system})
            self.system = []
        self._end()
        if self.turns[0]["role"] == "assistant":
            self.turns.insert(0, {"role": "user", "content": text_blocks(OPENING)})

    def _end(self) -> None:
        turn = self.turns[-1]
        last = turn["content"][-1]
        if turn["role"] != "assistant" or last["type"] == "tool_use":
            return
        if not self._prefill:
            self._dropped.add(PREFILL)
            self.turns.append({"role": "user", "content": text_blocks(CONTINUE)})
        elif last["type"] == "text":
            last["text"] = last["text"].rstrip()

    def _place(self, role: str) -> list[Json]:
        if role == "user":
            return self._user_blocks
        return self._instructions if self.turns or self._results or self._user_blocks else self.system

    def _finish_user_turn(self) -> None:
        """Converts the messages since the last assistant message to a user turn, followed by its instructions."""
        if self.turns and self.turns[-1]["role"] == "system":
            # The assistant message between was empty. Only an assistant turn may follow a system turn.
            self._extend(self.turns[-2])
            self.turns[-1]["content"] += self._instructions
            self._results, self._user_blocks, self._instructions = [], [], []
            return
        if self._instructions and self.turns and not (self._results or self._user_blocks):
            self._user_blocks, self._instructions = self._instructions, []
        content = self._results + self._user_blocks
        if content and self.turns and self.turns[-1]["role"] == "user":
            self._extend(self.turns[-1])
        elif content:
            self.turns.append({"role": "user", "content": content})
        if self._instructions and content and self._system_turns:
            self.turns.append({"role": "system", "content": self._instructions})
        else:
            self.system += self._instructions
        self._results, self._user_blocks, self._instructions = [], [], []

    def _extend(self, turn: Json) -> None:
        """Adds the messages since the last assistant message to a user turn, in which tool results come first."""
        content = turn["content"]
        results = sum(block["type"] == "tool_result" for block in content)
        content[results:results] = self._results
        content += self._user_blocks

    def _answered(self, blocks: list[Json]) -> None:
        if not blocks:
            if self._instructions and (self._system_turns or not (self._results or self._user_blocks)):
                self._finish_user_turn()  # later messages must not precede them
            return
        self._finish_user_turn()
        if self.turns and self.turns[-1]["role"] == "assistant":
            self.turns[-1]["content"] += blocks
        else:
            self.turns.append({"role": "assistant", "content": blocks})

    def _assistant(self, message: Json, path: str) -> list[Json]:
        for field in ("audio", "function_call"):
            if message.get(field) is not None:
                raise inexpressible(f"'{field}' of an earlier answer", f"{path}.{field}")
        others = ContentEncoder("assistant", path, self._dropped).blocks(message.get("content"))
        others += text_blocks(optional(message, "refusal", str, path) or "")
        for index, call in enumerate(message.get("tool_calls") or []):
            others.append(_tool_use(call, f"{path}.tool_calls[{index}]"))
            self._dropped.add_rest(call, _CALL_FIELDS, "messages[].tool_calls[].")
        if not others:
            # The last block must not be thinking, and a turn that has only thinking blocks has no content.
            if message.get("reasoning_details"):
                self._dropped.add("messages[].reasoning_details")
            return []
        return restore(message, self._reasoning_format, others, path, self._dropped)

    def _result(self, message: Json, path: str) -> Json:
        call_id = required(message, "tool_call_id", str, path)
        result: Json = {"type": "tool_result", "tool_use_id": _filled(call_id, f"{path}.tool_call_id")}
        content = ContentEncoder("tool", path, self._dropped).blocks(message.get("content"))
        if content:
            result["content"] = content
        if optional(message, "is_error", bool, path):
            result["is_error"] = True
        return result


def calls_without_thoughts(turns: list[Json]) -> bool:
    """Returns whether the answer continues tool calls, or its own beginning, whose thinking blocks are missing."""
    amid_calls: bool = turns[-1]["role"] == "assistant"
    for turn in reversed(turns):
        kinds = [block["type"] for block in turn["content"]]
        if turn["role"] == "assistant":
            if kinds[0] in _THOUGHTS:
                return False
        elif "tool_result" in kinds:
            amid_calls = True
        else:
            break
    return amid_calls


def _marked(message: Json, blocks: list[Json], path: str) -> list[Json]:
    """Returns the blocks of a message, with its `cache_control` on the last one."""
    cache_control = optional(message, "cache_control", dict, path)
    if cache_control and blocks and blocks[-1]["type"] not in _THOUGHTS:
        blocks[-1].setdefault("cache_control", cache_control)
    return blocks


def _tool_use(call: Json, path: str) -> Json:
    id_ = _filled(required(call, "id", str, path), f"{path}.id")
    kind = call.get("type", "function")
    if kind not in ("function", "custom"):
        raise inexpressible("A tool call that is neither of a function nor custom", f"{path}.type")
    tool = required(call, kind, dict, path)
    name = required(tool, "name", str, f"{path}.{kind}")
    if kind == "custom":
        value: Any = {"input": required(tool, "input", str, f"{path}.custom")}
    else:
        value = object_of(optional(tool, "arguments", str, f"{path}.function") or "")
    return {"type": "tool_use", "id": id_, "name": name, "input": value}


def _filled(id_: str, path: str) -> str:
    if not id_:
        raise invalid_request(f"'{path}' must not be empty.", path)
    return id_
