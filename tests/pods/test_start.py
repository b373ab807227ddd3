"""From nothing to ready, and what runs then."""

from __future__ import annotations

import json

import pytest

from pods import engine, manifest
from pods.cluster import Cluster
from support.load import Load

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.smoke, pytest.mark.timeout(400)]
OURS = ("arouter-service", "arouter-gateway")


async def test_every_pod_becomes_ready(cluster: Cluster) -> None:
    for name in OURS:
        assert len(cluster.of(name)) == 2
        for pod in cluster.of(name):
            assert pod.restarts == 0
            assert pod.seconds_to_ready is not None
            print(pod.figures())


async def test_calls_are_answered(load: Load) -> None:
    async with load.running(10):
        await load.more(3)

    assert load.failed == []


async def test_no_process_runs_as_root_or_with_capabilities(cluster: Cluster) -> None:
    for pod in cluster.pods:
        listed = await engine.podman("top", pod.container, "huser", "capeff", "capbnd", "seccomp")
        for line in listed.splitlines()[1:]:
            user, effective, bounding, seccomp = line.split()
            assert user not in ("root", "0"), listed
            assert (effective, bounding, seccomp) == ("none", "none", "filter"), listed


async def test_the_root_is_read_only(cluster: Cluster) -> None:
    for name in OURS:
        for pod in cluster.of(name):
            command = "touch /opt/arouter/x || touch /x || touch /etc/x; touch $AROUTER_STATE_DIR/writable"
            await engine.podman("exec", pod.container, "sh", "-c", command)
            changed = await engine.podman("diff", pod.container)
            mounted = {row["mountPath"] for row in manifest.container(pod.template["spec"])["volumeMounts"]}
            allowed = {"/etc", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname", "/run", "/var", "/var/lib"}
            for line in changed.splitlines():
                path = line.split(" ", 1)[1]
                assert any(path.startswith(each) for each in mounted) or path in allowed or path.startswith("/run"), (
                    changed
                )


async def test_no_secret_is_in_an_image(cluster: Cluster) -> None:
    [secret] = [each for each in cluster.objects if each["kind"] == "Secret" and each["metadata"]["name"] == "arouter"]
    values = [value for value in secret["stringData"].values() if value]
    for image in [f"localhost/{name}:local" for name in OURS]:
        described = await engine.podman("image", "inspect", image)
        history = await engine.podman("history", "--no-trunc", "--format", "json", image)
        assert not [value for value in values if value in described + history]


async def test_an_image_says_its_version_and_revision() -> None:
    for name in OURS:
        [described] = json.loads(await engine.podman("image", "inspect", f"localhost/{name}:local"))
        labels = described["Labels"]
        assert labels["org.opencontainers.image.version"] not in ("", "unknown")
        assert labels["org.opencontainers.image.revision"] not in ("", "unknown")
        assert described["User"] == "10001:10001"
