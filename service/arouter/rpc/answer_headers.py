"""What the headers of an answer say about how it came to be."""

from __future__ import annotations

from arouter.calls.answer import Answer
from arouter.calls.call_record import route_header

_MAX_LIST = 1024
"""Characters of a list in a header; the names in it may be the client's."""


def answer_headers(answer: Answer) -> tuple[tuple[str, str], ...]:
    """Returns who answers, who was tried, what the key's limits say, and the dropped parameters if there are any."""
    headers = (("x-arouter-provider", answer.provider), route_header(answer.record), *answer.limit_headers)
    if not answer.dropped:
        return headers
    names = ", ".join(_printable(name) for name in answer.dropped)
    return *headers, ("x-arouter-dropped-params", names[:_MAX_LIST])


def _printable(name: str) -> str:
    return "".join(character if "!" <= character <= "~" else "?" for character in name)
