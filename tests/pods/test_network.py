"""Who reaches whom: the NetworkPolicies, which are in force in all tests of this folder, tried from every side."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pods import engine
from pods.cluster import NETWORK, NODE, Cluster
from pods.manifest import container, port_number
from pods.pod import Pod

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.smoke, pytest.mark.timeout(400)]

NAMESPACES = {
    "shop": {"kubernetes.io/metadata.name": "shop"},
    "grpc client": {"kubernetes.io/metadata.name": "books", "arouter.ai/grpc-client": "true"},
    "prometheus": {"kubernetes.io/metadata.name": "monitoring"},
}
"""One pod each in a namespace of its own, with these labels."""

TARGETS = ("gateway:http", "gateway:metrics", "service:grpc", "service:metrics", "postgres:postgres", "valkey:valkey")
ALLOWED = {
    "shop": {"gateway:http"},
    "grpc client": {"gateway:http", "service:grpc"},
    "prometheus": {"gateway:http", "gateway:metrics", "service:metrics"},
    "stranger": set[str](),
    "gateway": {"service:grpc"},
    "service": {"postgres:postgres", "valkey:valkey"},
    "postgres": set[str](),
    "valkey": set[str](),
}
METADATA = "169.254.118.18"
"""An address of the range that clouds answer with credentials."""

CONNECT = """
import errno, json, socket, sys
for address, port in json.loads(sys.argv[1]):
    try:
        socket.create_connection((address, port), 5).close()
        print("open")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
DENIED = "EHOSTUNREACH"
"""What the harness's rules answer, unlike a port on which nobody listens."""


async def connect(origin: Pod, *targets: tuple[str, int]) -> list[str]:
    """Returns `open`, or the error's name, for each address and port, as seen from a pod."""
    printed = await engine.in_network(origin.network, sys.executable, "-c", CONNECT, json.dumps(targets))
    return printed.split()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def origins(cluster: Cluster) -> AsyncIterator[dict[str, Pod]]:
    """One pod of each kind."""
    [valkey] = cluster.of("arouter-valkey")
    template = copy.deepcopy(valkey.template)
    template["metadata"]["labels"] = {"app.kubernetes.io/name": "stranger"}
    made = {name: await cluster.run_pod("stranger", template, labels) for name, labels in NAMESPACES.items()}
    made["stranger"] = await cluster.run_pod("stranger", template)
    ours = {name: cluster.of(f"arouter-{name}")[0] for name in ("gateway", "service", "postgres", "valkey")}
    yield made | ours
    await asyncio.gather(*(pod.remove() for pod in made.values()))


def targets(origins: dict[str, Pod]) -> list[tuple[str, int]]:
    """Returns address and port of each target."""
    pairs = [target.split(":") for target in TARGETS]
    return [
        (origins[name].address, port_number(container(origins[name].template["spec"]), port)) for name, port in pairs
    ]


@pytest.mark.parametrize("name", ALLOWED)
async def test_a_pod_reaches_what_the_policies_name_and_nothing_else(origins: dict[str, Pod], name: str) -> None:
    seen = dict(zip(TARGETS, await connect(origins[name], *targets(origins)), strict=True))
    if name in ("gateway", "service", "postgres", "valkey"):  # itself, over the loopback interface
        seen = {target: result for target, result in seen.items() if not target.startswith(name)}

    assert {target for target, result in seen.items() if result == "open"} == ALLOWED[name]
    assert {result for result in seen.values() if result != "open"} == {DENIED}


async def test_the_node_reaches_every_probe(cluster: Cluster, origins: dict[str, Pod]) -> None:
    for address, port in targets(origins):
        _, writer = await asyncio.open_connection(address, port)
        writer.close()


@pytest_asyncio.fixture(loop_scope="module")
async def metadata_service(cluster: Cluster) -> AsyncIterator[None]:
    """Makes the address one of the node's, on the bridge that goes with the pods' network."""
    [network] = json.loads(await engine.podman("network", "inspect", NETWORK))
    address = (f"{METADATA}/32", "dev", network["network_interface"])
    await engine.run("ip", "address", "add", *address)
    yield
    await engine.run("ip", "address", "delete", *address)


@pytest.mark.usefixtures("metadata_service")
async def test_a_service_reaches_https_but_not_the_clouds_metadata(origins: dict[str, Pod]) -> None:
    async with await listening(NODE, 443), await listening(NODE, 444), await listening(METADATA, 443):
        tried = [(NODE, 443), (NODE, 444), (METADATA, 443)]
        from_service = await connect(origins["service"], *tried)
        from_gateway = await connect(origins["gateway"], *tried)
        from_shop = await connect(origins["shop"], *tried)

    assert from_service == ["open", DENIED, DENIED]
    assert from_gateway == [DENIED, DENIED, DENIED]
    assert from_shop == ["open", "open", "open"]


async def listening(address: str, port: int) -> asyncio.Server:
    """Returns a server on an address of the node that is made for it."""
    return await asyncio.start_server(lambda _, writer: writer.close(), address, port)


async def test_a_policy_that_is_changed_alone_changes_what_is_reached(
    cluster: Cluster, origins: dict[str, Pod]
) -> None:
    right = cluster.objects
    objects = copy.deepcopy(right)
    for each in objects:
        if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == "arouter-gateway":
            each["spec"]["egress"] = []
    try:
        await cluster.apply(objects)
        without = await connect(origins["gateway"], *targets(origins))
    finally:
        await cluster.apply(right)

    assert without[TARGETS.index("service:grpc")] == DENIED
    assert (await connect(origins["gateway"], *targets(origins)))[TARGETS.index("service:grpc")] == "open"
