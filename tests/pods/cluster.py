"""The controllers: Deployments, Jobs, evictions, and what names and doors lead to which pods."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from pods import engine, manifest
from pods.manifest import Object
from pods.network import Door, serve_dns
from pods.pod import Pod
from pods.policies import Peer, rules

SUBNET, NODE = "10.118.18.0/24", "10.118.18.1"
"""The pods' network, and the node's address in it, where they find DNS."""

NETWORK = "arouter-pods"


class Cluster:
    """Runs the objects of one kustomization.

    Attributes:
        objects: What was applied.
        pods: All that are not gone.
        doors: The ways in, by the Service's name.
    """

    def __init__(self, images: dict[str, str]) -> None:
        self.objects: list[Object] = []
        self.pods: list[Pod] = []
        self.gone: list[Pod] = []
        self.doors: dict[str, Door] = {}
        self._images = images
        self._numbers = itertools.count(1)
        self._changed = asyncio.Event()
        self._alone: set[Pod] = set()
        self._enforced: dict[str, str] = {}
        self._enforcing = asyncio.Lock()
        self._tasks: list[asyncio.Task[Any]] = []

    async def apply(self, objects: list[Object]) -> None:
        """Makes the cluster what the objects say. Deployments that changed are updated, and new Jobs run."""
        known = {_key(each) for each in self.objects}
        for each in objects:
            if each["kind"] == "Secret" and _key(each) not in known:
                await engine.create_secret(each)
        self.objects = objects
        for each in objects:
            name = each["metadata"]["name"]
            if each["kind"] == "Service" and each["spec"].get("clusterIP") != "None" and name not in self.doors:
                self.doors[name] = Door(lambda each=each: self._targets(each))  # type: ignore[misc]
                await self.doors[name].open()
            if _key(each) not in known and each["kind"] == "Job":
                self._work(self._run_job(each))
            if _key(each) not in known and each["kind"] in ("Deployment", "StatefulSet"):
                self._work(self._control(*_key(each)))
        await self._enforce()
        self._wake()

    async def rolled_out(self, *names: str, limit: float = 180) -> None:
        """Waits until Deployments have all their pods, ready and of their present version, and no others.

        Raises:
            AssertionError: They have not within `limit` seconds; says what each pod does instead.
        """
        until = time.monotonic() + limit
        while not all(self._is_rolled_out(name) for name in names):
            self._raise()
            assert time.monotonic() < until, "\n\n".join([await pod.describe() for pod in self.pods])
            await asyncio.sleep(0.05)

    async def job_done(self, name: str, limit: float = 120) -> None:
        """Waits until a Job's pod has succeeded."""
        async with asyncio.timeout(limit):
            while not any(pod.labels.get("app.kubernetes.io/name") == name and pod.is_gone for pod in self.gone):
                await asyncio.sleep(0.05)

    def of(self, name: str) -> list[Pod]:
        """Returns a Deployment's pods, oldest first, without those that are being deleted."""
        selector = self._find(name)["spec"]["selector"]["matchLabels"]
        return [pod for pod in self._selected(selector) if not pod.is_terminating]

    async def evict(self, pod: Pod) -> bool:
        """Evicts a pod if every PodDisruptionBudget allows it, and says whether."""
        for each in self.objects:
            if each["kind"] == "PodDisruptionBudget":
                selector = each["spec"]["selector"]["matchLabels"]
                if manifest.matches(pod.labels, selector):
                    wanted = sum(
                        row["spec"]["replicas"]
                        for row in self.objects
                        if row["kind"] == "Deployment"
                        and manifest.matches(row["spec"]["template"]["metadata"]["labels"], selector)
                    )
                    healthy = [row for row in self._selected(selector) if row.is_ready and not row.is_terminating]
                    if len(healthy) - 1 < wanted - each["spec"]["maxUnavailable"]:
                        return False
        await self.delete(pod)
        return True

    async def delete(self, pod: Pod) -> None:
        """Begins to delete a pod; its Deployment makes another."""
        self._work(pod.delete())
        await pod.until(lambda pod: pod.is_terminating)

    def addresses(self, service: str) -> list[str] | None:
        """Returns what DNS says of a Service.

        With `publishNotReadyAddresses`, pods that are not ready or being deleted belong to it as long as they exist.
        """
        for each in self.objects:
            if each["kind"] == "Service" and each["metadata"]["name"] == service:
                every = each["spec"].get("publishNotReadyAddresses", False)
                return [
                    pod.address
                    for pod in self._selected(each["spec"]["selector"])
                    if pod.address and (every or (pod.is_ready and not pod.is_terminating))
                ]
        return None

    async def close(self) -> None:
        """Ends everything at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pod in [*self.pods]:
            await pod.remove()
        for door in self.doors.values():
            await door.close()
        for each in self.objects:
            if each["kind"] == "Secret":
                with suppress(engine.EngineError):
                    await engine.podman("secret", "rm", each["metadata"]["name"])
            if each["kind"] == "ConfigMap":
                with suppress(engine.EngineError):
                    await engine.podman("volume", "rm", each["metadata"]["name"])

    def _selected(self, selector: dict[str, str]) -> list[Pod]:
        return [pod for pod in self.pods if pod not in self._alone and manifest.matches(pod.labels, selector)]

    def _find(self, name: str) -> Object:
        return next(
            each
            for each in self.objects
            if each["kind"] in ("Deployment", "StatefulSet") and each["metadata"]["name"] == name
        )

    def _targets(self, service: Object) -> list[tuple[str, int]]:
        [port] = service["spec"]["ports"]
        return [
            (pod.address, manifest.port_number(manifest.container(pod.template["spec"]), port["targetPort"]))
            for pod in self._selected(service["spec"]["selector"])
            if pod.is_ready and not pod.is_terminating
        ]

    def _is_rolled_out(self, name: str) -> bool:
        deployment = self._find(name)
        selector = deployment["spec"]["selector"]["matchLabels"]
        found = self._selected(selector)
        return len(found) == deployment["spec"]["replicas"] and all(
            pod.is_ready and pod.template == deployment["spec"]["template"] for pod in found
        )

    async def _control(self, kind: str, name: str) -> None:
        """Keeps a Deployment's number of pods, and replaces those of another version within its limits."""
        while True:
            deployment = next(each for each in self.objects if _key(each) == (kind, name))
            spec = deployment["spec"]
            limits = spec.get("strategy", {}).get("rollingUpdate", {"maxSurge": 1, "maxUnavailable": 0})
            pods = self.of(name)
            new = [pod for pod in pods if pod.template == spec["template"]]
            old = [pod for pod in pods if pod not in new]
            wanted = spec["replicas"]
            if len(new) < wanted and len(pods) < wanted + limits["maxSurge"]:
                await self._create(name, spec["template"])
                continue
            available = sum(pod.is_ready for pod in pods)
            for pod in old:
                if not pod.is_ready or available - 1 >= wanted - limits["maxUnavailable"]:
                    await self.delete(pod)
                    break
            else:
                self._changed.clear()
                await self._changed.wait()

    async def run_pod(self, name: str, template: Object, namespace: dict[str, str] = manifest.NAMESPACE) -> Pod:
        """Starts a pod that belongs to no Deployment and no Service, in the namespace that has these labels."""
        pod = self._new(name, template, namespace)
        self._alone.add(pod)
        await self._start(pod)
        return pod

    async def _create(self, name: str, template: Object) -> Pod:
        pod = self._new(name, template, manifest.NAMESPACE)
        await self._start(pod)
        return pod

    def _new(self, name: str, template: Object, namespace: dict[str, str]) -> Pod:
        unique = f"{name}-{manifest.template_hash(template)}-{next(self._numbers)}"
        pod = Pod(template, unique, namespace, self._wake)
        self.pods.append(pod)
        return pod

    async def _start(self, pod: Pod) -> None:
        config_maps = [each for each in self.objects if each["kind"] == "ConfigMap"]
        await pod.start(self._images, NETWORK, NODE, config_maps, self._enforce)

    async def _enforce(self) -> None:
        """Puts the NetworkPolicies in force in each pod, as they are for the pods that there are now."""
        policies = [each for each in self.objects if each["kind"] == "NetworkPolicy"]
        async with self._enforcing:
            dns = Peer(NODE, {}, {"kubernetes.io/metadata.name": "kube-system"}, None)
            played = {
                pod: Peer(pod.address, pod.labels, pod.namespace, pod.template["spec"])
                for pod in self.pods
                if pod.address and not pod.is_gone
            }
            for pod, peer in played.items():
                own = policies if pod.namespace == manifest.NAMESPACE else []
                text = rules(peer, [dns, *played.values()], own, NODE)
                if self._enforced.get(pod.name) != text:
                    try:
                        await engine.in_network(pod.network, "nft", "-f", "-", given=text)
                    except engine.EngineError:
                        if not pod.is_gone:
                            raise
                    self._enforced[pod.name] = text

    async def _run_job(self, job: Object) -> None:
        pod = await self._create(job["metadata"]["name"], job["spec"]["template"])
        await pod.until(lambda pod: bool(pod.ends) and pod.ends[-1]["ExitCode"] == 0, 300)
        await pod.delete()

    def _wake(self) -> None:
        for pod in [pod for pod in self.pods if pod.is_gone]:
            self.pods.remove(pod)
            self.gone.append(pod)
        self._changed.set()

    def _raise(self) -> None:
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    def _work(self, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work))


@asynccontextmanager
async def running(images: dict[str, str]) -> AsyncIterator[Cluster]:
    """Runs an empty cluster, and removes all that it made.

    Args:
        images: The local image of each image that the manifests name.
    """
    await _remove_leftovers()
    await engine.podman("network", "create", "--disable-dns", "--subnet", SUBNET, "--gateway", NODE, NETWORK)
    cluster = Cluster(images)
    dns = await serve_dns(NODE, cluster.addresses)
    try:
        yield cluster
    finally:
        await cluster.close()
        dns.close()
        await engine.podman("network", "rm", "--force", NETWORK)


async def _remove_leftovers() -> None:
    """Removes what a run that was killed has left."""
    found = await engine.podman("pod", "ps", "--filter", f"label={manifest.MARK}", "--format", "{{.Name}}")
    for name in [*found.split()]:
        await engine.podman("pod", "rm", "--force", "--time", "0", name)
    with suppress(engine.EngineError):
        await engine.podman("network", "rm", "--force", NETWORK)


def _key(each: Object) -> tuple[str, str]:
    return each["kind"], each["metadata"]["name"]
