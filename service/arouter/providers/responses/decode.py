"""Decodes a complete response to a completion; also has what streams share with it."""

from __future__ import annotations

from typing import Any

from arouter.chat.openai_forms import encrypted_details, flat_name, image_of
from arouter.chat.usage import sum_counts
from arouter.errors import ProviderError
from arouter.providers.lenient import object_in, objects, text_in
from arouter.providers.openai_errors import embedded_error
from arouter.providers.provider_errors import bad_response

Json = dict[str, Any]

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def decode_response(response: Json) -> Json:
    """Returns the completion in a response.

    Items that a chat completion has no place for, such as records of searches, are left out.

    Raises:
        ProviderError: The response has failed; PROVIDER_BAD_RESPONSE if it is not one.
    """
    output = response.get("output")
    if not isinstance(output, list):
        raise bad_response("a response without output")
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    logprobs: list[Json] = []
    for item in objects(output):
        kind = text_in(item.get("type"))
        if kind == "message":
            for part in objects(item.get("content")):
                logprobs += objects(part.get("logprobs"))
                _add_part(message, part)
        elif kind == "reasoning":
            _add_reasoning(message, item)
        elif kind in _CALLS:
            message.setdefault("tool_calls", []).append(call_of(item))
        elif kind == "image_generation_call" and text_in(item.get("result")):
            images = message.setdefault("images", [])
            images.append(image_in(item, len(images)))
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": finish_reason(response, called="tool_calls" in message),
    }
    completion = {**envelope(response), "object": "chat.completion", "choices": [choice]}
    if (usage := usage_of(response)) is not None:
        completion["usage"] = usage
    return completion


def _add_part(message: Json, part: Json) -> None:
    if text := text_in(part.get("text")):
        start = len(message["content"] or "")
        message["content"] = (message["content"] or "") + text
        if annotations := [annotation(each, start) for each in objects(part.get("annotations"))]:
            message.setdefault("annotations", []).extend(annotations)
    if refusal := text_in(part.get("refusal")):
        message["refusal"] = (message["refusal"] or "") + refusal


def _add_reasoning(message: Json, item: Json) -> None:
    if text := reasoning_text(item):
        message["reasoning_content"] = message.get("reasoning_content", "") + text
    details = message.get("reasoning_details", [])
    if found := details_of(item, len(details)):
        message["reasoning_details"] = details + found


def reasoning_text(item: Json) -> str:
    """Returns the readable text of a reasoning item."""
    parts = objects(item.get("summary")) or objects(item.get("content"))
    return "\n\n".join(text for part in parts if (text := text_in(part.get("text"))))


def details_of(item: Json, index: int) -> list[Json]:
    """Returns the `reasoning_details` of an item, numbered from `index`; none if it is not encrypted."""
    encrypted = text_in(item.get("encrypted_content"))
    if encrypted is None:
        return []
    summaries = [text for part in objects(item.get("summary")) if (text := text_in(part.get("text")))]
    return encrypted_details(encrypted, summaries, text_in(item.get("id")), index)


def call_of(item: Json) -> Json:
    """Returns the tool call of a `function_call` or `custom_tool_call` item."""
    member = _CALLS[item["type"]]
    kind = "custom" if member == "input" else "function"
    text = item.get(member)
    empty = "" if kind == "custom" else "{}"
    tool = {"name": full_name(item), member: text if isinstance(text, str) and text else empty}
    return {"id": call_id(item), "type": kind, kind: tool}


def call_id(item: Json) -> str:
    """Returns the id of a call.

    Raises:
        ProviderError: PROVIDER_BAD_RESPONSE if it has none.
    """
    id_ = text_in(item.get("call_id")) or text_in(item.get("id"))
    if id_ is None:
        raise bad_response("a tool call without an id")
    return id_


def full_name(item: Json) -> str:
    """Returns the name of a called tool, with its namespace."""
    return flat_name(text_in(item.get("namespace")), text_in(item.get("name")) or "")


def image_in(item: Json, index: int) -> Json:
    """Returns the image of an `image_generation_call` item."""
    return image_of(item["result"], text_in(item.get("output_format")), index)


def annotation(flat: Json, start: int = 0) -> Json:
    """Returns an annotation in the nested form of chat completions.

    Args:
        flat: The annotation of one text.
        start: Where the text begins in the message's content.
    """
    kind = text_in(flat.get("type")) or "url_citation"
    cited = {name: value for name, value in flat.items() if name != "type"}
    for name in ("start_index", "end_index"):
        if type(cited.get(name)) is int:
            cited[name] += start
    return {"type": kind, kind: cited}


def envelope(response: Json) -> Json:
    """Returns the fields that a completion and all its chunks begin with."""
    fields: Json = {"id": text_in(response.get("id")) or "", "model": text_in(response.get("model")) or ""}
    created = response.get("created_at")
    if isinstance(created, int | float):
        fields["created"] = int(created)
    if tier := text_in(response.get("service_tier")):
        fields["service_tier"] = tier
    return fields


def finish_reason(response: Json, *, called: bool) -> str:
    """Returns OpenAI's finish reason of a response that has ended.

    Raises:
        ProviderError: The response has failed or was cancelled.
    """
    status = response.get("status")
    if status in ("failed", "cancelled"):
        raise failure_of(response)
    if status == "incomplete":
        reason = text_in(object_in(response.get("incomplete_details")).get("reason"))
        return _REASONS.get(reason or "", "length")
    return "tool_calls" if called else "stop"


def failure_of(response: Json) -> ProviderError:
    """Returns the error of a response that has failed."""
    return embedded_error(response.get("error") or "The provider's response has failed.")


def usage_of(response: Json) -> Json | None:
    """Returns the usage in the form of chat completions, or None if there is none.

    Malformed counts are kept, so that billing can detect them.
    """
    usage = response.get("usage")
    if not isinstance(usage, dict) or not usage:
        return None
    prompt, completion = usage.get("input_tokens"), usage.get("output_tokens")
    decoded: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": usage.get("total_tokens") or sum_counts(prompt, completion),
    }
    for ours, theirs in (
        ("prompt_tokens_details", "input_tokens_details"),
        ("completion_tokens_details", "output_tokens_details"),
    ):
        if isinstance(usage.get(theirs), dict):
            decoded[ours] = usage[theirs]
    return decoded
