"""The emulator's server: a thread with its own event loop, on a free loopback port."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from aiohttp import web
from openai.types import Model

from emulator import wire
from emulator.answers import CREATED, count
from emulator.call import Call
from emulator.scenarios import MEGABYTE, SCENARIOS, Scenario

WAIT = 20.0
"""Seconds after which a wait for something that must happen gives up."""


class Emulator:
    """A provider. Records every request; counts what is open.

    Args:
        scenarios: What it does for each model name. They choose the protocol: it listens to requests of all three.
        host: The address that it listens on.

    Attributes:
        listed: Its model list, each with its `created` or None; may be changed while it runs.
    """

    def __init__(self, scenarios: Mapping[str, Scenario] = SCENARIOS, host: str = "127.0.0.1") -> None:
        self._host = host
        self._scenarios = scenarios
        self._changed = threading.Condition()
        self._calls: list[Call] = []
        self._open_calls = 0
        self._connections: set[object] = set()
        self._failures: list[BaseException] = []
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        self.port = 0
        self.listed: dict[str, int | None] = dict.fromkeys(scenarios, CREATED)

    def __enter__(self) -> Emulator:
        self._thread.start()
        self._in_loop(self._start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._in_loop(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT)
        self._loop.close()

    @property
    def base_url(self) -> str:
        """What a provider row's `base_url` says, for OpenAI's protocol."""
        return f"{self.root_url}/v1"

    @property
    def root_url(self) -> str:
        """The same for the other protocols."""
        return f"http://{self._host}:{self.port}"

    @property
    def models(self) -> list[str]:
        """The native names, in the order of the provider's own list."""
        return list(self._scenarios)

    @property
    def calls(self) -> list[Call]:
        """The chat requests so far, oldest first."""
        with self._changed:
            return list(self._calls)

    @property
    def open_calls(self) -> int:
        """Requests that are being answered now."""
        with self._changed:
            return self._open_calls

    @property
    def open_connections(self) -> int:
        """Connections that stand now, idle ones in the router's pool included."""
        with self._changed:
            return len(self._connections)

    def call(self, user: str, timeout: float = WAIT) -> Call:
        """Waits for the request whose `user` field is `user` and returns it."""
        return self.wait_for(lambda: next((c for c in self._calls if c.json.get("user") == user), None), timeout)

    def wait_idle(self, timeout: float = WAIT) -> None:
        """Waits until no request is being answered."""
        self.wait_for(lambda: self._open_calls == 0, timeout)

    def wait_for(self, predicate: Callable[[], Any], timeout: float = WAIT) -> Any:
        """Waits until `predicate` holds and returns what it returned.

        It is asked whenever a call begins or ends and a connection comes or goes.
        """
        with self._changed:
            found = self._changed.wait_for(predicate, timeout)
        assert found, f"the emulator waited {timeout} s in vain; {self._open_calls} calls open, {len(self._calls)} seen"
        return found

    def release_all(self) -> None:
        """Releases every gated call."""
        for call in self.calls:
            call.release()

    def forget(self) -> None:
        """Drops the record, and raises what went wrong in the emulator itself."""
        with self._changed:
            self._calls.clear()
            failures, self._failures = self._failures, []
        for failure in failures:
            raise failure

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _in_loop(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WAIT)

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 * MEGABYTE)
        app.router.add_get("/v1/models", self._list_models)
        for path in (
            "/v1/chat/completions",
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1/responses",
            "/v1beta/models/{call}",
            "/v1/embeddings",
            "/v1/completions",
        ):
            app.router.add_post(path, self._chat)
        # Cancels the handler when its client goes: how a disconnect is seen.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        self._count_connections(self._runner.server)
        site = web.TCPSite(self._runner, self._host, 0, backlog=2048)
        await site.start()
        self.port = self._runner.addresses[0][1]

    def _count_connections(self, server: Any) -> None:
        """Listens in when the server is told that a connection has come or gone."""
        made, lost = server.connection_made, server.connection_lost

        def on_made(handler: object, transport: object) -> None:
            made(handler, transport)
            with self._changed:
                self._connections.add(handler)
                self._changed.notify_all()

        def on_lost(handler: object, *args: object) -> None:
            lost(handler, *args)
            with self._changed:
                self._connections.discard(handler)
                self._changed.notify_all()

        server.connection_made, server.connection_lost = on_made, on_lost

    async def _stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _list_models(self, _: web.Request) -> web.StreamResponse:
        models = [Model(id=name, object="model", created=0, owned_by="emulator") for name in self.listed]
        data = [model.model_dump() | {"created": self.listed[model.id]} for model in models]
        return wire.document({"object": "list", "data": data})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        call = Call(request, await request.read())
        with self._changed:
            self._calls.append(call)
            self._open_calls += 1
            self._changed.notify_all()
        try:
            if call.counts:
                return wire.document(count(call.request.path))
            return await self._scenarios[call.model](call)
        except (asyncio.CancelledError, ConnectionError):
            call.disconnected.set()
            return web.Response()  # no client is there to read it
        except Exception as error:
            self._failures.append(error)
            raise
        finally:
            call.ended.set()
            with self._changed:
                self._open_calls -= 1
                self._changed.notify_all()
