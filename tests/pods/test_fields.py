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


def template(cluster: Cluster) -> Object:
    """Returns the service's pod template as the manifest has it."""
    found: Object = copy.deepcopy(service(cluster.objects)["spec"]["template"])
    return found


def service(objects: list[Object]) -> Object:
    return next(each for each in objects if each["kind"] == "Deployment" and each["metadata"]["name"] == SERVICE)


@pytest.mark.parametrize("kind", ["startupProbe", "readinessProbe"])
async def test_a_pod_whose_probe_has_another_port_never_becomes_ready(cluster: Cluster, kind: str) -> None:
    changed = template(cluster)
    container(changed["spec"])[kind]["grpc"]["port"] += 1
    right = await cluster.run_pod("right", template(cluster))
    wrong = await cluster.run_pod("wrong", changed)
    await right.until(lambda pod: pod.is_ready)
    await wrong.until(lambda pod: pod.failed_probes.get(kind, 0) >= 4)

    assert not wrong.is_ready
    await asyncio.gather(right.remove(), wrong.remove())


async def test_a_release_whose_probe_fails_is_reported_and_replaces_no_pod(cluster: Cluster) -> None:
    right, before = cluster.objects, cluster.of(SERVICE)
    wrong = copy.deepcopy(right)
    container(service(wrong)["spec"]["template"]["spec"])["readinessProbe"]["grpc"]["port"] += 1
    await cluster.apply(wrong)
    with pytest.raises(AssertionError, match=r"ready False.*'readinessProbe': \d"):
        await cluster.rolled_out(SERVICE, limit=15)

    assert [pod for pod in cluster.of(SERVICE) if pod.is_ready] == before
    await cluster.apply(right)
    await cluster.rolled_out(SERVICE)
    assert cluster.of(SERVICE) == before


@pytest.mark.parametrize(("grace", "signals"), [(None, ["TERM", "KILL"]), (2, ["KILL"])])
async def test_a_process_that_hangs_is_ended_as_its_liveness_probe_says(
    cluster: Cluster, grace: int | None, signals: list[str]
) -> None:
    """The manifest's own grace period is enough for preStop, 5 s, and for SIGTERM; one of 2 s is not."""
    changed = template(cluster)
    probe = container(changed["spec"])["livenessProbe"]
    probe |= {"periodSeconds": 1, "timeoutSeconds": 1}  # else 30 s
    if grace is not None:
        probe["terminationGracePeriodSeconds"] = grace
    pod = await cluster.run_pod("hangs", changed)
    await pod.until(lambda pod: pod.is_ready)
    await engine.podman("kill", "--signal", "STOP", pod.container)
    await pod.until(lambda pod: pod.restarts == 1 and pod.is_ready, 60)

    assert pod.failed_probes["livenessProbe"] == probe.get("failureThreshold", 3)
    assert pod.signals == signals
    assert pod.ends[0]["ExitCode"] == 137
    await pod.remove()


@pytest.mark.parametrize(("grace", "code"), [(None, 0), (9, 137)])
async def test_a_pod_has_the_time_that_its_grace_period_says(
    cluster: Cluster, provider_in_reach: Emulator, grace: int | None, code: int
) -> None:
    """A call that ends 12 s after the pod's deletion began: whole with the manifest's grace period, not with 9 s."""
    changed = template(cluster)
    if grace is not None:
        changed["spec"]["terminationGracePeriodSeconds"] = grace
    pod = await cluster.run_pod("ends", changed)
    await pod.until(lambda pod: pod.is_ready)
    async with grpc.aio.insecure_channel(f"{pod.address}:50051") as channel:
        user = f"grace-{grace}"
        body = {"model": "emu/gated", "user": user, "messages": [{"role": "user", "content": "hi"}]}
        request = chat_service_pb2.CreateChatCompletionRequest(
            http_body=httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(body).encode())
        )
        metadata = (("authorization", f"Bearer {CLIENT_KEY}"),)
        answer = chat_service_pb2_grpc.ChatServiceStub(channel).CreateChatCompletion(request, metadata=metadata)
        reading = asyncio.ensure_future(read(answer))
        under_way = await asyncio.to_thread(provider_in_reach.call, user)
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
