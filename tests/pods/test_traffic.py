"""Under steady traffic of unary and streaming calls: updates, evictions, kills, and a container out of memory."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from pods import engine
from pods.cluster import Cluster
from pods.manifest import container
from support.load import Answered, Load

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]
OURS = ("arouter-service", "arouter-gateway")
USERS, EVERY = 50, 0.5
"""100 calls in a second."""


@asynccontextmanager
async def steady(load: Load) -> AsyncIterator[None]:
    """Traffic at that rate, before, during and after the block."""
    async with load.running(USERS, EVERY):
        await load.more(1)
        yield
        await load.more(4)
    rate = len(load.answers) / (load.answers[-1].started - load.answers[0].started)
    print(f"{len(load.answers)} calls, {rate:.0f} a second, {len(load.failed)} failed")


@pytest.mark.smoke
async def test_a_rolling_update_of_all_pods_fails_no_call(cluster: Cluster, load: Load) -> None:
    before = [pod for name in OURS for pod in cluster.of(name)]
    objects = copy.deepcopy(cluster.objects)
    for each in objects:
        if each["kind"] == "Deployment" and each["metadata"]["name"] in OURS:
            each["spec"]["template"]["metadata"]["annotations"] = {"release": "2"}
    async with steady(load):
        await cluster.apply(objects)
        await cluster.rolled_out(*OURS)

    print(*(pod.figures() for name in OURS for pod in cluster.of(name)), sep="\n")
    assert all(pod.is_gone for pod in before)
    assert [(pod.name, pod.ends) for pod in before if pod.ends[-1]["ExitCode"] != 0] == []
    assert load.failed == []


async def test_a_node_is_drained_within_the_budget(cluster: Cluster, load: Load) -> None:
    async with steady(load):
        for name in OURS:
            one, other = cluster.of(name)
            assert await cluster.evict(one)
            assert not await cluster.evict(other)
            while not await cluster.evict(other):
                await asyncio.sleep(0.5)
        await cluster.rolled_out(*OURS)

    assert load.failed == []


async def test_a_killed_service_ends_its_own_calls_alone_and_comes_back(cluster: Cluster, load: Load) -> None:
    pod = cluster.of("arouter-service")[0]
    async with steady(load):
        await engine.podman("kill", "--signal", "KILL", pod.container)
        await pod.until(lambda pod: pod.restarts == 1 and pod.is_ready)

    assert pod.ends[-1]["ExitCode"] == 137
    # A call that the service had begun is not sent again: it may have been charged.
    assert len(load.failed) <= USERS
    assert_recorded_once(await records(cluster), load.answers)


HOG = """
import pathlib
pathlib.Path("/proc/1/oom_score_adj").write_text("1000")
held = []
while True:
    held.append(bytearray(8 << 20))
"""


async def test_a_container_out_of_memory_loses_no_finished_record(cluster: Cluster, load: Load) -> None:
    """A second process takes all the memory that the manifest allows; the kernel kills the service first."""
    pod = cluster.of("arouter-service")[1]
    limit = container(pod.template["spec"])["resources"]["limits"]["memory"]
    assert (await engine.inspect(pod.container))["HostConfig"]["Memory"] == int(limit.removesuffix("Mi")) * 2**20
    async with steady(load):
        with pytest.raises(engine.EngineError):
            await engine.podman("exec", pod.container, "python3", "-c", HOG)
        await pod.until(lambda pod: bool(pod.ends) and pod.is_ready)

    assert pod.ends[-1]["ExitCode"] == 137  # podman's OOMKilled stays false with cgroups of version 1
    assert_recorded_once(await records(cluster), load.answers)


async def records(cluster: Cluster) -> dict[str, int]:
    """Returns how often each generation is recorded, once no record is waiting."""
    [postgres] = cluster.of("arouter-postgres")
    database = await asyncpg.connect(f"postgresql://arouter:arouter@{postgres.address}/arouter")
    try:
        seen = -1
        while True:
            rows = await database.fetch("SELECT generation_id, count(*) FROM usage GROUP BY 1")
            if len(rows) == seen:
                return {row[0]: row[1] for row in rows}
            seen = len(rows)
            await asyncio.sleep(3)  # longer than records wait to be written
    finally:
        await database.close()


def assert_recorded_once(found: dict[str, int], answers: list[Answered]) -> None:
    finished = [generation(answer) for answer in answers if answer.fault is None]
    assert len(finished) > 100
    assert [each for each in finished if found.get(each) != 1] == []


def generation(answer: Answered) -> str:
    text = answer.body.split("\n")[0].removeprefix("data: ") if answer.stream else answer.body
    return str(json.loads(text)["id"])
