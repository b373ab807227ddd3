"""A running cluster, for the tests of one file. `make pods` builds its images and sets AROUTER_PODS; else none is."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from emulator import Emulator
from emulator.answers import TEXT
from pods.cluster import NODE, Cluster, running
from pods.manifest import Object
from support.kustomize import build
from support.load import Load
from support.stack import CLIENT_KEY, MANAGEMENT_KEY, PROVIDER_KEY

collect_ignore_glob = [] if os.environ.get("AROUTER_PODS") else ["test_*.py"]

KUBERNETES = Path(__file__).parents[2] / "deploy/kubernetes"
STORES = {
    "docker.io/library/postgres:17-bookworm": "localhost/arouter-test-postgres",
    "docker.io/valkey/valkey:9": "localhost/arouter-test-valkey",
}
"""What stands in for images that cannot be had here."""


@pytest.fixture(scope="module")
def provider_in_reach() -> Iterator[Emulator]:
    """The emulated provider, where pods reach it."""
    with Emulator(host="0.0.0.0") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory, provider_in_reach: Emulator) -> list[Object]:
    """What kustomize makes of the local overlay, with the emulated provider and secrets of this run.

    The provider is on another port than 443, so it needs a NetworkPolicy: docs/kubernetes.md.
    """
    folder = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(KUBERNETES, folder)
    overlay = folder / "overlays/local"
    lines = (overlay / "secret.env.example").read_text().splitlines()
    secrets = dict(line.split("=", 1) for line in lines)
    secrets |= {"AROUTER_DEV_KEY": CLIENT_KEY, "AROUTER_MGMT_KEY": MANAGEMENT_KEY, "EMULATOR_KEY": PROVIDER_KEY}
    (overlay / "secret.env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    config = folder / "base/arouter.yaml"
    url = f"http://{NODE}:{provider_in_reach.port}/v1"
    providers = {"providers": [{"id": "emu", "base_url": url, "api_keys": ["${EMULATOR_KEY}"]}]}
    config.write_text(config.read_text() + yaml.safe_dump(providers))
    egress = {"to": [{"ipBlock": {"cidr": f"{NODE}/32"}}], "ports": [{"port": provider_in_reach.port}]}
    selector = {"matchLabels": {"app.kubernetes.io/name": "arouter-service"}}
    spec = {"podSelector": selector, "policyTypes": ["Egress"], "egress": [egress]}
    return [*build(overlay), {"kind": "NetworkPolicy", "metadata": {"name": "provider"}, "spec": spec}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(objects: list[Object]) -> AsyncIterator[Cluster]:
    """The whole overlay, ready."""
    async with running(STORES) as cluster:
        await cluster.apply(objects)
        await cluster.rolled_out("arouter-postgres", "arouter-valkey", "arouter-service", "arouter-gateway")
        yield cluster


@pytest.fixture
def load(cluster: Cluster) -> Load:
    """Traffic through the gateway's Service: half of it streams."""
    return Load(f"http://127.0.0.1:{cluster.doors['arouter'].port}/v1/chat/completions", "emu/text", TEXT)
