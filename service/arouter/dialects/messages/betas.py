"""The request headers that are forwarded to Anthropic."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BETA = re.compile(r"([a-z0-9]+(?:-[a-z0-9]+)*?)-(?:\d{8}|\d{4}-\d{2}-\d{2})")
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")

FEATURES = frozenset(
    {
        "adaptive-thinking",
        "advanced-tool-use",
        "advisor-tool",
        "cache-diagnosis",
        "claude-code",
        "code-execution",
        "compact",
        "computer-use",
        "context-1m",
        "context-hint",
        "context-management",
        "dev-full-thinking",
        "effort",
        "extended-cache-ttl",
        "fine-grained-tool-streaming",
        "inline-tools",
        "interleaved-thinking",
        "mcp-client",
        "mcp-servers",
        "mid-conversation-output-config",
        "mid-conversation-system",
        "mid-conversation-system-clear-at",
        "mid-conversation-tool-changes",
        "model-context-window-exceeded",
        "output-128k",
        "output-300k",
        "pdfs",
        "prompt-caching",
        "prompt-caching-scope",
        "redact-thinking",
        "structured-outputs",
        "summarize-connector-text",
        "task-budgets",
        "thinking-binding-controls",
        "thinking-display-updates",
        "thinking-token-count",
        "token-counting",
        "token-efficient-tools",
        "tool-examples",
        "tool-search-tool",
        "web-fetch",
        "web-search",
    }
)
"""The features of `anthropic-beta` that are forwarded, in any version: those of one request alone.

Sources: `anthropic.types.AnthropicBetaParam` of SDK 2.12; what claude-code 2.1.197 sends. Not forwarded are features
that concern the operator's account, in which all users of ARouter would share files, skills, memories and settings
(`files-api`, `skills`, `agent-memory`, `managed-agents`, `user-profiles`, `oauth`, …), and those with prices or models
other than the requested one's (`fast-mode`, `server-side-fallback`, `fallback-credit`).
"""


def forwarded_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Returns the headers for Anthropic.

    Args:
        headers: The request's headers by lower-case name.
    """
    forwarded = []
    version = headers.get("anthropic-version", "").strip()
    if _VERSION.fullmatch(version):
        forwarded.append(("anthropic-version", version))
    names = [name.strip() for name in headers.get("anthropic-beta", "").split(",")]
    known = dict.fromkeys(name for name in names if (found := _BETA.fullmatch(name)) and found[1] in FEATURES)
    if known:
        forwarded.append(("anthropic-beta", ",".join(known)))
    return tuple(forwarded)
