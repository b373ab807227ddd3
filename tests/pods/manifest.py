"""What a kubelet reads of a pod's manifest, and what podman is given of it. Pure."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any, NamedTuple

Object = dict[str, Any]

MARK = "arouter-pods-test"
"""A label of every pod that is played."""

NAMESPACE = {"kubernetes.io/metadata.name": "arouter"}
"""The labels that select the namespace of all that is applied."""


class Probe(NamedTuple):
    """A probe, with Kubernetes' defaults filled in.

    Attributes:
        kind: `grpc`, `httpGet`, `tcpSocket` or `exec`.
        port: A number; 0 for `exec`.
        target: The service of `grpc`, the path of `httpGet`, the command of `exec`.
        delay: Seconds before the first.
        period: Seconds from one to the next.
        timeout: Seconds after which it has failed.
        failures: So many in a row are a failure.
        successes: So many in a row are a success.
        grace: Seconds from its failure to SIGKILL; None for the pod's.
    """

    kind: str
    port: int
    target: Any
    delay: float
    period: float
    timeout: float
    failures: int
    successes: int
    grace: float | None


def probe(container: Object, name: str) -> Probe | None:
    """Returns a container's probe: `startupProbe`, `livenessProbe` or `readinessProbe`."""
    row = container.get(name)
    if row is None:
        return None
    [kind] = row.keys() & {"grpc", "httpGet", "tcpSocket", "exec"}
    how = row[kind]
    target = {"grpc": how.get("service", ""), "httpGet": how.get("path", "/"), "exec": how.get("command")}.get(kind)
    return Probe(
        kind=kind,
        port=port_number(container, how["port"]) if "port" in how else 0,
        target=target,
        delay=row.get("initialDelaySeconds", 0),
        period=row.get("periodSeconds", 10),
        timeout=row.get("timeoutSeconds", 1),
        failures=row.get("failureThreshold", 3),
        successes=row.get("successThreshold", 1),
        grace=row.get("terminationGracePeriodSeconds"),
    )


def port_number(container: Object, port: str | int) -> int:
    """Returns the number of a container's port, which may be given by its name.

    Raises:
        LookupError: The container has no port of that name.
    """
    if isinstance(port, int):
        return port
    numbers: dict[str, int] = {row["name"]: row["containerPort"] for row in container.get("ports", ())}
    return numbers[port]


def pre_stop(container: Object) -> Object:
    """Returns what a container does before it is told to stop; empty for nothing."""
    hook: Object = container.get("lifecycle", {}).get("preStop", {})
    return hook


def grace(spec: Object) -> float:
    """Returns the seconds from a pod's deletion to SIGKILL."""
    return float(spec.get("terminationGracePeriodSeconds", 30))


def container(spec: Object) -> Object:
    """Returns a pod's only container."""
    [found] = spec["containers"]
    result: Object = found
    return result


def matches(labels: dict[str, str], selector: dict[str, str]) -> bool:
    """Says whether labels are selected."""
    return all(labels.get(name) == value for name, value in selector.items())


def template_hash(template: Object) -> str:
    """Returns what tells one version of a Deployment's pods from the next."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:8]


def played(template: Object, name: str, images: dict[str, str], dns: str) -> Object:
    """Returns the Pod that podman plays.

    It is the template without what the harness does in podman's place: podman would execute `httpGet` probes with a
    curl inside the container, has no other probes but `exec`, no preStop, restarts what ends, and opens a container's
    ports on the machine.

    Args:
        template: A Deployment's or Job's pod template.
        name: The pod's name.
        images: The local image of each image of the manifest.
        dns: The address of the cluster's DNS server.
    """
    spec = copy.deepcopy(template["spec"])
    spec["restartPolicy"] = "Never"
    spec["dnsPolicy"] = "None"
    spec["dnsConfig"] = {"nameservers": [dns], "searches": ["arouter.svc.cluster.local"]}
    for row in spec["containers"]:
        row["image"] = images.get(row["image"], row["image"])
        row["imagePullPolicy"] = "Never"
        for field in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports"):
            row.pop(field, None)
    # podman ends a pod, and its address with it, when its last container ends: a second one sleeps.
    row = container(spec)
    keeper = {"name": "keeper", "image": row["image"], "imagePullPolicy": "Never", "command": ["sleep", "infinity"]}
    spec["containers"].append(keeper | {"securityContext": row["securityContext"]})
    for volume in spec.get("volumes", ()):
        if "emptyDir" in volume:  # podman's are one for all pods that call it the same
            for mount in row["volumeMounts"]:
                if mount["name"] == volume["name"]:
                    mount["name"] = f"{name}-{volume['name']}"
            volume["name"] = f"{name}-{volume['name']}"
    metadata = {"name": name, "labels": template["metadata"]["labels"] | {MARK: name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
