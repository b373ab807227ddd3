"""How canonical messages carry what only Gemini has, for the provider's adapter and the client's dialect. Pure."""

from __future__ import annotations

from typing import Any

NO_SIGNATURE = "skip_thought_signature_validator"
"""The signature that Google specifies for calls that Gemini did not make (ai.google.dev, "Thought signatures")."""


def code_text(part: dict[str, Any]) -> str | None:
    """Returns code that Gemini executed, or its output, as Markdown, as models show code; None for any other part."""
    if isinstance(code := part.get("executableCode"), dict):
        return f"\n```{str(code.get('language') or '').lower()}\n{code.get('code') or ''}\n```\n"
    if isinstance(result := part.get("codeExecutionResult"), dict):
        return f"\n```\n{result.get('output') or ''}\n```\n"
    return None


def extra_content(signature: str) -> dict[str, Any]:
    """Returns the `extra_content` with a signature, as in Google's own OpenAI-compatible API."""
    return {"google": {"thought_signature": signature}}


def signature_in(holder: dict[str, Any]) -> str | None:
    """Returns the signature in the `extra_content` of a message, call or image, or None."""
    extra = holder.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) and signature else None
