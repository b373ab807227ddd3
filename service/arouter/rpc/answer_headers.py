"""What the headers of an answer say about how it came to be."""

from __future__ import annotations

from arouter.routing.attempt import Answer

_LONGEST_LIST = 1024
"""Characters of a list in a header; the names in it may be the client's."""


def answer_headers(answer: Answer) -> tuple[tuple[str, str], ...]:
    """Returns `x-arouter-provider` and, if the provider was not told everything, `x-arouter-dropped-params`."""
    provider = ("x-arouter-provider", answer.model.provider.id)
    if not answer.dropped:
        return (provider,)
    names = ", ".join(_printable(name) for name in answer.dropped)
    return provider, ("x-arouter-dropped-params", names[:_LONGEST_LIST])


def _printable(name: str) -> str:
    return "".join(character if "!" <= character <= "~" else "?" for character in name)
