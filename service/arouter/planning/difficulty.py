"""Estimates the difficulty of a request as a sum of points from the tables here and in `keywords.py`. Pure.

It calls no model and learns nothing, so the same request always gets the same level, at once, with reasons. The
estimate reads the user's last message (only its beginning and end if it is long) and counts what is cheap to count in
the rest. If that is not good enough, the client can name a model.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from arouter.chat.efforts import effort_of
from arouter.chat.request import ChatRequest
from arouter.planning.keywords import CODE_SIGNS, CUES, ITEM, MATH_SIGNS, SIMPLE, Cue
from arouter.planning.requirements import Requirements

Level = Literal["easy", "medium", "hard"]
Steps = tuple[tuple[int, float], ...]

MEDIUM_FROM = 2.0
HARD_FROM = 9.0

WINDOW = 2_000
"""Characters that are read at either end of the user's last message."""

ZONE = 400
"""Characters at either end in which keywords count; the text between is assumed to be quoted material."""

OPENING = 120
"""Characters at either end in which keywords of a simple ask count."""

COUNTS: dict[str, Steps] = {
    # Characters of the user's last message; in texts that are not ASCII, bytes of UTF-8.
    "characters": ((0, -1), (60, 0), (100, 2), (200, 2.5), (400, 3)),
    # Estimated tokens of the complete prompt.
    "prompt tokens": ((8_000, 3), (30_000, 4)),
    "messages": ((6, 1), (8, 2), (12, 3)),
    "tools": ((1, 3), (5, 5), (10, 6.5)),
    # Properties of the schema in `response_format`, including nested ones.
    "schema properties": ((1, 0.5), (6, 1.5), (12, 4)),
    "images": ((1, 1.5), (3, 2.5)),
    # Items of lists in the question: conditions or tasks.
    "list items": ((4, 1), (8, 2)),
}
"""Things to count, each with its thresholds (minimum count, points). Only the highest threshold reached applies."""

SIGNS: dict[str, tuple[tuple[re.Pattern[str], ...], float]] = {
    "code block": (CODE_SIGNS, 2),
    "formulas": (MATH_SIGNS, 2),
}
"""Patterns to search for, each with the points for one match or more."""

EFFORTS = {"minimal": 0.0, "low": 0.0, "medium": 2.0, "high": 10.0, "xhigh": 10.0, "max": 10.0}
"""Points for the reasoning effort; an unknown effort counts as medium."""

BUDGETS: Steps = ((16, -3), (64, -2), (256, -1))
"""Points by the limit on completion tokens. They do not apply with reasoning, which counts towards the limit."""

BESIDE_SIMPLE = 0.4
"""Factor for the points of length, keywords and signs if there is a simple ask: most of them come from its material."""

_BETWEEN_WORDS = ".,;:!?()[]{}<>\"'`*/=…“”„«»¿¡。，！？、：；"
_MAX_PROPERTIES = 64


class Difficulty(NamedTuple):
    """The difficulty of a request.

    Attributes:
        level: The level that follows from the score.
        score: The sum of the points.
        reasons: What added or subtracted points, each with the number of points.
    """

    level: Level
    score: float
    reasons: tuple[str, ...]


def difficulty_of(request: ChatRequest, requirements: Requirements) -> Difficulty:
    """Returns the difficulty of a request."""
    body = request.body
    question, images = _last_question(body["messages"])
    found: list[tuple[str, float]] = []
    _judge(question, found)
    _count(found, "prompt tokens", requirements.prompt_tokens)
    _count(found, "messages", len(body["messages"]))
    _count(found, "images", images)
    if requirements.tools:
        _count(found, "tools", len(body.get("tools") or body.get("functions") or ()) or 1)
    if requirements.structure == "schema":
        _count(found, "schema properties", _properties(body["response_format"]))
    if (effort := effort_of(body)) is not None:
        known = effort if effort in EFFORTS else "medium"
        found.append((f"reasoning effort: {known}", EFFORTS[known]))
    elif (tokens := requirements.completion_tokens) is not None:
        points = next((points for limit, points in BUDGETS if tokens <= limit), 0)
        found.append((f"completion tokens: {tokens}", points))
    score = round(sum(points for _, points in found), 2)
    level: Level = "hard" if score >= HARD_FROM else "medium" if score >= MEDIUM_FROM else "easy"
    return Difficulty(level, score, tuple(f"{what} {points:+g}" for what, points in found if points))


