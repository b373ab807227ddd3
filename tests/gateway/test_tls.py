"""TLS from the client to the gateway and from there to the service: who gets in, and new certificates under load."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import openai
import pytest

from arouter.v1 import model_service_pb2
from arouter_gateway.process import envoy_command
from arouter_gateway.render import GatewaySettings, render
from arouter_gateway.tls import ServiceTls
from emulator import Emulator
from emulator.answers import TEXT
from support.envoy_admin import EnvoyAdmin
from support.ports import HOST, free_ports, is_listening
from support.process import Process
from support.rest import TIMEOUT, Rest
from support.stack import GRPC_OPTIONS, PROVIDER_KEY, Stack, is_healthy, running
from support.tls import EXPIRED, Authority, Folder, Pair, TlsClient, shown
from support.typed import Client, chat_request, refusal

GATEWAY_ID = "spiffe://example.org/ns/arouter/sa/gateway"
BODY = {"model": "emu/text", "messages": [{"role": "user", "content": "hi"}]}


class Secure(NamedTuple):
    """A stack with TLS and client certificates everywhere.

    Attributes:
        stack: It.
        admin: Its Envoy's.
        outside: The authority of clients and of what the gateway shows them.
        inside: The authority of the service and of what the gateway shows it.
        front: The gateway's certificate for clients.
        back: The gateway's for the service.
        service: The service's.
    """

    stack: Stack
    admin: EnvoyAdmin
    outside: Authority
    inside: Authority
    front: Folder
    back: Folder
    service: Folder

    def rest(self, own: Pair | None) -> Rest:
        """Opens a connection to the gateway that shows a certificate."""
        return Rest(self.stack.port, self.stack.key, TlsClient(self.outside.pem, own).context(self.stack.folder))

    def gateway_shows(self) -> bytes:
        tls = self.stack.tls
        assert tls is not None
        return shown(self.stack.port, tls, self.stack.folder)

    def service_shows(self) -> bytes:
        return shown(self.stack.grpc_port, TlsClient(self.inside.pem, self.inside.issue()), self.stack.folder)

    def until(self, ready: Callable[[], bool], what: str) -> None:
        self.stack.process.wait_until(ready, what)


@pytest.fixture(scope="module")
def sockets() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def secure(provider: Emulator, sockets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    path = tmp_path_factory.mktemp("secure")
    outside, inside = Authority(), Authority()
    front = Folder(path / "front", outside.issue("router.example.org"), outside.pem)
    back = Folder(path / "back", inside.issue(GATEWAY_ID), inside.pem)
    service = Folder(path / "service", inside.issue(), inside.pem)
    me = outside.issue()
    for name, content in (("me.crt", me.certificate), ("me.key", me.key)):
        (path / name).write_bytes(content)
    config = {
        "providers": [{"id": "emu", "base_url": provider.base_url, "api_keys": [PROVIDER_KEY]}],
        "accounts": {"workloads": [{"spiffe_id": GATEWAY_ID, "account": "default"}]},
        "server": {"tls": {**service.own, "client_ca": service.ca}},
        "gateway": {
            "tls": {**front.own, "client_ca": front.ca},
            "service_tls": {"ca": back.ca, "server_name": HOST, **back.own},
        },
    }
    environment = {
        "AROUTER_GATEWAY_ADMIN": str(sockets / "admin"),
        "AROUTER_TLS_CERT": str(path / "me.crt"),
        "AROUTER_TLS_KEY": str(path / "me.key"),
    }
    with running(path / "stack", config, ("up",), environment, TlsClient(outside.pem, me)) as stack:
        yield Secure(stack, EnvoyAdmin(sockets / "admin"), outside, inside, front, back, service)


def test_a_right_certificate_and_a_key_get_in(secure: Secure, emulator: Emulator) -> None:
    tls = secure.stack.tls
    assert tls is not None
    with secure.stack.rest() as rest:
        assert rest.chat(BODY).json["choices"][0]["message"]["content"] == TEXT
    with (
        openai.DefaultHttpxClient(verify=tls.context(secure.stack.folder)) as http,
        openai.OpenAI(base_url=secure.stack.base_url, api_key=secure.stack.key, http_client=http) as client,
    ):
        assert "emu/text" in [model.id for model in client.models.list()]
    with secure.stack.channel(secure.stack.port) as channel:
        client = Client(secure.stack, channel)
        answer = client.chat.ChatCompletion(chat_request(), **client.options)
    assert answer.choices[0].message.content == TEXT
    assert f"Base URL   https://{HOST}:{secure.stack.port}/v1" in secure.stack.process.printed


@pytest.mark.parametrize(
    ("fault", "counter"),
    [("no certificate", "no_cert"), ("expired", "error"), ("another authority's", "error")],
)
def test_others_do_not_get_in(secure: Secure, fault: str, counter: str) -> None:
    def refused() -> int:
        return secure.admin.stat(f"listener.{HOST}_{secure.stack.port}.ssl.fail_verify_{counter}")

    own = {
        "no certificate": None,
        "expired": secure.outside.issue(until=EXPIRED),
        "another authority's": secure.inside.issue(),
    }[fault]
    before = refused()

    # How a client learns it depends on which comes first, its request or the refusal.
    with secure.rest(own) as rest, pytest.raises((ssl.SSLError, ConnectionError)):
        rest.get("/healthz")

    secure.until(lambda: refused() > before, "refused for that reason")


def test_plain_text_is_not_answered(secure: Secure) -> None:
    with Rest(secure.stack.port) as rest, pytest.raises(ConnectionError):
        rest.get("/healthz")


def test_the_gateways_own_certificate_is_no_account(secure: Secure, emulator: Emulator) -> None:
    with secure.stack.rest() as rest:
        answer = rest.request("GET", "/v1/models", headers={"authorization": None})
        # Nor for one who would have the gateway's own headers taken away.
        without = rest.request("GET", "/v1/models", headers={"authorization": None, "connection": "x-forwarded-for"})
    with secure.stack.channel(secure.stack.port) as channel, pytest.raises(grpc.RpcError) as refused:
        Client(secure.stack, channel).models.ListModels(model_service_pb2.ListModelsRequest(), timeout=TIMEOUT)

    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert without.status == 400
    assert refusal(refused.value).code is grpc.StatusCode.UNAUTHENTICATED


@contextmanager
def gateway_alone(secure: Secure, folder: Path, tls: ServiceTls | None) -> Iterator[tuple[Process, int, EnvoyAdmin]]:
    """Runs another gateway, in plain text itself, in front of the same service; yields it, its port and its admin."""
    [port] = free_ports(1)
    admin = secure.admin.path.with_name(f"admin-{port}")
    settings = GatewaySettings(
        port=port, admin_socket=admin, services=((HOST, secure.stack.grpc_port),), service_tls=tls
    )
    process = Process([], {}, folder, tuple(envoy_command(render(settings, folder))))
    try:
        process.wait_until(lambda: is_listening(port), "listening")
        yield process, port, EnvoyAdmin(admin)
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("fault", "counter"),
    [
        ("name", "ssl.fail_verify_san"),
        ("authority", "ssl.fail_verify_error"),
        ("no certificate", "health_check.failure"),
        ("plain text", "health_check.failure"),
    ],
)
def test_a_gateway_that_should_not_calls_no_service(secure: Secure, tmp_path: Path, fault: str, counter: str) -> None:
    back = secure.back
    right = ServiceTls(Path(back.ca), HOST, Path(back.certificate), Path(back.key))
    tls = {
        "name": ServiceTls(right.ca, "other.example.org", right.certificate, right.key),
        "authority": ServiceTls(Path(secure.front.ca), HOST, right.certificate, right.key),
        "no certificate": ServiceTls(right.ca, HOST),
        "plain text": None,
    }[fault]
    with gateway_alone(secure, tmp_path, tls) as (process, port, admin):
        process.wait_until(lambda: admin.stat(f"cluster.service.{counter}") > 1, "refused")
        with Rest(port, secure.stack.key) as rest:
            health, answer = rest.get("/healthz"), rest.get("/v1/models")

    assert (health.status, answer.status) == (503, 503)
    assert answer.error["type"] == "server_error"


def test_a_service_that_is_named_by_its_spiffe_id(secure: Secure, tmp_path: Path) -> None:
    id_ = "spiffe://example.org/ns/arouter/sa/service"
    secure.service.swap_link(secure.inside.issue(id_), secure.inside.pem)
    back = secure.back
    tls = ServiceTls(Path(back.ca), id_, Path(back.certificate), Path(back.key))
    with gateway_alone(secure, tmp_path, tls) as (process, port, _):
        process.wait_until(lambda: is_healthy(port), "healthy")
        with Rest(port, secure.stack.key) as rest:
            assert rest.get("/v1/models").status == 200


def test_bad_files_change_nothing(secure: Secure) -> None:
    def refused() -> int:
        return secure.admin.stat("sds.gateway_certificate.key_rotation_failed")

    front, authority, before = secure.front, secure.outside, refused()
    good = authority.issue()
    front.swap_link(good, authority.pem)
    secure.until(lambda: secure.gateway_shows() == good.der, "the new certificate")
    for count, bad in enumerate((good._replace(key=authority.issue().key), good._replace(certificate=b"half"))):
        front.swap_link(bad, authority.pem)
        secure.until(lambda n=count: refused() > before + n, "the bad one is refused")  # type: ignore[misc]
        assert secure.gateway_shows() == good.der
    after = authority.issue()
    front.swap_link(after, authority.pem)
    secure.until(lambda: secure.gateway_shows() == after.der, "the next certificate")


class Load:
    """Calls over and over, by every way there is, and counts."""

    def __init__(self, secure: Secure) -> None:
        self._secure = secure
        self._stop = threading.Event()
        self.done: dict[str, int] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Calls until the end of the block, in which the first call that fails is raised."""
        ways: tuple[Callable[[], Any], ...] = (self._new_connections, self._one_connection, self._streams, self._direct)
        with ThreadPoolExecutor(len(ways)) as pool:
            futures: list[Future[None]] = [pool.submit(self._repeat, way) for way in ways]
            try:
                yield
            finally:
                self._stop.set()
            for future in futures:
                future.result()

    def wait_for_more(self) -> None:
        """Waits until each way has succeeded twice more."""
        before = dict(self.done)
        self._secure.until(
            lambda: len(self.done) == 4 and all(n >= before.get(way, 0) + 2 for way, n in self.done.items()), "calls"
        )

    def _repeat(self, way: Callable[[], Iterator[str]]) -> None:
        calls = way()
        try:
            while not self._stop.is_set():
                assert next(calls) == TEXT
                self.done[way.__name__] = self.done.get(way.__name__, 0) + 1
        finally:
            calls.close()  # type: ignore[attr-defined]

    def _new_connections(self) -> Iterator[str]:
        while True:
            with self._secure.stack.rest() as rest:
                yield rest.chat(BODY).json["choices"][0]["message"]["content"]

    def _one_connection(self) -> Iterator[str]:
        with self._secure.stack.rest() as rest:
            while True:
                yield rest.chat(BODY).json["choices"][0]["message"]["content"]

    def _streams(self) -> Iterator[str]:
        tls = self._secure.stack.tls
        assert tls is not None
        context, stack = tls.context(self._secure.stack.folder), self._secure.stack
        while True:
            with (
                openai.DefaultHttpxClient(verify=context) as http,
                openai.OpenAI(base_url=stack.base_url, api_key=stack.key, max_retries=0, http_client=http) as client,
            ):
                stream = client.chat.completions.create(**BODY, stream=True)  # type: ignore[call-overload]
                yield "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    def _direct(self) -> Iterator[str]:
        credentials = TlsClient(self._secure.inside.pem, self._secure.inside.issue()).credentials()
        address = f"{HOST}:{self._secure.stack.grpc_port}"
        while True:
            with grpc.secure_channel(address, credentials, options=GRPC_OPTIONS) as channel:
                client = Client(self._secure.stack, channel)
                chunks = client.chat.StreamChatCompletion(chat_request(), **client.options)
                yield "".join(choice.delta.content for chunk in chunks for choice in chunk.choices)


