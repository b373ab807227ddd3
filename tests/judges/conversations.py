"""What vendors refuse in a conversation that their SDKs' types allow: ids, names, members, and the order of turns.

Each rule is written down from the vendor's reference or its own words in an error, not from the code that is judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Json = dict[str, Any]

ANYWHERE_FOREIGN = frozenset({"extra_content", "provider_specific_fields", "thinking_blocks"})
"""Members of messages and calls that are another vendor's for each one here."""


@dataclass(frozen=True)
class Rules:
    """What a vendor of OpenAI's protocol takes.

    Attributes:
        roles: Of messages.
        members: The only members of messages; None: any but `foreign`.
        foreign: Members that are another vendor's, of messages, parts and calls.
        ids: What ids of calls must match.
        distinct: Whether ids must be distinct over the conversation.
        names: What names of tools must match.
        texts: Whether content is a text alone.
        needs_reasoning: Whether a message with calls must have `reasoning_content`.
        after: By role, the only ones that may follow.
        last: The roles that the last message may have; an assistant's with `prefix` is always right where it is known.
        empty: Whether an answer may be without text and calls.
        leading: Whether instructions may be the first message alone.
    """

    roles: frozenset[str] = frozenset({"system", "user", "assistant", "tool"})
    members: frozenset[str] | None = None
    foreign: frozenset[str] = ANYWHERE_FOREIGN | {"cache_control", "annotations", "reasoning_details"}
    ids: str = ".+"
    distinct: bool = False
    names: str = r".+"
    texts: bool = False
    needs_reasoning: bool = False
    after: tuple[tuple[str, frozenset[str]], ...] = ()
    last: frozenset[str] = frozenset({"developer", "system", "user", "assistant", "tool"})
    empty: bool = True
    leading: bool = False


_NAMES = "[a-zA-Z0-9_-]{1,64}"
_STRICT = frozenset({"content", "name", "role", "tool_call_id", "tool_calls"})
_OPENAI = Rules(
    roles=frozenset({"system", "developer", "user", "assistant", "tool"}),
    foreign=Rules.foreign | {"reasoning", "reasoning_content"},
    ids=".{1,40}",
    names=_NAMES,
)
_IN_TURN = (
    ("system", frozenset({"system", "user"})),
    ("user", frozenset({"assistant"})),
    ("assistant", frozenset({"user", "tool"})),
    ("tool", frozenset({"assistant", "tool", "user"})),
)
RULES = {
    "openai": _OPENAI,
    "azure": _OPENAI,
    "groq": Rules(members=_STRICT | {"reasoning"}, names=_NAMES),
    "cerebras": Rules(members=_STRICT | {"reasoning"}, names=_NAMES),
    # mistral-common, protocol/instruct/validator.py.
    "mistralai": Rules(
        members=frozenset({"content", "prefix", "role", "tool_call_id", "tool_calls"}),
        ids="[a-zA-Z0-9]{9}",
        distinct=True,
        names=_NAMES,
        after=(
            ("assistant", frozenset({"assistant", "user", "tool"})),
            ("tool", frozenset({"assistant", "tool"})),
        ),
        last=frozenset({"user", "tool", "system"}),
        empty=False,
    ),
    # "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on", "The
    # first message (except the system message) …", "… does not support successive user or assistant messages".
    "deepseek": Rules(
        members=_STRICT | {"reasoning_content", "prefix"},
        names=_NAMES,
        texts=True,
        needs_reasoning=True,
        after=_IN_TURN,
        last=frozenset({"user", "tool"}),
    ),
    # "After the (optional) system message(s), user or tool message(s) should alternate with assistant message(s)."
    "perplexity": Rules(after=_IN_TURN, last=frozenset({"user", "tool"})),
    "openrouter": Rules(roles=_OPENAI.roles, foreign=ANYWHERE_FOREIGN),
    # "System message must be at the beginning.", chat templates of Qwen.
    **dict.fromkeys(("vllm", "llama.cpp", "lm-studio", "ollama", "local"), Rules(leading=True)),
    "qwen": Rules(foreign=Rules.foreign - {"cache_control"}),
}


def openai_faults(vendor: str, body: Json) -> list[str]:
    """Returns what a vendor of OpenAI's protocol refuses in a request's conversation: one line each."""
    rules = RULES.get(vendor, Rules())
    messages = body["messages"]
    found = [f"messages[{index}]: {fault}" for index, one in enumerate(messages) for fault in _message(rules, one)]
    found += _pairing(messages, rules)
    found += [f"tool name {name!r}" for name in _names(body) if not re.fullmatch(rules.names, name)]
    after = dict(rules.after)
    roles = [message["role"] for message in messages]
    found += [f"{b} after {a}" for a, b in pairwise(roles) if a in after and b not in after[a]]
    if rules.leading and "system" in roles[1:]:
        found.append("system behind the first message")
    if roles[-1] not in rules.last and not messages[-1].get("prefix"):
        found.append(f"ends with {roles[-1]}")
    return found


