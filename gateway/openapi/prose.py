"""Turns the comments of the protos, and cells of the documentation's tables, into texts of the document."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from arouter.errors import Failure

_TYPICAL = (Failure.INVALID_REQUEST, Failure.NOT_FOUND, Failure.PERMISSION_DENIED, Failure.ALREADY_EXISTS)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`]|gRPC)")
_NOT_OF_REST = re.compile(r"transcode|gRPC|\bRPC\b|proto3?\b|metadata contains|REST body|AIP-|passed as bytes")
_REFERENCE = re.compile(r" \(docs/[^)]*\)")
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
_STATUSES = {failure.grpc_code: str(failure.http_status) for failure in _TYPICAL}
_STATUS = re.compile(rf"\b({'|'.join(_STATUSES)})\b")


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
    return _STATUS.sub(lambda found: _STATUSES[found[0]], text)


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
