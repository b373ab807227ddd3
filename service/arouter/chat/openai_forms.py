"""How canonical messages carry what OpenAI's Responses API has, for the provider's adapter and the client's dialect.

Pure.
"""

from __future__ import annotations

from typing import Any

from arouter.chat.reasoning_details import OPENAI_FORMAT

Json = dict[str, Any]


def encrypted_details(encrypted: str, summaries: list[str], id_: str | None, index: int) -> list[Json]:
    """Returns the `reasoning_details` of a reasoning item, numbered from `index`."""
    shared: Json = {"format": OPENAI_FORMAT, **({"id": id_} if id_ else {})}
    found: list[Json] = [{"type": "reasoning.summary", "summary": text, **shared} for text in summaries]
    found.append({"type": "reasoning.encrypted", "data": encrypted, **shared})
    return [{**detail, "index": index + place} for place, detail in enumerate(found)]


def image_of(data: str, output_format: str | None, index: int) -> Json:
    """Returns the image of an `image_generation_call`, whose `result` is base64."""
    url = f"data:image/{output_format or 'png'};base64,{data}"
    return {"index": index, "type": "image_url", "image_url": {"url": url}}


def flat_name(namespace: str | None, name: str) -> str:
    """Returns the canonical name of a tool that may be in a namespace."""
    return f"{namespace}__{name}" if namespace else name