def rotate(secure: Secure, move: Callable[[Folder, Pair, bytes], None]) -> None:
    """Gives everybody but the clients a new certificate, and waits until new connections get these."""
    front, service, back = secure.outside.issue(), secure.inside.issue(), secure.inside.issue(GATEWAY_ID)
    move(secure.front, front, secure.outside.pem)
    move(secure.service, service, secure.inside.pem)
    move(secure.back, back, secure.inside.pem)
    secure.until(lambda: secure.gateway_shows() == front.der, "the gateway's new certificate")
    secure.until(lambda: secure.service_shows() == service.der, "the service's new certificate")
    secure.until(lambda: back.serial in secure.admin.get("/certs"), "the gateway's new certificate for the service")


def test_new_certificates_everywhere_cost_no_call(secure: Secure, emulator: Emulator) -> None:
    load = Load(secure)
    with secure.stack.channel(secure.stack.port) as channel:
        client = Client(secure.stack, channel)
        open_since = client.chat.StreamChatCompletion(chat_request("emu/gated"), **client.options)
        words = next(open_since).choices[0].delta.content
        with load.running():
            for round_ in range(6):
                load.wait_for_more()
                rotate(secure, Folder.rename if round_ % 2 else Folder.swap_link)
            load.wait_for_more()
        emulator.release_all()
        words += "".join(choice.delta.content for chunk in open_since for choice in chunk.choices)

    assert words == TEXT
