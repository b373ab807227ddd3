"""A well-behaved client, which calls while an attack goes on, and the memory of what is attacked meanwhile."""

from __future__ import annotations

import threading
import time
from types import TracebackType

import grpc
import psutil

from arouter.v1 import model_service_pb2, model_service_pb2_grpc
from attacks.target import Target

MAX_SECONDS = 5.0
"""That a call of a well-behaved client may take during an attack."""

MAX_GROWTH = 300 * 1024 * 1024
"""Bytes that the memory may grow by during an attack."""

_INTERVAL = 0.2
_TIMEOUT = 15.0


class Witness:
    """Calls through both doors, each time on a new connection, from the block's beginning to its end.

    Args:
        target: The server to call.
        doors: `rest`, `grpc` or both.
    """

    def __init__(self, target: Target, doors: tuple[str, ...] = ("rest", "grpc")) -> None:
        self._target = target
        self._doors = doors
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._follow, args=(door,), daemon=True) for door in doors]
        self._threads.append(threading.Thread(target=self._measure, daemon=True))
        self._calls: dict[str, list[tuple[str, float]]] = {door: [] for door in doors}
        self._first = self._most = self._memory()

    def __enter__(self) -> Witness:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def report(self) -> list[str]:
        """Prints what was seen; returns what was not as it should be."""
        faults = []
        for door in self._doors:
            calls = self._calls[door]
            failed = [result for result, _ in calls if result != "ok"]
            slowest = max((seconds for _, seconds in calls), default=0.0)
            print(
                f"  well-behaved {door}: {len(calls)} calls, {len(failed)} failed {sorted(set(failed))},"
                f" slowest {slowest:.2f} s"
            )
            if failed or not calls:
                faults.append(f"{len(failed)} of {len(calls)} {door} calls of a well-behaved client failed")
            if slowest > MAX_SECONDS:
                faults.append(f"a {door} call of a well-behaved client took {slowest:.1f} s")
        if self._target.pid:
            print(f"  memory: {self._first / 1e6:.0f} MB at first, {self._most / 1e6:.0f} MB at most")
            if self._most - self._first > MAX_GROWTH:
                faults.append(f"memory grew by {(self._most - self._first) / 1e6:.0f} MB")
        return faults

    def _follow(self, door: str) -> None:
        call = self._rest if door == "rest" else self._grpc
        while not self._over.is_set():
            started = time.monotonic()
            self._calls[door].append((call(), time.monotonic() - started))
            self._over.wait(_INTERVAL)

    def _rest(self) -> str:
        try:
            status = self._target.ask("GET", "/v1/models", self._target.witness_key, timeout=_TIMEOUT).status
        except OSError as error:
            return type(error).__name__
        return "ok" if status == 200 else str(status)

    def _grpc(self) -> str:
        host, port = self._target.grpc
        options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
        with grpc.insecure_channel(f"{host}:{port}", options=options) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            metadata = (("authorization", f"Bearer {self._target.witness_key}"),)
            try:
                stub.ListModels(model_service_pb2.ListModelsRequest(), metadata=metadata, timeout=_TIMEOUT)
            except grpc.RpcError as error:
                return str(error.code().name)
        return "ok"

    def _measure(self) -> None:
        while self._target.pid and not self._over.wait(_INTERVAL):
            self._most = max(self._most, self._memory())

    def _memory(self) -> int:
        """Returns the resident bytes of the process and all below it."""
        if not self._target.pid:
            return 0
        process, total = psutil.Process(self._target.pid), 0
        for each in (process, *process.children(recursive=True)):
            try:
                total += each.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total
