"""What a provider's 4xx concerns: the operator's credential there, or the client's request."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from arouter.errors import Failure
from arouter.providers.adapter import Adapter
from arouter.providers.anthropic.adapter import AnthropicAdapter
from arouter.providers.gemini.adapter import GeminiAdapter
from arouter.providers.openai import OpenAIAdapter

OPENAI, ANTHROPIC, GEMINI = OpenAIAdapter(), AnthropicAdapter(), GeminiAdapter()
MODERATION = {"reasons": ["violence"], "flagged_input": "your api key is not valid", "provider_name": "OpenAI"}


def google(reason: str) -> list[dict[str, str]]:
    return [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}]


def openai(message: str, code: Any = None, type_: str | None = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": type_, "param": None, "code": code, **more}}


def anthropic(type_: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": message}}


def gemini(message: str, status: str = "PERMISSION_DENIED", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "status": status, **more}}


CREDENTIALS: list[tuple[Adapter, int, Any]] = [
    (OPENAI, 403, openai("Country, region, or territory not supported", "unsupported_country_region_territory")),
    (OPENAI, 403, {"error": "Country, region, or territory not supported"}),
    (OPENAI, 401, openai("Your IP is not authorized.", "ip_not_authorized")),
    (OPENAI, 402, openai("This request requires more credits, or fewer max_tokens.", 402)),
    (OPENAI, 403, openai("Key limit exceeded (daily limit).", 403)),
    (OPENAI, 429, openai("You exceeded your current quota.", "insufficient_quota", "insufficient_quota")),
    (OPENAI, 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***."}),
    (OPENAI, 403, {"code": "no permission", "error": "Your newly created teams doesn't have any credits yet."}),
    (OPENAI, 400, openai("Organization has been restricted.", "organization_restricted")),
    (OPENAI, 403, openai("Access denied. Please check your network settings.")),
    (OPENAI, 403, openai("Access denied due to Virtual Network/Firewall rules.", "403")),
    (OPENAI, 403, openai("The principal lacks the required data action.", "PermissionDenied")),
    (OPENAI, 400, openai("Access denied, please make sure your account is in good standing.", "Arrearage")),
    (OPENAI, 403, {"code": 30001, "message": "Sorry, your account balance is insufficient"}),
    (OPENAI, 403, {"code": 403, "reason": "NOT_ENOUGH_BALANCE", "message": "not enough balance"}),
    (OPENAI, 412, {"error": "Account acme is suspended, possibly due to reaching the monthly spending limit"}),
    (OPENAI, 429, openai("Insufficient balance or no resource package.", "1113")),
    (ANTHROPIC, 400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
    (ANTHROPIC, 400, anthropic("invalid_request_error", "You have reached your specified API usage limits.")),
    (ANTHROPIC, 400, anthropic("invalid_request_error", "This organization has been disabled.")),
    (ANTHROPIC, 400, anthropic("invalid_request_error", "This credential is only authorized for use with Claude Code")),
    (ANTHROPIC, 403, anthropic("permission_error", "Your API key does not have permission to use the resource.")),
    (ANTHROPIC, 403, anthropic("forbidden", "Request not allowed")),
    (GEMINI, 400, gemini("API key not valid.", "INVALID_ARGUMENT", details=google("API_KEY_INVALID"))),
    (GEMINI, 400, gemini("API key expired. Please renew the API key.", "INVALID_ARGUMENT")),
    (GEMINI, 400, gemini("User location is not supported for the API use.", "FAILED_PRECONDITION")),
    (GEMINI, 403, gemini("Your API key was reported as leaked. Please use another API key.")),
    (GEMINI, 403, gemini("Permission denied: Consumer has been suspended.", details=google("CONSUMER_SUSPENDED"))),
    (GEMINI, 403, gemini("It is disabled.", details=google("SERVICE_DISABLED"))),
    (GEMINI, 403, gemini("Method doesn't allow unregistered callers.")),
    (GEMINI, 403, gemini("The caller does not have permission")),
]

REQUEST: list[tuple[Adapter, int, Any, Failure]] = [
    (OPENAI, 403, openai("Your input was flagged.", 403, metadata=MODERATION), Failure.PERMISSION_DENIED),
    (OPENAI, 403, openai("Invalid API key, it says.", 403, metadata=MODERATION), Failure.PERMISSION_DENIED),
    (
        OPENAI,
        403,
        openai("Project `p` does not have access to model `m`", "model_not_found"),
        Failure.PERMISSION_DENIED,
    ),
    (OPENAI, 403, openai("Blocked.", "model_permission_blocked_org"), Failure.PERMISSION_DENIED),
    (OPENAI, 403, "<html>Attention Required! | Cloudflare</html>", Failure.PERMISSION_DENIED),
    (OPENAI, 400, openai("The response was filtered.", "content_filter"), Failure.INVALID_REQUEST),
    (OPENAI, 400, openai("Inappropriate content.", "data_inspection_failed"), Failure.INVALID_REQUEST),
    (OPENAI, 429, openai("Rate limit reached for requests", "rate_limit_exceeded"), Failure.RATE_LIMITED),
    (OPENAI, 429, openai("Request too large for gpt-x in organization o", "x", "tokens"), Failure.PAYLOAD_TOO_LARGE),
    (OPENAI, 404, openai("No such model: invalid api key", "model_not_found"), Failure.NOT_FOUND),
    (
        ANTHROPIC,
        400,
        anthropic("invalid_request_error", "Output blocked by content filtering policy"),
        Failure.INVALID_REQUEST,
    ),
    (ANTHROPIC, 403, anthropic("permission_error", "This content may not be processed."), Failure.PERMISSION_DENIED),
    (ANTHROPIC, 409, anthropic("conflict_error", "Try another."), Failure.INVALID_REQUEST),
    (
        GEMINI,
        403,
        gemini("You do not have permission to access the File x or it may not exist."),
        Failure.PERMISSION_DENIED,
    ),
    (GEMINI, 403, gemini("Blocked: SAFETY"), Failure.PERMISSION_DENIED),
    (
        GEMINI,
        429,
        gemini("You exceeded your current quota, please check your plan.", "RESOURCE_EXHAUSTED"),
        Failure.RATE_LIMITED,
    ),
]


def words(body: Any) -> str:
    return body if isinstance(body, str) else orjson.dumps(body).decode()


@pytest.mark.parametrize(
    ("adapter", "status", "body"), CREDENTIALS, ids=lambda part: words(part)[:60] if isinstance(part, dict) else ""
)
def test_what_concerns_the_operator_is_not_told_to_the_client(adapter: Adapter, status: int, body: Any) -> None:
    error = adapter.decode_error(status, words(body).encode(), None)

    assert error.failure is Failure.PROVIDER_CREDENTIALS
    assert error.message.startswith("The provider rejected ARouter's own credentials.")


@pytest.mark.parametrize(
    ("adapter", "status", "body", "failure"),
    REQUEST,
    ids=lambda part: words(part)[:60] if isinstance(part, dict | str) else "",
)
def test_what_concerns_the_request_is_told_in_the_providers_words(
    adapter: Adapter, status: int, body: Any, failure: Failure
) -> None:
    error = adapter.decode_error(status, words(body).encode(), None)

    assert error.failure is failure
    if isinstance(body, dict):
        assert error.message == body["error"]["message"]