def _message(rules: Rules, message: Json) -> Iterable[str]:
    if message["role"] not in rules.roles:
        yield f"role {message['role']}"
    if rules.members is not None and not message.keys() <= rules.members:
        yield f"members {sorted(message.keys() - rules.members)}"
    content, calls = message.get("content"), message.get("tool_calls")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    for holder in (message, *parts, *(calls or ())):
        if holder.keys() & rules.foreign:
            yield f"another vendor's {sorted(holder.keys() & rules.foreign)}"
    if calls == []:
        yield "no calls in tool_calls"
    if content is None and not calls:
        yield "content is null, without calls"
    if message["role"] == "assistant" and not content and not calls and not rules.empty:
        yield "an empty answer"
    if rules.texts and not isinstance(content, str | None):
        yield "content is no text"
    if rules.needs_reasoning and calls and not isinstance(message.get("reasoning_content"), str):
        yield "calls without reasoning"


def _pairing(messages: list[Json], rules: Rules) -> Iterable[str]:
    waiting: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield f"messages[{index}]: a result of no call"
            else:
                waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            yield f"messages[{index}]: calls without results"
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
        yield from (f"messages[{index}]: id {id_!r}" for id_ in waiting if not re.fullmatch(rules.ids, id_))
        if len(set(waiting)) < len(waiting) or (rules.distinct and seen & set(waiting)):
            yield f"messages[{index}]: ids that are there twice"
        seen |= set(waiting)
    if waiting:
        yield "calls without results at the end"


def _names(body: Json) -> Iterable[str]:
    for holder in (*(body.get("tools") or ()), *(c for m in body["messages"] for c in m.get("tool_calls") or ())):
        yield holder["function"]["name"]


def anthropic_faults(body: Json, *, prefill: bool, system_turns: bool) -> list[str]:
    """Returns what Anthropic refuses in a Messages API request's conversation.

    Args:
        body: The request.
        prefill: Whether the model takes a conversation that ends with the assistant.
        system_turns: Whether it takes `system` turns.
    """
    found: list[str] = []
    turns = body["messages"]
    if turns[0]["role"] != "user":
        found.append(f"begins with {turns[0]['role']}")
    if turns[-1]["role"] == "assistant":
        last = turns[-1]["content"][-1]
        if not prefill:
            found.append("ends with the assistant")
        if last["type"] == "text" and last["text"] != last["text"].rstrip():
            found.append("ends with white space")
        if body.get("thinking", {}).get("type") == "enabled" and "thinking" not in turns[-1]["content"][0]["type"]:
            found.append("thinks, and ends with an answer without thoughts")
    seen: set[str] = set()
    waiting: list[str] = []
    for index, turn in enumerate(turns):
        path, blocks = f"messages[{index}]", turn["content"]
        if not blocks:
            found.append(f"{path}: empty")
        if turn["role"] == "system" and not (system_turns and index and turns[index - 1]["role"] == "user"):
            found.append(f"{path}: a system turn")
        if index and turn["role"] == turns[index - 1]["role"]:
            found.append(f"{path}: {turn['role']} twice")
        found += [f"{path}: a blank text" for b in blocks if b["type"] == "text" and not b["text"].strip()]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(waiting) or any(b["type"] != "tool_result" for b in blocks[: len(results)]):
            found.append(f"{path}: results {results} of {waiting}")
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        found += [f"{path}: id {id_!r}" for id_ in waiting if not re.fullmatch("[a-zA-Z0-9_-]{1,64}", id_)]
        if seen & set(waiting) or len(set(waiting)) < len(waiting):
            found.append(f"{path}: ids that are there twice")
        seen |= set(waiting)
        if turn["role"] == "assistant" and blocks and "thinking" in blocks[-1]["type"]:
            found.append(f"{path}: a thought is last")
        names = [block["name"] for block in blocks if block["type"] == "tool_use"]
        found += [f"{path}: name {name!r}" for name in names if not re.fullmatch("[a-zA-Z0-9_-]{1,128}", name)]
    return found + (["calls without results at the end"] if waiting else [])


def gemini_faults(body: Json, *, is_3: bool, prefill: bool) -> list[str]:
    """Returns what Gemini refuses in a request's contents.

    Args:
        body: The request.
        is_3: Whether the model is of generation 3 or later.
        prefill: Whether it takes contents that end with its own turn.
    """
    found: list[str] = []
    contents = body["contents"]
    if contents[-1]["role"] != "user" and not prefill:
        found.append("ends with the model")
    called: list[Any] = []
    for index, content in enumerate(contents):
        path, parts = f"contents[{index}]", content["parts"]
        if not parts:
            found.append(f"{path}: no parts")
        calls = [part["functionCall"] for part in parts if "functionCall" in part]
        answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
        if [(answer.get("id"), answer["name"]) for answer in answers] != called:
            found.append(f"{path}: answers {[answer['name'] for answer in answers]} to {called}")
        if answers and len(answers) < len(parts):
            found.append(f"{path}: answers beside something else")
        if calls and (not index or contents[index - 1]["role"] != "user"):
            found.append(f"{path}: calls that follow no user")
        if calls and is_3 and not next(part for part in parts if "functionCall" in part).get("thoughtSignature"):
            found.append(f"{path}: the first call is not signed")
        if not is_3 and any("parts" in answer for answer in answers):
            found.append(f"{path}: media in an answer")
        if index and content["role"] == contents[index - 1]["role"] == "model":
            found.append(f"{path}: the model twice")
        called = [(call.get("id"), call["name"]) for call in calls]
        bad = [name for _, name in called if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}", name)]
        found += [f"{path}: name {name!r}" for name in bad]
    return found + (["calls without answers at the end"] if called else [])
