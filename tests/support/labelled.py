"""Requests of which people have said how demanding they are and what they need: `tests/unit/planning/labelled/`."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from arouter.chat.request import ChatRequest, parse_chat_request
from support.docs import ROOT

_FOLDER = ROOT / "tests/unit/planning/labelled"
_FILL = re.compile(r"\{\{(prose|code):(\d+)\}\}")
_FILLING = {
    "prose": "The committee met again in spring and heard what each of the four towns had to say about the new line. ",
    "code": "    total = total + rows[index].amount\n    if total > limit:\n        warn(rows[index])\n",
}


class Labelled(NamedTuple):
    """A request with its labels.

    Attributes:
        id: A name for it.
        level: How demanding it is.
        needs: What it needs: modalities of its prompt, `tools`, `json`, `schema`, `reasoning`; `long` where the prompt
            is estimated at more than 8,000 tokens.
        request: The request, for the model `auto`.
    """

    id: str
    level: str
    needs: frozenset[str]
    request: ChatRequest


def labelled(name: str) -> list[Labelled]:
    """Returns the cases of a file, each long text grown from its mark: `{{prose:6000}}` is so many characters."""
    cases = []
    for line in (_FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        request = parse_chat_request(json.dumps(_filled({"model": "auto", **case["request"]})).encode())
        cases.append(Labelled(case["id"], case["level"], frozenset(case["needs"]), request))
    return cases


def _filled(value: Any) -> Any:
    if isinstance(value, str):
        return _FILL.sub(lambda mark: _text(mark[1], int(mark[2])), value)
    if isinstance(value, dict):
        return {key: _filled(each) for key, each in value.items()}
    return [_filled(each) for each in value] if isinstance(value, list) else value


def _text(kind: str, size: int) -> str:
    filling = _FILLING[kind]
    return (filling * (size // len(filling) + 1))[:size]
