"""How vendors deviate from OpenAI's protocol: data on a preset's row, and the functions that apply it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arouter.chat.efforts import effort_of
from arouter.chat.parameters import MAX_TOKENS, is_neutral, needs_nothing
from arouter.config.quirks import Order, ReasoningField
from arouter.errors import invalid_request
from arouter.providers.message_order import (
    PREFILL,
    ask_to_continue,
    continues,
    mark_prefix,
    ordered,
    without_empty_calls,
)
from arouter.providers.tool_ids import IdFormat, has_calls, portable_ids
from arouter.providers.tool_names import NameFormat, portable_names
from arouter.providers.vendor_members import ANY, Members

Json = dict[str, Any]

_CALLING = frozenset({"audio", "function_call", "tool_calls"})
"""Members of a response that may have no content."""


@dataclass(frozen=True)
class Quirks:
    """One vendor's differences. The defaults are OpenAI's protocol as ARouter speaks it.

    Attributes:
        key_header: The header that carries the key alone, instead of `Authorization: Bearer`.
        renames: By OpenAI's names of parameters, its own names.
        refuses: Parameters that it refuses or ignores: not sent, and reported as dropped.
        parameters: All parameters of a vendor that refuses unknown ones. None: any is sent.
        no_stream_options: It has no `stream_options`; its streams always end with usage.
        no_developer_role: It supports `system` only.
        text_content: The content of its messages must be a text; text parts are joined.
        reasoning: The field of a message that holds reasoning; to clients it is `reasoning_content`.
        reasoning_with_calls: A message with tool calls must have reasoning, which may be empty.
        members: The members of messages and tools that it accepts.
        prefix_member: The member that a last message of the assistant must have, for the answer to continue it.
        asks_to_continue: It refuses a conversation that ends with the assistant; a user message asks for the rest.
        order: The order of messages that it requires.
        tool_ids: The format of ids of tool calls. None: any.
        tool_names: The format of names of tools. None: any.
        cached_tokens: The field of usage that holds OpenAI's `prompt_tokens_details.cached_tokens`.
        reasoning_apart: Its `completion_tokens` do not include reasoning tokens.
        effort_only: It has `reasoning_effort` and lacks the `reasoning` object, whose effort is sent in its place.
        no_tools: It ignores tools, so that they are refused.
        responses: It serves OpenAI's whole Responses API: requests of that dialect pass as they are, and models that
            have no chat completions are called through it.
    """

    key_header: str = ""
    renames: Mapping[str, str] = field(default_factory=dict)
    refuses: frozenset[str] = frozenset()
    parameters: frozenset[str] | None = None
    no_stream_options: bool = False
    no_developer_role: bool = False
    text_content: bool = False
    reasoning: ReasoningField = "reasoning_content"
    reasoning_with_calls: bool = False
    members: Members = ANY
    prefix_member: str = ""
    asks_to_continue: bool = False
    order: Order = "any"
    tool_ids: IdFormat | None = None
    tool_names: NameFormat | None = None
    cached_tokens: str = ""
    reasoning_apart: bool = False
    effort_only: bool = False
    no_tools: bool = False
    responses: bool = False


DEFAULT = Quirks()
"""The quirks of a vendor without known deviations."""

_NO_NAMES: Mapping[str, str] = {}


def encode_body(
    quirks: Quirks, body: Json, without: frozenset[str] = frozenset()
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Converts a canonical request to what the vendor accepts.

    Args:
        quirks: The quirks of the vendor.
        body: Changed in place, but nothing inside it: messages belong to the request.
        without: Parameters that the provider has refused; none is renamed to one of these.

    Returns:
        The names of the dropped parameters and members; and the request's names of tools by those that are sent,
        where they differ.

    Raises:
        ARouterError: INVALID_REQUEST; the vendor does not support a part of a message.
    """
    dropped: dict[str, None] = {}
    _leave_out_empty(body)
    if quirks is DEFAULT:
        quirks.members.strip(body, dropped)
        return tuple(sorted(dropped)), _NO_NAMES
    if quirks.no_tools:
        _refuse_tools(body)
    if quirks.effort_only and body.get("reasoning") is not None:
        _send_effort(body, without, dropped)
    for name in quirks.refuses & body.keys():
        value = body.pop(name)
        if not is_neutral(name, value):
            dropped[name] = None
    for name, theirs in quirks.renames.items():
        if theirs in without:
            continue
        value = body.pop(name, None)
        if value is None:
            continue
        if body.get(theirs) is None:
            body[theirs] = value
        elif body[theirs] != value:
            if (name, theirs) == MAX_TOKENS:
                body[theirs], name = value, theirs
            dropped[name] = None
    if quirks.no_stream_options and set(body.pop("stream_options", None) or ()) - {"include_usage"}:
        dropped["stream_options"] = None
    if quirks.parameters is not None:
        for name in body.keys() - quirks.parameters:
            if not is_neutral(name, body.pop(name)):
                dropped[name] = None
    quirks.members.strip(body, dropped)
    names = {} if quirks.tool_names is None else portable_names(body, quirks.tool_names)
    if quirks.order != "any":
        body["messages"] = ordered(body["messages"], quirks.order)
    if quirks.prefix_member:
        body["messages"] = mark_prefix(body["messages"], quirks.prefix_member)
    if quirks.asks_to_continue and continues(body["messages"]):
        asked = ask_to_continue(body["messages"])
        if len(asked) > len(body["messages"]):
            dropped[PREFILL] = None
        body["messages"] = asked
    if quirks.tool_ids is not None and has_calls(body["messages"]):
        body["messages"] = portable_ids(body["messages"], quirks.tool_ids)
    if (
        quirks.no_developer_role
        or quirks.text_content
        or quirks.reasoning_with_calls
        or quirks.reasoning != "reasoning_content"
    ):
        body["messages"] = [
            _encode_message(quirks, message, f"messages[{index}]") for index, message in enumerate(body["messages"])
        ]
    return tuple(sorted(dropped)), names


