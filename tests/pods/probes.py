"""Executes a probe as the kubelet does: from the node, with a new connection each time."""

from __future__ import annotations

import asyncio

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from pods import engine
from pods.manifest import Probe

_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))


async def succeeds(probe: Probe, address: str, container: str) -> bool:
    """Says whether a probe succeeds within its timeout.

    Args:
        probe: What is asked.
        address: The pod's IP address.
        container: The container's name in podman, for `exec`.
    """
    try:
        async with asyncio.timeout(probe.timeout):
            return await _ask(probe, address, container)
    except (OSError, TimeoutError, aiohttp.ClientError, grpc.RpcError, engine.EngineError):
        return False


async def _ask(probe: Probe, address: str, container: str) -> bool:
    match probe.kind:
        case "grpc":
            async with grpc.aio.insecure_channel(f"{address}:{probe.port}", options=_OPTIONS) as channel:
                request = health_pb2.HealthCheckRequest(service=probe.target)
                answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=probe.timeout)
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
        case "httpGet":
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{address}:{probe.port}{probe.target}", allow_redirects=False) as answer,
            ):
                return 200 <= answer.status < 400
        case "tcpSocket":
            _, writer = await asyncio.open_connection(address, probe.port)
            writer.close()
            return True
        case _:
            await engine.podman("exec", container, *probe.target)
            return True
