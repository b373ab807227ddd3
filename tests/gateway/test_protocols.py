"""Each wire protocol end to end: OpenAI's SDK in front, the golden answers of `tests/wire` behind."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import openai
import pytest

from support.ports import HOST
from support.stack import Stack, running

WIRE = Path(__file__).parents[1] / "wire"
PROTOCOLS = {"anthropic": "text", "gemini": "text"}
KEY_HEADERS = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
MESSAGES: Any = [{"role": "user", "content": "hi"}]


class Golden(BaseHTTPRequestHandler):
    """Answers with a golden case, which the model's name chooses: `/<protocol>/…` is the base URL."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, dict[str, str], dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        protocol = self.path.split("/")[1]
        case = body.get("model") or self.path.split("/models/")[1].partition(":")[0]
        if case.startswith("error_"):
            error = json.loads((WIRE / protocol / case / "error.wire.json").read_text("utf-8"))
            return self._answer(error["status"], "application/json", json.dumps(error["body"]).encode())
        streamed = body.get("stream") or "alt=sse" in self.path
        name, kind = (
            ("stream.wire.txt", "text/event-stream") if streamed else ("response.wire.json", "application/json")
        )
        return self._answer(200, kind, (WIRE / protocol / case / name).read_bytes())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def cases(protocol: str, file: str) -> list[str]:
    return sorted(path.parent.name for path in (WIRE / protocol).glob(f"*/{file}"))


@pytest.fixture(scope="module")
def golden() -> Iterator[ThreadingHTTPServer]:
    Golden.seen = []
    with ThreadingHTTPServer((HOST, 0), Golden) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def translated(golden: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    rows = [
        {
            "id": protocol,
            "protocol": protocol,
            "base_url": f"http://{HOST}:{golden.server_port}/{protocol}",
            "api_keys": ["sk-golden"],
            "models": sorted({*cases(protocol, "response.wire.json"), *cases(protocol, "error.wire.json")}),
        }
        for protocol in PROTOCOLS
    ]
    with running(tmp_path_factory.mktemp("translated"), {"providers": rows}) as stack:
        yield stack


@pytest.fixture
def client(translated: Stack) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=translated.base_url, api_key=translated.key, max_retries=0) as client:
        yield client


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_whole_answer_is_the_golden_one(client: openai.OpenAI, protocol: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=f"{protocol}/text", messages=MESSAGES)

    expected = json.loads((WIRE / protocol / "text" / "response.openai.json").read_text("utf-8"))
    answer = raw.parse()
    assert raw.headers["x-arouter-provider"] == protocol
    assert answer.model == f"{protocol}/text"
    assert answer.id.startswith("gen-")
    assert answer.choices[0].message.content == expected["choices"][0]["message"]["content"]
    assert answer.choices[0].finish_reason == expected["choices"][0]["finish_reason"]
    assert answer.usage is not None
    assert answer.usage.total_tokens == expected["usage"]["total_tokens"]


def called(tool_calls: Any) -> list[tuple[str, str, Any]]:
    return [(call.id, call.function.name, json.loads(call.function.arguments)) for call in tool_calls or ()]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", ["text", "tool_call", "reasoning"])
def test_a_streamed_answer_accumulates_to_the_whole_one(client: openai.OpenAI, protocol: str, case: str) -> None:
    model = f"{protocol}/{case}"
    whole = client.chat.completions.create(model=model, messages=MESSAGES).choices[0]
    with client.chat.completions.stream(model=model, messages=MESSAGES) as stream:
        streamed = stream.get_final_completion().choices[0]

    assert streamed.message.content == whole.message.content
    assert streamed.finish_reason == whole.finish_reason
    calls = [called(choice.message.tool_calls) for choice in (streamed, whole)]
    assert calls[0] == calls[1]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_key_goes_into_the_vendors_header_alone(client: openai.OpenAI, protocol: str) -> None:
    client.chat.completions.create(model=f"{protocol}/text", messages=MESSAGES)

    path, headers, _ = Golden.seen[-1]
    assert headers.pop(KEY_HEADERS[protocol]) == "sk-golden"
    assert "sk-golden" not in path + str(headers)


@pytest.mark.parametrize(
    ("protocol", "case"), [(protocol, case) for protocol in PROTOCOLS for case in cases(protocol, "error.wire.json")]
)
def test_an_error_is_the_golden_one(client: openai.OpenAI, protocol: str, case: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model=f"{protocol}/{case}", messages=MESSAGES)

    expected = json.loads((WIRE / protocol / case / "error.openai.json").read_text("utf-8"))
    assert refused.value.status_code == expected["status"]
    assert refused.value.response.json()["error"] == expected.get("body", expected)["error"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_protocol_cannot_say_is_named(client: openai.OpenAI, protocol: str) -> None:
    create = client.chat.completions.with_raw_response.create
    told = create(model=f"{protocol}/text", messages=MESSAGES, logit_bias={"1": 1}, extra_body={"models": ["a"]})

    assert told.headers["x-arouter-dropped-params"].split(", ") == ["models", "logit_bias"]
    with pytest.raises(openai.BadRequestError) as refused:
        create(
            model=f"{protocol}/text",
            messages=MESSAGES,
            logit_bias={"1": 1},
            extra_body={"provider": {"require_parameters": True}},
        )
    assert refused.value.param == "logit_bias"


def said(part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


NO_BROWSER = ({"tools": [{"type": "browser"}]}, "tools[0].type")
NO_SMELL = (said({"type": "smell"}), "messages[0].content[0].type")
NO_FTP = (
    said({"type": "image_url", "image_url": {"url": "ftp://images.test/a.png"}}),
    "messages[0].content[0].image_url.url",
)
NO_IDS = (said({"type": "file", "file": {"file_id": "file-1"}}), "messages[0].content[0].file.file_id")
NO_EFFORT = ({"reasoning_effort": "superhuman"}, "reasoning_effort")
UNSUPPORTED: list[tuple[str, dict[str, Any], str]] = [
    *((protocol, *case) for protocol in PROTOCOLS for case in (NO_BROWSER, NO_SMELL, NO_FTP, NO_IDS, NO_EFFORT)),
    ("anthropic", {"n": 2}, "n"),
    (
        "anthropic",
        said({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}),
        "messages[0].content[0].type",
    ),
    (
        "gemini",
        {"messages": [*MESSAGES, {"role": "tool", "tool_call_id": "c", "content": "x"}]},
        "messages[1].tool_call_id",
    ),
]


@pytest.mark.parametrize(("protocol", "fields", "param"), UNSUPPORTED, ids=str)
def test_what_a_protocol_has_no_place_for_is_refused(
    client: openai.OpenAI, protocol: str, fields: dict[str, Any], param: str
) -> None:
    calls = len(Golden.seen)

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": f"{protocol}/text", "messages": MESSAGES, **fields})

    assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
    assert len(Golden.seen) == calls


def test_no_header_is_sent_where_nothing_was_dropped(client: openai.OpenAI) -> None:
    told = client.chat.completions.with_raw_response.create(model="anthropic/text", messages=MESSAGES)

    assert "x-arouter-dropped-params" not in told.headers
