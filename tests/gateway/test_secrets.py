"""No credential shows where it does not belong: in no log of any part, in no answer, in no file of the state folder."""

from __future__ import annotations

import http.client
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from support.log import chats, lines
from support.management import KEYS, managing
from support.ports import HOST
from support.rest import Rest
from support.stack import CLIENT_KEY, MANAGEMENT_KEY, PROVIDER_KEY, Stack, running

BODY = {"model": "emu/text", "messages": [{"role": "user", "content": "canary-of-a-prompt"}]}
UNKNOWN_KEY = "lr_live_canary_of_an_unknown_key"
MODELS = ["text", "status-400", "status-401", "status-500", "garbage", "error-first", "cut-later-event", "no-answer"]


def misuse(stack: Stack) -> list[bytes]:
    """Makes requests of every kind, the canaries in every place they might be logged from; returns the answers."""
    answers = []
    with stack.rest() as rest:
        for model in MODELS:
            for stream in (False, True):
                answers.append(rest.chat(BODY | {"model": f"emu/{model}", "stream": stream}).body)
        answers.append(rest.chat(BODY | {"model": "refusing/text"}).body)
        answers.append(rest.chat(BODY | {"model": "hasty/hang"}).body)
        answers.append(rest.chat(b"{" + CLIENT_KEY.encode()).body)
        answers.append(rest.get(f"/v1/models?key={CLIENT_KEY}&api_key={UNKNOWN_KEY}").body)
        answers.append(rest.get("/v1/models", {"x-api-key": CLIENT_KEY}).body)
        answers.append(rest.get("/v1/models", {"authorization": f"Bearer {UNKNOWN_KEY}"}).body)
        answers.append(rest.get("/v1/models", {"authorization": f"Basic {CLIENT_KEY}"}).body)
        answers.append(rest.get("/v1/models", {"cookie": CLIENT_KEY, "referer": f"http://x/?{CLIENT_KEY}"}).body)
        for odd in (f"Bearer {CLIENT_KEY}\xe9\xff", f"Bearer {CLIENT_KEY}\t{UNKNOWN_KEY}"):
            answers.append(rest.get("/v1/models", {"authorization": odd}).body)
    with closing(http.client.HTTPConnection(HOST, stack.port, timeout=10)) as connection:
        connection.request("GET", "/healthz", headers={"x_api_key": CLIENT_KEY})
        answers.append(connection.getresponse().read())
    return answers


def use_a_managed_key(stack: Stack) -> str:
    """Makes a key, calls with it, changes it and revokes it; returns its secret."""
    with managing(stack) as manager:
        key, secret = manager.create(name="canary", limit=5)
        with Rest(stack.port, secret) as rest:
            assert rest.chat(BODY).status == 200
            rest.chat(BODY | {"user": secret, "model": secret})
            rest.request("GET", "/api/v1/usage")
        manager.patch(key, disabled=True)
        manager.rest.request("POST", KEYS, {"name": secret})
        manager.rest.get(f"{KEYS}?page_token={secret}")
        manager.delete(key)
    return secret


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_log_and_no_answer_shows_a_credential_or_a_prompt(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, form: str
) -> None:
    with running(tmp_path, config, environment={"AROUTER_LOG_FORMAT": form, "AROUTER_LOG_LEVEL": "debug"}) as stack:
        answers = misuse(stack)
        secret = use_a_managed_key(stack)
        stack.process.stop()
        logs = {path: path.read_bytes() for path in stack.files() if path.name != "stdout.log"}

    for canary in (CLIENT_KEY, PROVIDER_KEY, UNKNOWN_KEY, secret, MANAGEMENT_KEY, "canary-of-a-prompt"):
        for answer in answers:
            assert canary.encode() not in answer
        assert [str(path) for path, log in logs.items() if canary.encode() in log] == []
    assert [path for path in logs if path.name == "stderr.log"]


def test_the_access_log_names_each_request(config: dict[str, Any], emulator: Emulator, tmp_path: Path) -> None:
    with running(tmp_path, config) as stack:
        with stack.rest() as rest:
            request_id = rest.get("/v1/models?secret=1").headers["x-request-id"]
            call_id = rest.chat(BODY).headers["x-request-id"]
        stack.process.stop()
        [access] = [line for line in lines(stack.process.log) if line.get("path") == "/v1/chat/completions"]
        [report] = chats(stack.process)

        [line] = [line for line in stack.process.log.splitlines() if request_id in line and '"path"' in line]
    assert access["request_id"] == report["request_id"] == call_id
    assert '"path":"/v1/models"' in line
    assert "secret" not in line


@pytest.mark.parametrize(
    "header", ["x-request-id", "x-arouter-error", "x-arouter-status", "x-envoy-upstream-rq-timeout-ms"]
)
def test_a_client_cannot_speak_for_the_gateway(stack: Stack, emulator: Emulator, header: str) -> None:
    with stack.rest() as rest:
        answer = rest.chat(BODY, {header: "1"})

    assert answer.status == 200
    assert answer.headers.get(header) != "1"
