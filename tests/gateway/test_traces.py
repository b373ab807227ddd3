"""Traces: from Envoy through the service to the provider, under one id; and no word of what was said."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from emulator import Emulator
from emulator.answers import USAGE
from support.collector import Collector, Span, collecting
from support.log import chat, lines
from support.ports import refusing_port, silent_port
from support.rest import Answer
from support.stack import CLIENT_KEY, MANAGEMENT_KEY, PROVIDER_KEY, Stack, running
from support.typed import Client, chat_request

PROMPT = "canary-of-a-prompt"
BODY: dict[str, Any] = {"model": "emu/echo", "messages": [{"role": "user", "content": PROMPT}]}
CALL = "POST"
AT_ONCE = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def traced_stack(
    config: dict[str, Any], collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **AT_ONCE}
    with running(tmp_path_factory.mktemp("traced"), config, environment=environment) as stack:
        yield stack


@pytest.fixture
def traced(traced_stack: Stack, emulator: Emulator) -> Stack:
    return traced_stack


def parent() -> tuple[str, str, dict[str, str]]:
    """Returns the ids of a new trace and of a span in it, and the header that says so."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return trace, span, {"traceparent": f"00-{trace}-{span}-01"}


def spans(stack: Stack, collector: Collector, trace: str, count: int) -> list[Span]:
    """Waits for the spans of a trace. Envoy sends its own every five seconds, or when others have come."""

    def arrived() -> bool:
        with stack.rest() as rest:
            rest.get("/v1/models")
        return len(collector.trace(trace)) >= count

    stack.process.wait_until(arrived, "traced")
    found = collector.trace(trace)
    assert len(found) == count
    return found


def says(span: Span, expected: dict[str, Any]) -> bool:
    return {name: span.attributes.get(name) for name in expected} == expected


def ask(stack: Stack, headers: dict[str, str], **fields: Any) -> Answer:
    with stack.rest() as rest:
        return rest.chat(BODY | fields, headers)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_call_is_one_trace_from_its_client_to_the_provider(
    traced: Stack, emulator: Emulator, collector: Collector, stream: bool
) -> None:
    trace, origin, headers = parent()

    answer = ask(traced, headers, model="emu/text", stream=stream)

    assert answer.status == 200
    gateway, service, attempt = spans(traced, collector, trace, 3)
    assert (gateway.service, gateway.name, gateway.kind, gateway.parent) == ("arouter-gateway", CALL, "server", origin)
    assert (service.service, service.kind, service.parent) == ("arouter", "server", gateway.id)
    assert (attempt.service, attempt.kind, attempt.parent) == ("arouter", "client", service.id)
    [call] = emulator.calls
    assert call.headers["traceparent"] == f"00-{trace}-{attempt.id}-01"
    assert "tracestate" not in call.headers
    assert chat(traced.process, answer.headers["x-request-id"])["trace_id"] == trace


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_spans_say_what_the_conventions_ask_for(
    traced: Stack, emulator: Emulator, collector: Collector, stream: bool
) -> None:
    trace, _, headers = parent()

    answer = ask(traced, headers, model="emu/text", stream=stream)

    gateway, service, attempt = spans(traced, collector, trace, 3)
    assert gateway.attributes["url.path"] == "/v1/chat/completions"
    assert (service.name, attempt.name) == ("chat emu/text", "chat text")
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "emu",
        "gen_ai.request.stream": stream,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": USAGE.prompt_tokens,
        "gen_ai.usage.output_tokens": USAGE.completion_tokens,
    }
    request_id = answer.headers["x-request-id"]
    ours = {"arouter.request_id": request_id, "arouter.status": "ok"}
    models = {"gen_ai.request.model": "emu/text", "gen_ai.response.model": "emu/text"}
    assert says(service, {**common, **models, **ours})
    assert service.attributes["gen_ai.response.id"].startswith("gen-")
    place = {"server.address": "127.0.0.1", "server.port": emulator.port}
    assert says(attempt, {**common, **place, "gen_ai.request.model": "text", "arouter.endpoint": "emu/text"})
    for span in (service, attempt):
        assert ("gen_ai.response.time_to_first_chunk" in span.attributes) == stream
    assert 0 < attempt.seconds <= service.seconds <= gateway.seconds


def test_a_failed_attempt_and_its_stand_in_are_two_spans(
    traced: Stack, emulator: Emulator, collector: Collector
) -> None:
    trace, _, headers = parent()

    answer = ask(traced, headers, model="emu/status-500", models=["emu/text"])

    assert answer.status == 200
    _, service, failed, good = spans(traced, collector, trace, 4)
    assert (failed.failed, failed.attributes["error.type"]) == (True, "provider_error")
    assert (good.failed, good.attributes["gen_ai.request.model"]) == (False, "text")
    assert failed.parent == good.parent == service.id
    assert not service.failed
    assert (service.attributes["gen_ai.request.model"], service.attributes["gen_ai.response.model"]) == (
        "emu/status-500",
        "emu/text",
    )
    assert [call.headers["traceparent"].split("-")[2] for call in emulator.calls] == [failed.id, good.id]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["status-500", "error-midstream"])
def test_a_call_that_fails_is_an_error(traced: Stack, collector: Collector, model: str, stream: bool) -> None:
    trace, _, headers = parent()

    ask(traced, headers, model=f"emu/{model}", stream=stream)

    _, service, attempt = spans(traced, collector, trace, 3)
    assert service.failed
    assert attempt.failed
    assert service.attributes["error.type"] == attempt.attributes["error.type"] == "provider_error"
    assert service.attributes["arouter.status"] == "failed"


