"""The shape of `quirks` in a provider's row of `arouter.yaml`: what a server of OpenAI's protocol does differently.

What is left out is as in the preset of the row's id. `providers/configured_quirks.py` checks what the parts mean.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Name = Annotated[str, Meta(min_length=1)]
Names = tuple[Name, ...]
ReasoningField = Literal["reasoning_content", "reasoning"]
Order = Literal["any", "leading", "answered", "alternating"]


class MembersConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider takes inside messages and tools; each list may name `*`, all that the preset has.

    Attributes:
        allowed: By place, such as `messages[]` or `tools[].function`, the only members that it takes.
        taken: Members that few vendors take and it does: `cache_control`.
        refused: Members of messages that it refuses.
    """

    allowed: dict[str, Names] | UnsetType = UNSET
    taken: Names | UnsetType = UNSET
    refused: Names | UnsetType = UNSET


class ToolIdsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of tool calls that a provider takes.

    Attributes:
        pattern: A regular expression that matches the whole id.
        prefix: What an id that replaces another begins with.
        length: How many letters and digits follow.
    """

    pattern: Name
    prefix: str = ""
    length: Annotated[int, Meta(ge=6, le=40)] = 24


class ToolNamesConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The names of tools that a provider takes.

    Attributes:
        pattern: A regular expression that matches the whole name.
        length: Characters at most.
    """

    pattern: Name = "[a-zA-Z0-9_-]+"
    length: Annotated[int, Meta(ge=16, le=1024)] = 64


class QuirksConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What a provider does differently. The fields are those of `providers.quirks.Quirks`.

    Attributes:
        key_header: The header that carries the key bare, instead of `Authorization: Bearer`.
        renames: Parameters by the name it knows instead of OpenAI's.
        refuses: Parameters that are not sent; `*` stands for those of the preset.
        parameters: All that it takes, where it refuses others; `*` stands for those of the preset. None: any.
        no_stream_options: It knows no `stream_options`.
        no_developer_role: It knows `system` only.
        text_content: The content of its messages is a text.
        reasoning: The field of a message that holds reasoning.
        reasoning_with_calls: A message with tool calls must have reasoning.
        members: See `MembersConfig`.
        prefix_member: The member that a last message of the assistant must have.
        asks_to_continue: It refuses a conversation that ends with the assistant: the user asks for the rest.
        order: How its messages must follow each other.
        tool_ids: See `ToolIdsConfig`. None: any.
        tool_names: See `ToolNamesConfig`. None: any.
        cached_tokens: The field of usage that holds `prompt_tokens_details.cached_tokens`.
        reasoning_apart: Its `completion_tokens` leave the reasoning tokens out.
    """

    key_header: Annotated[str, Meta(pattern="^[A-Za-z0-9-]*$")] | UnsetType = UNSET
    renames: dict[Name, Name] | UnsetType = UNSET
    refuses: Names | UnsetType = UNSET
    parameters: Names | UnsetType | None = UNSET
    no_stream_options: bool | UnsetType = UNSET
    no_developer_role: bool | UnsetType = UNSET
    text_content: bool | UnsetType = UNSET
    reasoning: ReasoningField | UnsetType = UNSET
    reasoning_with_calls: bool | UnsetType = UNSET
    members: MembersConfig | UnsetType = UNSET
    prefix_member: str | UnsetType = UNSET
    asks_to_continue: bool | UnsetType = UNSET
    order: Order | UnsetType = UNSET
    tool_ids: ToolIdsConfig | UnsetType | None = UNSET
    tool_names: ToolNamesConfig | UnsetType | None = UNSET
    cached_tokens: str | UnsetType = UNSET
    reasoning_apart: bool | UnsetType = UNSET
