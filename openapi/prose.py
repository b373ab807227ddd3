"""Turns the comments of the protos, and cells of the documentation's tables, into texts of the document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`]|gRPC)")
_NOT_OF_REST = re.compile(r"transcode|gRPC|\bRPC\b|proto3?\b|metadata contains|REST body|AIP-|passed as bytes")
_REFERENCE = re.compile(r" \(docs/[^)]*\)")
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
_STATUS = re.compile(r"\b[Rr]eturns (?:INVALID_ARGUMENT|NOT_FOUND|PERMISSION_DENIED|ALREADY_EXISTS)\b")
_WORDS = {"INVALID_ARGUMENT": "400", "NOT_FOUND": "404", "PERMISSION_DENIED": "403", "ALREADY_EXISTS": "409"}


def of_rest(comment: str) -> str:
    """Returns a comment without the sentences about gRPC; statuses become those of HTTP."""
    paragraphs = []
    for paragraph in comment.split("\n\n"):
        if paragraph.startswith("- "):
            paragraphs.append(paragraph)
            continue
        kept = [sentence for sentence in sentences(paragraph) if not _NOT_OF_REST.search(sentence)]
        if kept:
            paragraphs.append(" ".join(kept))
    text = _REFERENCE.sub("", "\n\n".join(paragraphs))
    text = _STATUS.sub(lambda found: found[0].replace(found[0].split()[-1], _WORDS[found[0].split()[-1]]), text)
    return re.sub(r"fails with INVALID_ARGUMENT", "is a 400", text, flags=re.IGNORECASE)


def sentences(paragraph: str) -> Sequence[str]:
    """Splits a paragraph into its sentences."""
    return _SENTENCE.split(paragraph)


def without_links(text: str) -> str:
    """Returns Markdown whose links are their texts, because their targets are files beside the page."""
    return _LINK.sub(r"\1", text)


def table_rows(page: Path, heading: str) -> Iterator[Sequence[str]]:
    """Yields the cells of the rows of the table whose first line is `heading`.

    Raises:
        ValueError: The page has no such table.
    """
    _, found, rest = page.read_text("utf-8").partition(f"\n{heading}\n")
    if not found:
        raise ValueError(f"{page} has no table {heading}")
    for line in rest.splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line[1:-1].split("|")]
