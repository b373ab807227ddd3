"""The schema of a provider's `quirks` in `arouter.yaml`: its deviations from OpenAI's protocol.

Omitted fields keep the value of the id's preset. `providers/configured_quirks.py` validates the values.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Name = Annotated[str, Meta(min_length=1)]
Names = tuple[Name, ...]
ReasoningField = Literal["reasoning_content", "reasoning"]
Order = Literal["any", "leading", "answered", "alternating"]


class MembersConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Members of messages and tools that a provider accepts. `*` in a list stands for the preset's entries.

    Attributes:
        allowed: By place, such as `messages[]` or `tools[].function`: the only members that it accepts.
        taken: Vendor-specific members that it accepts, such as `cache_control`.
        refused: Members of messages that it rejects.
    """

    allowed: dict[str, Names] | UnsetType = UNSET
    taken: Names | UnsetType = UNSET
    refused: Names | UnsetType = UNSET


class ToolIdsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The tool call ids that a provider accepts.

    Attributes:
        pattern: A regular expression that matches the whole id.
        prefix: The prefix of replacement ids.
        length: The number of letters and digits after the prefix.
    """

    pattern: Name
    prefix: str = ""
    length: Annotated[int, Meta(ge=6, le=40)] = 24


class ToolNamesConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The tool names that a provider accepts.

    Attributes:
        pattern: A regular expression that matches the whole name.
        length: Maximum length in characters.
    """

    pattern: Name = "[a-zA-Z0-9_-]+"
    length: Annotated[int, Meta(ge=16, le=1024)] = 64


class QuirksConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A provider's deviations from OpenAI's protocol. The fields are those of `providers.quirks.Quirks`.

    Attributes:
        key_header: The header that carries the bare key in place of `Authorization: Bearer`.
        renames: The provider's names of parameters, by OpenAI's names.
        refuses: Parameters that are not sent; `*` stands for the preset's entries.
        parameters: The only parameters that it accepts; `*` stands for the preset's entries. None: any.
        no_stream_options: `stream_options` is not supported.
        no_developer_role: The role `developer` is not supported; `system` is sent in its place.
        text_content: Message content must be a string.
        reasoning: The message field that contains reasoning.
        reasoning_with_calls: A message with tool calls must contain reasoning.
        members: See `MembersConfig`.
        prefix_member: The member that must be set on a final assistant message.
        asks_to_continue: A conversation must not end with an assistant message; a user message that asks to continue is
        added.
        order: The required order of messages.
        tool_ids: See `ToolIdsConfig`. None: any.
        tool_names: See `ToolNamesConfig`. None: any.
        cached_tokens: The usage field that contains `prompt_tokens_details.cached_tokens`.
        reasoning_apart: `completion_tokens` excludes reasoning tokens.
        effort_only: `reasoning_effort` is supported and the `reasoning` object is not; its effort is sent in its place.
        no_tools: Tools are ignored, so requests with tools are refused.
        responses: OpenAI's Responses API is served, with all of its items and tools.
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
    effort_only: bool | UnsetType = UNSET
    no_tools: bool | UnsetType = UNSET
    responses: bool | UnsetType = UNSET
