"""The requirements of a request, and what a model lacks for them. Pure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from arouter.chat.efforts import effort_of
from arouter.chat.parameters import PARAMETERS, max_tokens_of, needs_nothing
from arouter.chat.request import ChatRequest
from arouter.chat.token_estimates import likely_prompt_tokens
from arouter.models import ModelDetails

MIN_ANSWER = 256
"""Minimum context for a completion whose length the request does not limit, in tokens."""

_INPUTS = {
    "image_url": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "file": "file",
    "video_url": "video",
    "input_video": "video",
}
"""The modality of each type of content part that is not text."""

_CAPABILITIES = {name: row.needs for name, row in PARAMETERS.items() if row.needs}
"""The parameters that lists of supported parameters have, each with one name for all its spellings."""

_ALSO_LISTED_AS = {
    "include_reasoning": ("reasoning",),
    "max_tokens": ("max_completion_tokens",),
    "reasoning": ("reasoning_effort", "include_reasoning"),
    "response_format": ("structured_outputs",),
    "tool_choice": ("tools", "functions", "function_call"),
    "tools": ("functions",),
}
"""Other names that imply the parameter in a list."""

_NONE: frozenset[str] = frozenset()

Structure = Literal["json", "schema"]


class Requirements(NamedTuple):
    """The requirements of a request.

    Attributes:
        prompt_tokens: An estimate of the prompt's tokens.
        context: Minimum tokens of prompt and completion together.
        completion_tokens: The limit on the completion's tokens, if the request has one.
        choices: The number of choices.
        inputs: The modalities of the prompt other than text: `image`, `audio`, `file`, `video`.
        outputs: The modalities of the completion other than text: `audio`, `image`.
        tools: Whether there are tools to call, or the conversation has called some.
        structure: Whether the completion must be JSON, or JSON that follows a schema.
        reasoning: Whether reasoning is asked for.
        parameters: The capabilities that its parameters need (`chat/parameters.py`).
        plain: Whether it needs nothing but context: no modality, no tools, no structure, no reasoning.
    """

    prompt_tokens: int
    context: int
    completion_tokens: int | None = None
    choices: int = 1
    inputs: frozenset[str] = _NONE
    outputs: frozenset[str] = _NONE
    tools: bool = False
    structure: Structure | None = None
    reasoning: bool = False
    parameters: frozenset[str] = _NONE
    plain: bool = True


def requirements_of(request: ChatRequest) -> Requirements:
    """Returns the requirements of a request."""
    if request.operation != "chat":
        tokens = likely_prompt_tokens(request)
        return Requirements(tokens, tokens // len(request.inputs))
    body = request.body
    inputs, calls = _held(body["messages"])
    outputs = _outputs(body)
    tools = calls or bool(body.get("tools") or body.get("functions"))
    structure = _structure(body.get("response_format"))
    reasoning = effort_of(body) is not None
    prompt = likely_prompt_tokens(request)
    completion = max_tokens_of(body)
    return Requirements(
        prompt_tokens=prompt,
        context=prompt + (completion or MIN_ANSWER),
        completion_tokens=completion,
        choices=body.get("n") or 1,
        inputs=inputs,
        outputs=outputs,
        tools=tools,
        structure=structure,
        reasoning=reasoning,
        parameters=frozenset(
            [
                name
                for field, value in body.items()
                if (name := _CAPABILITIES.get(field)) is not None and not needs_nothing(field, value)
            ]
        ),
        plain=not (inputs or outputs or tools or structure or reasoning),
    )


def lacks(details: ModelDetails, requirements: Requirements, *, strict: bool = False) -> str | None:
    """Returns the first reason why a model cannot serve a request, as a predicate; None if there is none.

    What is unknown about a model counts in its favour. `strict`, as in `auto`, makes one exception: modalities other
    than text must be known to be supported, because most models lack them. This does not apply to tools, schemas and
    reasoning: most models support them, and few lists say so.
    """
    length = details.context_length
    if length is not None and length < requirements.context:
        return f"has a context of {length} tokens, shorter than the {requirements.context} needed"
    asked = requirements.completion_tokens
    if asked is not None and (most := details.max_output_tokens) is not None and most < asked:
        return f"generates at most {most} tokens, fewer than the {asked} requested"
    return None if requirements.plain else _lacks_ability(details, requirements, strict)


def unsupported(details: ModelDetails, requirements: Requirements) -> tuple[str, ...]:
    """Returns the required parameters that a model's list lacks, sorted; none if it has no list."""
    listed = details.supported_parameters
    if listed is None or requirements.parameters.issubset(listed):
        return ()
    return tuple(sorted(name for name in requirements.parameters if not _is_listed(name, listed)))


def _lacks_ability(details: ModelDetails, requirements: Requirements, strict: bool) -> str | None:
    if requirements.inputs and (
        reason := _lacks_modality(details.input_modalities, requirements.inputs, strict, "accepts")
    ):
        return reason
    if requirements.outputs and (
        reason := _lacks_modality(details.output_modalities, requirements.outputs, strict, "generates")
    ):
        return reason
    if (listed := details.supported_parameters) is not None:
        if requirements.tools and not _is_listed("tools", listed):
            return "does not support tools"
        if requirements.structure and not _is_listed("response_format", listed):
            return "does not support response_format"
        if requirements.reasoning and not _is_listed("reasoning", listed):
            return "does not support reasoning"
    return None


def _held(messages: list[dict[str, Any]]) -> tuple[frozenset[str], bool]:
    """Returns the modalities of messages other than text, and whether they have tool calls or results."""
    inputs: set[str] = set()
    tools = False
    for message in messages:
        content = message.get("content")
        if type(content) is list:
            for part in content:
                if (kind := _INPUTS.get(part["type"])) is not None:
                    inputs.add(kind)
        if message["role"] in ("tool", "function") or message.get("tool_calls"):
            tools = True
    return frozenset(inputs) if inputs else _NONE, tools


def _outputs(body: dict[str, Any]) -> frozenset[str]:
    modalities = body.get("modalities") or ()
    if not modalities and not body.get("audio"):
        return _NONE
    asked = {each for each in modalities if each in ("audio", "image")}
    return frozenset(asked | {"audio"} if body.get("audio") else asked)


def _structure(response_format: dict[str, Any] | None) -> Structure | None:
    kind = (response_format or {}).get("type")
    if kind == "json_schema" or (response_format or {}).get("schema"):
        return "schema"
    return "json" if kind == "json_object" else None


def _lacks_modality(
    known: tuple[str, ...] | None, needed: frozenset[str], strict: bool, does: Literal["accepts", "generates"]
) -> str | None:
    if known is None:
        return f"is not known to {does[:-1]} {_named(min(needed))}" if strict else None
    missing = needed.difference(known)
    return f"{does} no {_named(min(missing))}" if missing else None


def _named(modality: str) -> str:
    return {"image": "images", "file": "files"}.get(modality, modality)


def _is_listed(name: str, listed: tuple[str, ...]) -> bool:
    return name in listed or any(other in listed for other in _ALSO_LISTED_AS.get(name, ()))