def test_a_client_that_leaves_is_no_error(traced: Stack, emulator: Emulator, collector: Collector) -> None:
    trace, _, headers = parent()
    with traced.rest() as rest:
        rest.send("POST", "/v1/chat/completions", BODY | {"model": "emu/gated", "stream": True, "user": trace}, headers)
        assert emulator.call(trace).started.wait(20)
        rest.vanish()
    assert emulator.call(trace).disconnected.wait(20)

    _, service, attempt = spans(traced, collector, trace, 3)

    assert service.attributes["arouter.status"] == "client_cancelled"
    assert not service.failed
    assert not attempt.failed


def test_a_graceful_stop_loses_no_span_of_the_service(
    config: dict[str, Any], emulator: Emulator, collector: Collector, tmp_path: Path
) -> None:
    trace, _, headers = parent()
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "600000"}
    with running(tmp_path, config, ("serve",), environment) as stack:
        with stack.channel() as channel:
            client = Client(stack, channel)
            client.chat.ChatCompletion(chat_request(), metadata=(*client.options["metadata"], *headers.items()))
        assert collector.trace(trace) == []

    assert [span.name for span in collector.trace(trace)] == ["chat emu/text", "chat text"]


def test_a_model_that_there_is_not_is_not_named(traced: Stack, collector: Collector) -> None:
    trace, _, headers = parent()

    ask(traced, headers, model=CLIENT_KEY)

    _, service = spans(traced, collector, trace, 2)
    assert (service.name, service.attributes["error.type"]) == ("chat", "model_not_found")


def test_a_grpc_clients_trace_is_continued(traced: Stack, emulator: Emulator, collector: Collector) -> None:
    trace, origin, headers = parent()
    with traced.channel() as channel:
        client = Client(traced, channel)
        metadata = (*client.options["metadata"], *headers.items(), ("tracestate", f"vendor={PROMPT}"))
        list(client.chat.StreamChatCompletion(chat_request(), metadata=metadata, timeout=30))

    service, attempt = spans(traced, collector, trace, 2)

    assert (service.parent, attempt.parent) == (origin, service.id)
    assert "tracestate" not in emulator.calls[-1].headers


def test_who_asks_not_to_be_traced_is_not(traced: Stack, emulator: Emulator, collector: Collector) -> None:
    trace, _, headers = parent()
    headers = {"traceparent": headers["traceparent"].removesuffix("1") + "0"}

    request_id = ask(traced, headers, model="emu/text").headers["x-request-id"]

    assert emulator.calls[-1].headers["traceparent"].startswith(f"00-{trace}-")
    assert emulator.calls[-1].headers["traceparent"].endswith("-00")
    assert "trace_id" not in chat(traced.process, request_id)
    assert collector.trace(trace) == []


def test_no_span_shows_a_credential_or_what_was_said(traced: Stack, collector: Collector) -> None:
    trace, _, headers = parent()
    with traced.rest() as rest:
        rest.get(f"/v1/models?key={CLIENT_KEY}", headers)
    ask(traced, headers, user=PROMPT, metadata={PROMPT: PROMPT})
    ask(traced, headers, stream=True)

    spans(traced, collector, trace, 7)

    exported = collector.text()
    for canary in (PROMPT, CLIENT_KEY, MANAGEMENT_KEY, PROVIDER_KEY):
        assert canary not in exported


def test_health_checks_are_not_traced(traced: Stack, collector: Collector) -> None:
    trace, _, headers = parent()
    with traced.rest() as rest:
        assert rest.get("/healthz", headers).status == 200
        assert rest.get("/v1/models", headers).status == 200

    [span] = spans(traced, collector, trace, 1)

    assert span.attributes["url.path"] == "/v1/models"


def test_where_few_calls_are_traced_no_client_decides_which(
    config: dict[str, Any], emulator: Emulator, collector: Collector, tmp_path: Path
) -> None:
    sampler = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.000001"}
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **AT_ONCE, **sampler}
    trace, _, headers = parent()
    forcing = {**headers, "x-client-trace-id": "1", "x-envoy-force-trace": "1", "tracestate": "vendor=1"}
    with running(tmp_path, config, environment=environment) as stack:
        assert ask(stack, forcing, model="emu/text").status == 200
        stack.process.stop()
        [access] = [line for line in lines(stack.process.log) if line.get("path") == "/v1/chat/completions"]

    _, sent, _, flags = emulator.calls[-1].headers["traceparent"].split("-")
    assert (sent != trace, flags) == (True, "00")
    assert access["trace_id"] == sent
    assert collector.trace(trace) == collector.trace(sent) == []


@pytest.mark.parametrize("away", [refusing_port, silent_port])
def test_a_collector_that_is_away_is_nobodys_trouble(
    config: dict[str, Any], emulator: Emulator, tmp_path: Path, away: Callable[[], AbstractContextManager[int]]
) -> None:
    trace, _, headers = parent()
    with away() as port:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", **AT_ONCE}
        with running(tmp_path, config, environment=environment) as stack:
            for stream in (False, True):
                assert ask(stack, headers, model="emu/text", stream=stream).status == 200
            assert stack.process.stop() == 0
            logged = list(lines(stack.process.log))

    assert len([line for line in logged if "opentelemetry" in line.get("logger", "")]) <= 2
    # The service's line and the gateway's of each call.
    assert [line["trace_id"] for line in logged if "request_id" in line and "stream" in line] == [trace, trace]
    assert [line["trace_id"] for line in logged if line.get("path") == "/v1/chat/completions"] == [trace, trace]
