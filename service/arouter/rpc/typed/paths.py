"""Paths of a chat's fields over gRPC, where they differ from those of OpenAI's JSON."""

from __future__ import annotations

import re
from typing import Any

from arouter.v1.chat_service_pb2 import ChatCompletionRequest

_STEPS = re.compile(r"[^.\[\]]+|\[\d+\]")


def typed_path(path: str) -> str:
    """Returns the path of the typed field for the path of a member of OpenAI's JSON.

    Typed paths are returned unchanged. A path into a JSON text is cut after the field of the text; a member without a
    typed field keeps its name.
    """
    steps = _STEPS.findall(path)
    message: Any = ChatCompletionRequest.DESCRIPTOR
    found = ""
    while steps and message is not None:
        name, *rest = steps
        field, index = message.fields_by_name.get(name), ""
        if rest and rest[0].startswith("["):
            index, *rest = rest
        if field is not None and (field.is_repeated or not index):
            found += f".{name}{index}"
        elif f"{name}_json" in message.fields_by_name:
            return f"{found}.{name}_json".lstrip(".")
        elif f"{name}_parts" in message.fields_by_name:
            field = message.fields_by_name[f"{name}_parts"].message_type.fields_by_name["parts"]
            found += f".{name}_parts.parts{index}"
        else:
            break
        steps, message = rest, field.message_type
    for step in steps:
        found += step if step.startswith("[") else f".{step}"
    return found.lstrip(".")
