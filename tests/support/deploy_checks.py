"""Whether the parts of a manifest agree with one another, and with what the service and Envoy make of them. Pure.

Each check takes the objects of one kustomization and yields what is wrong, in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from arouter.config.environment import read_environment
from arouter.config.load import parse_config
from arouter.config.schema import Config
from arouter.server.gateway_settings import gateway_settings
from arouter_gateway.render import render_text
from support.kustomize import Object, containers

EXTERNAL_SECRETS = {"arouter"}
"""Made outside, by whatever keeps secrets."""

STORES = {"postgres", "valkey"}
"""Containers of others' images."""

_LAST_RECORDS = 11
"""Seconds that the service's end may take after the last call: its last words, and ten for the usage records."""

_CODE = (Path(__file__).parents[2] / "service/arouter/config/environment.py").read_text()
Check = Callable[[list[Object]], Iterator[str]]


def problems(objects: list[Object]) -> list[str]:
    """Returns all that is wrong with them."""
    return [problem for check in CHECKS for problem in check(objects)]


def selectors_find_pods(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        spec, kind = each.get("spec", {}), each["kind"]
        selector = spec.get("podSelector" if kind == "NetworkPolicy" else "selector")
        if kind == "Service":
            selector = {"matchLabels": selector}
        if selector and not _selected(objects, selector):
            yield f"{_name(each)}: selects no pod"
        for rule in [*spec.get("ingress", ()), *spec.get("egress", ())] if kind == "NetworkPolicy" else ():
            for peer in [*rule.get("from", ()), *rule.get("to", ())]:
                if "podSelector" in peer and not _selected(objects, peer["podSelector"]):
                    yield f"{_name(each)}: a peer selects no pod"
        if kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            if not any((o["kind"], o["metadata"]["name"]) == (target["kind"], target["name"]) for o in objects):
                yield f"{_name(each)}: its target is not there"


def ports_have_a_container(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        spec = each.get("spec", {})
        if each["kind"] == "Service":
            for port in spec["ports"]:
                pods = _selected(objects, {"matchLabels": spec["selector"]})
                numbers = {_number(pod, port["targetPort"]) for pod in pods}
                if None in numbers:
                    yield f"{_name(each)}: no container has the port {port['targetPort']}"
                if spec.get("clusterIP") == "None" and numbers != {port["port"]}:
                    yield f"{_name(each)}: is headless, so its port must be the container's"
        if each["kind"] == "PodMonitor":
            for endpoint in spec["podMetricsEndpoints"]:
                if any(_number(pod, endpoint["port"]) is None for pod in _selected(objects, spec["selector"])):
                    yield f"{_name(each)}: no container has the port {endpoint['port']}"
        if each["kind"] == "NetworkPolicy":
            yield from _policy_ports(objects, each)


def _policy_ports(objects: list[Object], policy: Object) -> Iterator[str]:
    for rule in policy["spec"].get("ingress", ()):
        for port in rule["ports"]:
            if any(_number(pod, port["port"]) is None for pod in _selected(objects, policy["spec"]["podSelector"])):
                yield f"{_name(policy)}: no container of those it selects has the port {port['port']}"
    for rule in policy["spec"].get("egress", ()):
        for peer in rule["to"]:
            for port in rule["ports"] if "podSelector" in peer else ():
                if any(_number(pod, port["port"]) is None for pod in _selected(objects, peer["podSelector"])):
                    yield f"{_name(policy)}: no container of those it lets through to has the port {port['port']}"


def variables_name_the_ports(objects: list[Object]) -> Iterator[str]:
    expected = {
        "service": {"grpc": "AROUTER_GRPC_PORT", "metrics": "AROUTER_METRICS_PORT"},
        "gateway": {"http": "AROUTER_PORT", "metrics": "AROUTER_GATEWAY_METRICS_PORT"},
    }
    for container in _all_containers(objects):
        variables = _variables(container)
        ports = {port["name"]: str(port["containerPort"]) for port in container.get("ports", ())}
        wanted = {name: variables.get(variable) for name, variable in expected.get(container["name"], {}).items()}
        if ports != wanted and container["name"] not in STORES:
            yield f"container {container['name']}: has the ports {ports}, and its variables say {wanted}"
        for variable in variables:
            if f'"{variable}"' not in _CODE and container["name"] not in STORES:
                yield f"container {container['name']}: {variable} is not read by any program"


def probes_meet_a_port(objects: list[Object]) -> Iterator[str]:
    for container in _all_containers(objects):
        ports = container.get("ports", ())
        known = {port["name"] for port in ports} | {port["containerPort"] for port in ports}
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.get(kind)
            if probe is None and ports:
                yield f"container {container['name']}: has no {kind}"
            for how in ("grpc", "httpGet", "tcpSocket"):
                if probe and how in probe and probe[how]["port"] not in known:
                    yield f"container {container['name']}: its {kind} asks a port that it has not"


def the_gateway_finds_the_service(objects: list[Object]) -> Iterator[str]:
    [gateway] = [each for each in _all_containers(objects) if each["name"] == "gateway"]
    envoy = rendered(objects)
    outer = [each for each in envoy["static_resources"]["listeners"] if "internal_listener" not in each]
    for listener, port in zip(outer, ("http", "metrics"), strict=True):
        number = listener["address"]["socket_address"]["port_value"]
        if number != _number({"spec": {"containers": [gateway]}}, port):
            yield f"Envoy's listener {listener['name']} is on {number}, which is not the container's port {port}"
    [endpoint] = envoy["static_resources"]["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    services = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Service"}
    found = services.get(address["address"])
    if found is None or found["spec"].get("clusterIP") != "None":
        yield f"the gateway looks for {address['address']}, which is no headless Service"
    elif address["port_value"] not in [port["port"] for port in found["spec"]["ports"]]:
        yield f"the gateway looks for port {address['port_value']}, which {address['address']} has not"
    heap = envoy["overload_manager"]["resource_monitors"][1]["typed_config"]["max_heap_size_bytes"]
    if heap >= _bytes(gateway["resources"]["limits"]["memory"]):
        yield "Envoy's heap may grow to more than the container's limit"


def pods_get_the_time_they_take(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        for container in containers(each):
            hook = container.get("lifecycle", {}).get("preStop", {})
            grace = each["spec"]["template"]["spec"].get("terminationGracePeriodSeconds", 30)
            if container["name"] == "service":
                needed = hook["sleep"]["seconds"] + _config(objects).server.longest_stop + _LAST_RECORDS
                hung = container["livenessProbe"]["terminationGracePeriodSeconds"]
                if not hook["sleep"]["seconds"] < hung < grace:
                    yield f"{_name(each)}: a process that hangs is killed after {hung} s"
                if _config(objects).server.drain_delay < 1.5:
                    yield "drain_delay is shorter than the gateway's health check takes"
            elif container["name"] == "gateway":
                needed = float(hook["exec"]["command"][-1])
            else:
                continue
            if grace <= needed:
                yield f"{_name(each)}: takes up to {needed} s to stop, and is killed after {grace}"


def what_is_mounted_is_there(objects: list[Object]) -> Iterator[str]:
    config_maps = {each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"}
    secrets = {each["metadata"]["name"] for each in objects if each["kind"] == "Secret"} | EXTERNAL_SECRETS
    for each in objects:
        for container in containers(each):
            volumes = {volume["name"]: volume for volume in each["spec"]["template"]["spec"].get("volumes", ())}
            mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", ())}
            for volume in set(mounts.values()) - volumes.keys():
                yield f"{_name(each)}: mounts {volume}, which is no volume"
            for volume in volumes.values():
                if "configMap" in volume and volume["configMap"]["name"] not in config_maps:
                    yield f"{_name(each)}: there is no ConfigMap {volume['configMap']['name']}"
            for source in container.get("envFrom", ()):
                if source["secretRef"]["name"] not in secrets:
                    yield f"{_name(each)}: there is no Secret {source['secretRef']['name']}"
            writable = {path for path, name in mounts.items() if "emptyDir" in volumes.get(name, ())}
            variables = _variables(container)
            admin = Path(variables.get("AROUTER_GATEWAY_ADMIN", "/none")).parent
            for folder in (variables.get("AROUTER_STATE_DIR"), str(admin)):
                if folder not in {*writable, None, "/"}:
                    yield f"{_name(each)}: {folder} cannot be written to"
            path = variables.get("AROUTER_CONFIG")
            if path and str(Path(path).parent) not in mounts:
                yield f"{_name(each)}: {path} is not mounted"


def autoscalers_can_scale(objects: list[Object]) -> Iterator[str]:
    deployments = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Deployment"}
    for each in objects:
        if each["kind"] == "HorizontalPodAutoscaler":
            spec = each["spec"]
            target = deployments.get(spec["scaleTargetRef"]["name"])
            if target is None:
                continue  # selectors_find_pods says so
            if "replicas" in target["spec"]:
                yield f"{_name(each)}: applying {_name(target)} again resets its number of pods"
            if not 2 <= spec["minReplicas"] < spec["maxReplicas"]:
                yield f"{_name(each)}: from {spec['minReplicas']} to {spec['maxReplicas']} pods"
            for metric in spec["metrics"]:
                name = metric["resource"]["name"] if metric["type"] == "Resource" else None
                if name and any(name not in row["resources"]["requests"] for row in containers(target)):
                    yield f"{_name(each)}: its usage is a share of a request for {name}, and there is none"
            [policy] = spec["behavior"]["scaleDown"]["policies"]
            if policy["periodSeconds"] < target["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]:
                yield f"{_name(each)}: removes the next pod while the one before may still drain"


def pods_are_restricted(objects: list[Object]) -> Iterator[str]:
    accounts = {each["metadata"]["name"]: each for each in objects if each["kind"] == "ServiceAccount"}
    for each in objects:
        if not containers(each):
            continue
        pod = each["spec"]["template"]["spec"]
        if not pod["securityContext"].get("runAsNonRoot") or "seccompProfile" not in pod["securityContext"]:
            yield f"{_name(each)}: is not restricted"
        account = accounts.get(pod.get("serviceAccountName", ""))
        if (
            account is None
            or account.get("automountServiceAccountToken")
            or pod.get("automountServiceAccountToken", True)
        ):
            yield f"{_name(each)}: has no account of its own, or a token"
        for container in pod["containers"]:
            context = container["securityContext"]
            if context.get("allowPrivilegeEscalation", True) or not context.get("readOnlyRootFilesystem"):
                yield f"container {container['name']}: is not restricted"
            if context.get("capabilities") != {"drop": ["ALL"]}:
                yield f"container {container['name']}: has capabilities"
            if "memory" not in container["resources"]["limits"] or "cpu" not in container["resources"]["requests"]:
                yield f"container {container['name']}: is not sized"


CHECKS: tuple[Check, ...] = (
    selectors_find_pods,
    ports_have_a_container,
    variables_name_the_ports,
    probes_meet_a_port,
    the_gateway_finds_the_service,
    pods_get_the_time_they_take,
    what_is_mounted_is_there,
    autoscalers_can_scale,
    pods_are_restricted,
)


def rendered(objects: list[Object]) -> Any:
    """Returns the Envoy configuration that the gateway's container makes of its variables."""
    [gateway] = [each for each in _all_containers(objects) if each["name"] == "gateway"]
    return _rendered(_written(objects), tuple(_variables(gateway).items()))


@cache
def _rendered(written: str, variables: tuple[tuple[str, str], ...]) -> Any:
    settings = gateway_settings(parse_config(written, {}), read_environment(dict(variables)))
    return yaml.safe_load(render_text(settings, Path("/var/lib/arouter/gateway")))


def _config(objects: list[Object]) -> Config:
    return parse_config(_written(objects), {})


def _written(objects: list[Object]) -> str:
    [config_map] = [each for each in objects if each["kind"] == "ConfigMap"]
    text: str = config_map["data"]["arouter.yaml"]
    return text


def _selected(objects: list[Object], selector: Object) -> list[Object]:
    templates = [each["spec"]["template"] for each in objects if containers(each)]
    return [template for template in templates if _matches(template["metadata"]["labels"], selector)]


def _matches(labels: dict[str, str], selector: Object) -> bool:
    exact = all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
    rules = selector.get("matchExpressions", ())
    return exact and all(rule["operator"] == "In" and labels.get(rule["key"]) in rule["values"] for rule in rules)


def _number(pod: Object, port: str | int) -> int | None:
    ports = [each for container in pod["spec"]["containers"] for each in container.get("ports", ())]
    return next((each["containerPort"] for each in ports if port in (each["name"], each["containerPort"])), None)


def _all_containers(objects: list[Object]) -> list[Object]:
    return [container for each in objects for container in containers(each)]


def _variables(container: Object) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container.get("env", ())}


def _name(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def _bytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * {"Mi": 2**20, "Gi": 2**30}[unit]
