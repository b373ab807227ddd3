"""That the fields of the manifests decide: with one changed in the YAML alone, what holds otherwise does not."""

from __future__ import annotations

import asyncio
import copy
import json
from contextlib import suppress
from typing import Any

import grpc
import pytest
from google.api import httpbody_pb2

from arouter.v1 import chat_service_pb2, chat_service_pb2_grpc
from emulator import Emulator
from pods import engine
from pods.cluster import Cluster
from pods.manifest import Object, container
from support.stack import CLIENT_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
SERVICE = "arouter-service"
LONG = 12
"""Seconds that a call takes from the pod's deletion on."""


def changed(cluster: Cluster, *path: Any, value: Any) -> Object:
    """Returns the service's pod template with one field changed."""
    [deployment] = [
        each for each in cluster.objects if each["kind"] == "Deployment" and each["metadata"]["name"] == SERVICE
    ]
    template: Object = copy.deepcopy(deployment["spec"]["template"])
    holder = container(template["spec"]) if path[0].endswith("Probe") else template["spec"]
    for name in path[:-1]:
        holder = holder[name]
    assert path[-1] in holder
    holder[path[-1]] = value
    return template


@pytest.mark.parametrize(("kind", "failed"), [("startupProbe", "startupProbe"), ("readinessProbe", "readinessProbe")])
async def test_a_pod_whose_probe_has_another_port_never_becomes_ready(cluster: Cluster, kind: str, failed: str) -> None:
    right = await cluster.run_pod("right", changed(cluster, kind, "grpc", "port", value=50051))
    wrong = await cluster.run_pod("wrong", changed(cluster, kind, "grpc", "port", value=50052))
    await right.until(lambda pod: pod.is_ready)
    await wrong.until(lambda pod: pod.failed_probes.get(failed, 0) >= 4)

    assert not wrong.is_ready
    await asyncio.gather(right.remove(), wrong.remove())


async def test_a_process_that_hangs_is_ended_by_its_liveness(cluster: Cluster) -> None:
    template = changed(cluster, "livenessProbe", "periodSeconds", value=1)
    container(template["spec"])["livenessProbe"]["timeoutSeconds"] = 1
    pod = await cluster.run_pod("hangs", template)
    await pod.until(lambda pod: pod.is_ready)
    await engine.podman("kill", "--signal", "STOP", pod.container)
    await pod.until(lambda pod: pod.restarts == 1 and pod.is_ready, 150)

    assert pod.failed_probes["livenessProbe"] == 3
    assert pod.ends[0]["ExitCode"] == 137
    await pod.remove()


@pytest.mark.parametrize(("grace", "code"), [(90, 0), (9, 137)])
async def test_a_pod_has_the_time_that_its_grace_period_says(
    cluster: Cluster, provider_in_reach: Emulator, grace: int, code: int
) -> None:
    """A call that ends 12 s after the pod's deletion began: whole with the manifest's 90 s, and not with 9."""
    path = ("terminationGracePeriodSeconds",)
    pod = await cluster.run_pod("ends", changed(cluster, *path, value=grace))
    await pod.until(lambda pod: pod.is_ready)
    async with grpc.aio.insecure_channel(f"{pod.address}:50051") as channel:
        body = {"model": "emu/gated", "user": f"grace-{grace}", "messages": [{"role": "user", "content": "hi"}]}
        request = chat_service_pb2.CreateChatCompletionRequest(
            http_body=httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(body).encode())
        )
        metadata = (("authorization", f"Bearer {CLIENT_KEY}"),)
        answer = chat_service_pb2_grpc.ChatServiceStub(channel).CreateChatCompletion(request, metadata=metadata)
        reading = asyncio.ensure_future(read(answer))
        under_way = await asyncio.to_thread(provider_in_reach.call, body["user"])
        asyncio.get_running_loop().call_later(LONG, under_way.release)
        await pod.delete()
        ended = await reading

    assert pod.ends[-1]["ExitCode"] == code
    assert (ended is grpc.StatusCode.OK) == (code == 0)


async def read(answer: Any) -> grpc.StatusCode:
    with suppress(grpc.RpcError):
        async for _ in answer:
            pass
    code: grpc.StatusCode = await answer.code()
    return code