def _last_question(messages: list[dict[str, Any]]) -> tuple[str, int]:
    """Returns the text of the user's last message, and the number of its images."""
    for message in reversed(messages):
        if message["role"] == "user":
            content = message.get("content")
            if type(content) is str:
                return content, 0
            texts = [text for part in content or () if type(text := part.get("text")) is str]
            images = [part for part in content or () if part["type"] == "image_url"]
            return "\n".join(texts), len(images)
    return "", 0


def _judge(question: str, found: list[tuple[str, float]]) -> None:
    window = question if len(question) <= 2 * WINDOW else f"{question[:WINDOW]}\n{question[-WINDOW:]}"
    lower = _ends(window, ZONE).lower()
    wide = not lower.isascii()
    words = _words(lower)
    share = 1.0
    # Most messages contain no such keyword: a second search, in the opening, is rarely needed.
    if _hits(SIMPLE, words, lower, wide):
        opening = _ends(window, OPENING).lower()
        if hits := _hits(SIMPLE, _words(opening), opening, wide):
            share = BESIDE_SIMPLE
            found.append((f"{SIMPLE.name}: {hits[0]}", SIMPLE.most))
    for cue in CUES:
        if hits := _hits(cue, words, lower, wide):
            found.append((f"{cue.name}: {', '.join(hits)}", share * min(cue.each * len(hits), cue.most)))
    for name, (patterns, points) in SIGNS.items():
        if any(pattern.search(window) for pattern in patterns):
            found.append((name, share * points))
    _count(found, "characters", _length(question), share)
    if "\n" in window:
        _count(found, "list items", len(ITEM.findall(window)))


def _words(text: str) -> frozenset[str]:
    # Several times as fast as a regular expression.
    for sign in _BETWEEN_WORDS:
        text = text.replace(sign, " ")
    return frozenset(text.split())


def _hits(cue: Cue, words: frozenset[str], text: str, wide: bool) -> list[str]:
    hits = [] if cue.words.isdisjoint(words) else sorted(cue.words & words)
    hits += [phrase for phrase in cue.phrases if phrase in text]
    if wide:
        hits += [phrase for phrase in cue.wide if phrase in text]
    return hits


def _ends(text: str, size: int) -> str:
    return text if len(text) <= 2 * size else f"{text[:size]}\n{text[-size:]}"


def _length(text: str) -> int:
    # Beyond the window the points no longer change.
    return len(text) if text.isascii() or len(text) > WINDOW else len(text.encode("utf-8", "replace"))


def _count(found: list[tuple[str, float]], name: str, number: int, share: float = 1.0) -> None:
    points = 0.0
    for minimum, step in COUNTS[name]:
        if number < minimum:
            break
        points = step
    if points:
        found.append((f"{name}: {number}", max(points, 0) * share + min(points, 0)))


def _properties(response_format: dict[str, Any]) -> int:
    """Returns the number of properties in a schema, up to a limit. Accepts schemas that are not valid."""
    count = 0
    pending: list[Any] = [response_format]
    for each in pending:
        if type(each) is dict:
            named = each.get("properties")
            count += len(named) if type(named) is dict else 0
            pending += each.values()
        elif type(each) is list:
            pending += each
        if count >= _MAX_PROPERTIES or len(pending) > 16 * _MAX_PROPERTIES:
            break
    return count
