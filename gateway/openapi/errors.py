"""The error responses: the error table, the envelopes of the APIs, and what docs/errors.md says of each status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path

from arouter.dialects.gemini.errors import encode_error as gemini_error
from arouter.dialects.messages.errors import TYPES as ANTHROPIC_TYPES
from arouter.dialects.messages.errors import encode_error as messages_error
from arouter.errors import ARouterError, Failure
from openapi.components import Components, Json
from openapi.headers import of_errors
from openapi.prose import table_rows, without_links

ERRORS_PAGE = Path("docs/errors.md")
_TABLE = "| HTTP | gRPC | reason (`ErrorInfo`) | `type` | `code` | when |"
_GATEWAY_TABLE = "| status | when |"

ALWAYS = frozenset({400, 401, 403, 404, 408, 413, 415, 431, 500, 503, 504})
"""The statuses that any route may respond with, some of them from the gateway alone."""
CALLING_A_MODEL = frozenset({402, 422, 429, 502})
"""Further statuses of routes whose calls reach a provider."""
CREATING = frozenset({409})
"""Further statuses of routes that create something."""
HEALTH = frozenset({400, 408, 431, 503})
"""The errors of a health check; but for the last one, the request is malformed, slow or too large."""


class Envelope(Enum):
    """The shape of an API's errors; the value is the prefix of its components.

    ANY is for paths that clients of several APIs share, with errors in the shape of the client's.
    """

    OPENAI = ""
    MESSAGES = "Messages"
    GEMINI = "Gemini"
    ANY = "Model"


class Errors:
    """Builds the error responses of operations."""

    def __init__(self, components: Components, root: Path) -> None:
        self._components = components
        self._when = _descriptions(root / ERRORS_PAGE)

    def responses(self, statuses: Iterable[int], envelope: Envelope) -> Json:
        """Returns the responses of these statuses, by status."""
        return {str(status): self._response(status, envelope) for status in sorted(statuses)}

    def schema(self, envelope: Envelope) -> Json:
        """Returns a reference to the schema of an envelope."""
        builders = {Envelope.OPENAI: _openai, Envelope.MESSAGES: _messages, Envelope.GEMINI: _gemini}
        if envelope is Envelope.ANY:
            return {"anyOf": [self.schema(each) for each in builders]}
        return self._components.schema(f"{envelope.value}Error", builders[envelope])

    def _response(self, status: int, envelope: Envelope) -> Json:
        def build() -> Json:
            content: Json = {"schema": self.schema(envelope)}
            examples = _examples(status, envelope)
            if examples:
                content["examples"] = examples
            return {
                "description": self._when[status],
                "headers": of_errors(self._components, status),
                "content": {"application/json": content},
            }

        return self._components.add("responses", f"{envelope.value}Error{status}", build)


def _descriptions(page: Path) -> Mapping[int, str]:
    """Returns what the tables of the page say of each status."""
    found: dict[int, list[str]] = {}
    rows = [(status, cells[2], cells[-1]) for cells in table_rows(page, _TABLE) for status in cells[0].split(", ")]
    rows = [(status, reason, when) for status, reason, when in rows if "from the gateway" not in when]
    rows += [(cells[0], "", cells[-1]) for cells in table_rows(page, _GATEWAY_TABLE)]
    for status, reason, when in rows:
        line = without_links(when).replace("*", "")
        found.setdefault(int(status), []).append(f"- `{reason}`: {line}" if reason else f"- {line}")
    return {status: "\n".join(lines) for status, lines in found.items()}


def _examples(status: int, envelope: Envelope) -> Json:
    """Returns an example for each row of the error table with this status."""
    found = {}
    for failure in Failure:
        if failure.http_status == status:
            error = ARouterError(failure, "What is wrong, and what to do about it.")
            encode = {Envelope.MESSAGES: messages_error, Envelope.GEMINI: gemini_error}.get(envelope)
            found[failure.name] = {"value": encode(error) if encode else error.envelope()}
    return found


def _openai() -> Json:
    error = {
        "type": "object",
        "properties": {
            "message": {"type": "string", "minLength": 1, "description": "For people: what is wrong and what to do."},
            "type": {"type": "string", "enum": sorted({failure.type for failure in Failure})},
            "param": {"type": ["string", "null"], "description": "The path of the invalid request field."},
            "code": {"type": ["string", "null"], "description": _CODES},
            "metadata": {"type": "object", "description": "Further details for programs."},
        },
        "required": ["message", "type", "param", "code"],
        "additionalProperties": False,
    }
    return _envelope({"error": error}, "The envelope of OpenAI's API and of ARouter's own.")


_CODES = "For programs to branch on: one of " + ", ".join(
    f"`{code}`" for code in sorted({failure.code for failure in Failure if failure.code})
)
_CODES += "; `provider_not_allowed` or `model_not_allowed`; or a provider's own."


def _messages() -> Json:
    types = {"type": "string", "enum": sorted(set(ANTHROPIC_TYPES.values()))}
    error = {
        "type": "object",
        "properties": {"type": types, "message": {"type": "string", "minLength": 1}},
        "required": ["type", "message"],
    }
    members = {"type": {"type": "string", "const": "error"}, "error": error}
    return _envelope(members, "The envelope of Anthropic's API.")


def _gemini() -> Json:
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "The HTTP status."},
            "message": {"type": "string", "minLength": 1},
            "status": {"type": "string", "enum": sorted({failure.grpc_code for failure in Failure})},
            "details": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["code", "message", "status"],
    }
    return _envelope({"error": error}, "The envelope of Google's API.")


def _envelope(members: Json, text: str) -> Json:
    return {
        "type": "object",
        "description": re.sub(r"\s+", " ", text),
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }
