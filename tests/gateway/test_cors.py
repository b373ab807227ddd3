"""Web pages of other origins: which may call, what they may send, and what they may read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.edge import Edge, edge
from support.rest import Answer, Rest
from support.stack import Stack
from support.typed import chat_request
from support.web import CONNECT_STREAM, CONNECT_UNARY, GRPC_WEB, framed

ORIGIN = "https://app.example.com"
CHAT = "/arouter.v1.ChatService/ChatCompletion"
STREAM = "/arouter.v1.ChatService/StreamChatCompletion"
BODY = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}
STAINLESS = [
    f"x-stainless-{name}" for name in ("arch", "lang", "os", "package-version", "retry-count", "runtime", "timeout")
]
SENT = {
    "OpenAI": (
        "/v1/chat/completions",
        "authorization",
        "content-type",
        "openai-organization",
        "openai-project",
        *STAINLESS,
    ),
    "Anthropic": (
        "/v1/messages",
        "anthropic-beta",
        "anthropic-dangerous-direct-browser-access",
        "anthropic-version",
        "content-type",
        "x-api-key",
        *STAINLESS,
    ),
    "Google": (
        "/v1beta/models/gemini-3.5-flash:generateContent",
        "content-type",
        "x-goog-api-client",
        "x-goog-api-key",
        "x-server-timeout",
    ),
    "Connect": (CHAT, "authorization", "connect-protocol-version", "connect-timeout-ms", "content-type"),
    "gRPC-Web": (CHAT, "authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"),
}
"""A path and the headers that the SDKs for JavaScript send there, from their sources."""


@pytest.fixture(scope="module")
def front(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    origins = (ORIGIN, "http://dev.example:*")
    with edge(stack, tmp_path_factory.mktemp("edge"), cors_allow_origins=origins) as running:
        yield running


@pytest.fixture
def page(front: Edge) -> Iterator[Rest]:
    with front.rest() as rest:
        yield rest


def preflight(rest: Rest, origin: str, path: str, *headers: str, method: str = "POST") -> Answer:
    asked = {"access-control-request-method": method, "access-control-request-headers": ",".join(headers)}
    return rest.request("OPTIONS", path, headers={"origin": origin, **asked})


@pytest.mark.parametrize(("path", "headers"), [(path, headers) for path, *headers in SENT.values()], ids=SENT)
def test_a_preflight_allows_what_the_sdks_send(front: Edge, path: str, headers: list[str]) -> None:
    with front.rest(key="") as rest:
        answer = preflight(rest, ORIGIN, path, *headers)

    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-headers"].split(",") == headers
    assert answer.headers["vary"] == "origin"
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_allows_the_methods_of_the_api(page: Rest, method: str) -> None:
    allowed = preflight(page, ORIGIN, "/api/v1/keys", method=method).headers["access-control-allow-methods"]

    assert method in allowed.split(", ")


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/chat/completions", BODY, {}),
        ("/v1/chat/completions", BODY, {"authorization": "Bearer nonsense"}),
        ("/v1/chat/completions", BODY, {"content-encoding": "gzip"}),
        ("/v1/chat/completions", b"", {"content-length": "20000000"}),
        ("/v1/models", BODY, {}),
        ("/v1/nonsense", BODY, {}),
        ("/nonsense", BODY, {}),
        (CHAT, framed(chat_request().SerializeToString()), {"content-type": GRPC_WEB}),
        (CHAT, b"", {"content-type": GRPC_WEB, "authorization": "Bearer nonsense"}),
        (CHAT, chat_request().SerializeToString(), {"content-type": CONNECT_UNARY}),
        (CHAT, b"", {"content-type": CONNECT_UNARY, "authorization": "Bearer nonsense"}),
        (CHAT, BODY, {}),
        (STREAM, framed(chat_request().SerializeToString()), {"content-type": CONNECT_STREAM}),
        (STREAM, b"", {"content-type": CONNECT_STREAM, "content-length": "20000000"}),
    ],
)
def test_an_allowed_page_can_read_every_response(page: Rest, path: str, body: object, headers: dict[str, str]) -> None:
    answer = page.request("POST", path, body, {"origin": ORIGIN, **headers})

    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-expose-headers"] == "*"
    assert answer.headers["vary"] == "origin"
    # Keys are in headers: a page never sends cookies, with which `*` would have no meaning.
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["http://dev.example", "http://dev.example:5173"])
def test_an_origin_may_be_allowed_with_any_port(page: Rest, origin: str) -> None:
    for path in ("/v1/models", "/nonsense"):
        assert page.get(path, {"origin": origin}).headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example.com",
        "https://app.example.com.evil.example",
        "https://app.example.com:8443",
        "http://app.example.com",
        "http://dev.example:5173.evil.example",
        "http://dev.example.evil:80",
        "http://devxexample:80",
        "null",
        "*",
        "",
    ],
)
def test_other_pages_cannot_read_responses(page: Rest, origin: str) -> None:
    answers = [page.get(path, {"origin": origin}) for path in ("/v1/models", "/nonsense")]
    answers.append(preflight(page, origin, "/v1/chat/completions", "authorization"))

    for answer in answers:
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "origin"


def test_pages_from_the_same_machine_may_call_a_gateway_on_it(rest: Rest) -> None:
    """Without a setting, as `arouter up` starts the gateway."""
    for origin in ("http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:80"):
        assert preflight(rest, origin, "/v1/models").headers["access-control-allow-origin"] == origin
        assert rest.get("/v1/models", {"origin": origin}).headers["access-control-allow-origin"] == origin
    for origin in (ORIGIN, "http://localhost.evil.example", "https://localhost:1", "null"):
        # Without this one a browser lets nothing through, whatever the others say.
        assert "access-control-allow-origin" not in preflight(rest, origin, "/v1/models").headers
        assert "access-control-allow-origin" not in rest.get("/v1/models", {"origin": origin}).headers