def _refuse_tools(body: Json) -> None:
    for name, choice in (("tools", "tool_choice"), ("functions", "function_call")):
        if body.get(name) and body.get(choice) != "none":
            raise invalid_request(
                f"This model cannot call tools. Leave out '{name}', set '{choice}' to 'none', or name another model.",
                name,
            )


def _send_effort(body: Json, without: frozenset[str], dropped: dict[str, None]) -> None:
    """Replaces the `reasoning` object by `reasoning_effort`; what that cannot express is reported as dropped."""
    effort, reasoning = effort_of(body), body.pop("reasoning")
    # Models without reasoning refuse every effort: one that is only implied is not sent.
    if not reasoning.get("effort") and reasoning.get("max_tokens") is None:
        effort = None
    if body.get("reasoning_effort") is None:
        if effort is not None and "reasoning_effort" not in without:
            body["reasoning_effort"] = effort
        elif not is_neutral("reasoning", reasoning):
            dropped["reasoning"] = None
    if reasoning.get("max_tokens") is not None:
        dropped["reasoning.max_tokens"] = None


def _leave_out_empty(body: Json) -> None:
    """Leaves out lists of tools and of calls that are empty: OpenAI refuses them (JetBrains/koog#786)."""
    if body.get("tools") == []:
        # Without tools, a choice among them is refused too.
        for name in (
            "tools",
            "parallel_tool_calls",
            *(("tool_choice",) if needs_nothing("tool_choice", body.get("tool_choice")) else ()),
        ):
            body.pop(name, None)
    for message in body["messages"]:
        # No function calls here: this runs for every request, and few need a change.
        if "content" not in message or message["content"] is None:
            break
        if "tool_calls" in message and not message["tool_calls"]:
            break
    else:
        return
    messages = without_empty_calls(body["messages"])
    # An answer that was reasoning alone. Without calls, content must not be null (OpenAI's reference, create chat).
    body["messages"] = [{**message, "content": ""} if _says_nothing(message) else message for message in messages]


def _says_nothing(message: Json) -> bool:
    return message.get("content") is None and message.get("role") == "assistant" and _CALLING.isdisjoint(message)


def _encode_message(quirks: Quirks, message: Json, path: str) -> Json:
    changed = dict(message)
    if quirks.no_developer_role and changed.get("role") == "developer":
        changed["role"] = "system"
    if quirks.reasoning != "reasoning_content" and "reasoning_content" in changed:
        reasoning = changed.pop("reasoning_content")
        # Groq refuses an empty one of a model that does not reason (vercel/ai#8057).
        if reasoning:
            changed.setdefault(quirks.reasoning, reasoning)
    if quirks.reasoning_with_calls and changed.get("tool_calls") and not isinstance(changed.get(quirks.reasoning), str):
        changed[quirks.reasoning] = ""
    if quirks.text_content and isinstance(changed.get("content"), list):
        changed["content"] = _joined(changed["content"], f"{path}.content")
    return changed


def _joined(parts: list[Any], path: str) -> str:
    """Returns the text of content in parts.

    Raises:
        ARouterError: INVALID_REQUEST; a part is not a text.
    """
    for index, part in enumerate(parts):
        if not isinstance(part, dict) or part.get("type") not in ("text", "refusal"):
            raise invalid_request("The provider takes text alone in messages.", f"{path}[{index}]")
    return "\n".join(part.get("text") or part.get("refusal") or "" for part in parts)


def decode_message(quirks: Quirks, message: Json) -> None:
    """Converts a vendor's message or delta to the canonical form, in place."""
    if quirks.reasoning != "reasoning_content" and quirks.reasoning in message:
        message.setdefault("reasoning_content", message.pop(quirks.reasoning))


def decode_usage(quirks: Quirks, usage: Json) -> None:
    """Converts a vendor's usage to OpenAI's, in place."""
    cached = usage.get(quirks.cached_tokens)
    if type(cached) is int:
        details = usage.get("prompt_tokens_details") or {}
        if isinstance(details, dict) and details.get("cached_tokens") is None:
            usage["prompt_tokens_details"] = {**details, "cached_tokens": cached}
    if quirks.reasoning_apart:
        _add_reasoning(usage)


def _add_reasoning(usage: Json) -> None:
    """Adds reasoning tokens to completion tokens, if the total shows that these do not include them."""
    prompt, completion, total = (usage.get(f"{kind}_tokens") for kind in ("prompt", "completion", "total"))
    details = usage.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    if (
        type(prompt) is int
        and type(completion) is int
        and type(reasoning) is int
        and total == prompt + completion + reasoning
    ):
        usage["completion_tokens"] = completion + reasoning
