"""From nothing to ready, and what runs then."""

from __future__ import annotations

import copy
import json

import pytest

from pods import engine, manifest
from pods.cluster import Cluster
from pods.pod import Pod
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


async def test_a_service_starts_while_nothing_else_does(cluster: Cluster) -> None:
    """Prints how long it takes; the other starts wait for the migration, or share the machine."""
    template = cluster.of("arouter-service")[0].template
    for _ in range(3):
        pod = await cluster.run_pod("start", template)
        await pod.until(lambda pod: pod.is_ready)
        print(pod.figures())
        await pod.remove()


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


WRITE = """
import errno, json, os, sys
for folder in json.loads(sys.argv[1]):
    path = os.path.join(folder, "written-by-a-test")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)
        print("written")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
ROOT = ("/", "/etc", "/usr/bin", "/usr/lib/python3.11", "/opt/arouter", "/opt/arouter/bin", "/var", "/var/lib", "/home")


@pytest.mark.parametrize("user", ["10001", "0"])
async def test_only_the_volumes_that_the_manifest_mounts_can_be_written(cluster: Cluster, user: str) -> None:
    """As uid 0 only the mount's own flag is in the way; as the pod's user, permissions are too."""
    for name in OURS:
        [pod, _] = cluster.of(name)
        mounts = manifest.container(pod.template["spec"])["volumeMounts"]
        emptied = {volume["name"] for volume in pod.template["spec"]["volumes"] if "emptyDir" in volume}
        writable = [row["mountPath"] for row in mounts if row["name"] in emptied]
        read_only = [row["mountPath"] for row in mounts if row.get("readOnly")]
        assert writable
        assert read_only

        assert await write(pod, user, *ROOT, *read_only) == ["EROFS"] * len([*ROOT, *read_only])
        if user != "0":  # uid 0 without capabilities is no more than another user here
            assert await write(pod, user, *writable) == ["written"] * len(writable)


async def test_without_the_manifests_field_the_root_could_be_written(cluster: Cluster) -> None:
    template = copy.deepcopy(cluster.of("arouter-service")[0].template)
    manifest.container(template["spec"])["securityContext"]["readOnlyRootFilesystem"] = False
    pod = await cluster.run_pod("writable", template)

    assert await write(pod, "0", "/etc", "/opt/arouter") == ["written", "written"]
    assert await write(pod, "10001", "/etc", "/opt/arouter") == ["EACCES", "EACCES"]
    await pod.remove()


async def write(pod: Pod, user: str, *folders: str) -> list[str]:
    """Returns `written`, or the error's name, for a file in each folder."""
    command = ("python3", "-c", WRITE, json.dumps(folders))
    return (await engine.podman("exec", "--user", user, pod.container, *command)).split()


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
