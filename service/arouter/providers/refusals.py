"""Decides whether a provider's 4xx is about the operator's account (credentials, billing, region) or the request. Pure.

The status alone is not sufficient. 401, 402 and 407 are about the operator's credential. 400, 403, 412 and others are
if their code or message says so; a 429 only by its code, because its message is the same for a rate limit and an
exhausted quota. Everything else is about the request.

Sources (2026-11): OpenAI "Error codes"; Anthropic "Errors"; Google AI "Troubleshooting" and google.rpc.ErrorInfo; Azure
OpenAI "Content filtering"; OpenRouter "Errors"; Groq "API error codes"; DashScope "Error codes"; the error pages of
SiliconFlow, Novita, Fireworks and Z.ai; on GitHub claude-code#19028, continue#10513 and #10902.
"""

from __future__ import annotations

import re

_CODES = frozenset(
    {
        # OpenAI, Azure
        "account_deactivated",
        "billing_hard_limit_reached",
        "billing_not_active",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_organization",
        "ip_not_authorized",
        "missing_scope",
        "unsupported_country_region_territory",
        "accessdenied",
        "permissiondenied",
        # Groq
        "expired_api_key",
        "organization_restricted",
        # DashScope
        "accessdenied.unpurchased",
        "allocationquota.freetieronly",
        "arrearage",
        "invalidapikey",
        "model.accessdenied",
        # Moonshot, Novita and others
        "exceeded_current_quota_error",
        "insufficient_balance",
        "insufficient_credits",
        "invalid_authentication_error",
        "not_enough_balance",
        # Z.ai: balance, arrears, locked account
        "1112",
        "1113",
        "1121",
        # Anthropic, for a request without a credential, or with one that has no access to the API
        "authentication_error",
        "billing_error",
        # google.rpc.ErrorInfo
        "access_token_expired",
        "access_token_scope_insufficient",
        "access_token_type_unsupported",
        "account_state_invalid",
        "api_key_android_app_blocked",
        "api_key_expired",
        "api_key_http_referrer_blocked",
        "api_key_invalid",
        "api_key_ios_app_blocked",
        "api_key_ip_address_blocked",
        "api_key_service_blocked",
        "billing_disabled",
        "consumer_invalid",
        "consumer_suspended",
        "iam_permission_denied",
        "service_disabled",
        "user_project_denied",
    }
)
"""Codes, types and reasons about the operator's credential, account or location, in lower case."""

_WORDS = re.compile(
    r"credit balance is too low|specified API usage limits|organization has been (?:disabled|restricted)"
    r"|only authorized for use with|(?:incorrect|invalid|expired) API[ _-]key|API[ _-]key (?:is )?(?:not valid|expired)"
    r"|API[ _-]key not found|reported as leaked|unregistered callers|has been suspended|account (?:\S+ )?is suspended"
    r"|has not been used in project|caller does not have permission|lacks the required data action"
    r"|your (?:API[ _-]key|OAuth token|credential|organization|account|workspace|team|project) "
    r"(?:does not|doesn't|has no)"
    r"|newly created team|token has been revoked|disabled in this account"
    r"|(?:country|region|territory|location)\b.{0,40}\bnot supported|not available in your (?:country|region|location)"
    r"|virtual network|firewall rules|IP (?:address )?(?:is )?not (?:authorized|allowed)|check your network settings"
    r"|(?:insufficient|not enough|exhausted).{0,24}(?:balance|credits?|funds|quota)|balance is (?:insufficient|too low)"
    r"|exceeded your current quota|(?:key|spending) limit (?:exceeded|reached)|monthly spending limit"
    r"|account is in good standing|free tier of the model has been exhausted|payment method|unpaid invoices",
    re.IGNORECASE,
)
"""Messages with the same meaning, for providers without specific codes."""

MAX_READ = 1000
"""Length of the searched part of a message in characters: text repeated from the request usually comes later."""

_NEVER_OURS = frozenset({404, 405, 409, 410, 413, 415, 422, 424, 431, 451})
"""Statuses that are always about the request."""

_TOO_LARGE = re.compile(r"\s*request too large\b", re.IGNORECASE)
"""OpenAI and Groq send a 429 with this message if a single request exceeds the tokens per minute: a retry is
useless."""


def concerns_credentials(status: int, message: str | None, marks: tuple[str | None, ...]) -> bool:
    """Returns whether an error is about the operator's credential, account or location, not about the request.

    Args:
        status: The provider's HTTP status, or the status in its error object.
        message: The provider's message, or None.
        marks: Code, type and other machine-readable values of the error.
    """
    if status in (401, 402, 407):
        return True
    if not 400 <= status < 500 or status in _NEVER_OURS:
        return False
    if any(mark is not None and mark.lower() in _CODES for mark in marks):
        return True
    return status != 429 and message is not None and _WORDS.search(message, 0, MAX_READ) is not None


def is_too_large(message: str | None) -> bool:
    """Returns whether a 429 is about the size of the request, not about the request rate."""
    return message is not None and _TOO_LARGE.match(message) is not None
