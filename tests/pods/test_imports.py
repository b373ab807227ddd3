"""That the service's image has only what is imported: by `serve`, `migrate`, and the process that looks up prices."""

from __future__ import annotations

import copy
import json
import re
from importlib.metadata import Distribution, distributions

import asyncpg
import grpc
import pytest
from google.api import httpbody_pb2

from arouter.v1 import chat_service_pb2, chat_service_pb2_grpc
from pods import engine
from pods.cluster import NODE, Cluster
from pods.manifest import Object, container
from pods.pod import Pod
from support.stack import CLIENT_KEY

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

UNUSED = {
    "cffi": "cryptography requires it, for what we do not use of it",
    "pycparser": "cffi requires it",
    "anyio": "httpcore2 requires it",
    "h11": "httpcore2 requires it",
    "httpcore2": "httpx2 requires it, which genai-prices imports and would update itself with",
    "truststore": "httpx2 requires it",
    "structlog": "the log for a terminal",
}
"""What no program here imports, and why it stays: 6 MB that only a list kept by hand could leave out."""

EDITABLE = {"arouter-client": "arouter.v1"}
"""Distributions in editable mode on this machine, whose metadata lists no modules, with one module of each."""

EMPTY = "postgresql://arouter:arouter@arouter-postgres:5432/empty"
COMMANDS = (
    f"AROUTER_DATABASE_URL={EMPTY} arouter migrate",
    "AROUTER_STATE_DIR=/tmp AROUTER_DATABASE_URL= arouter accounts list",  # SQLite
    "echo '[]' | python3 -m arouter.catalogue.price_table",
)
LISTED = "cd /opt/arouter/lib/python3.*/site-packages && ls -d *.dist-info"
MODULE = re.compile(r"^import time:[ \d|]+ ([\w.]+)$", re.MULTILINE)


async def test_every_distribution_in_the_image_is_imported(cluster: Cluster) -> None:
    pod = await cluster.run_pod("traced", traced(cluster))
    await pod.until(lambda pod: pod.is_ready)
    for stream in (False, True):
        await call(pod, stream=stream)
    imported = await engine.podman("logs", pod.container)
    await create_database(cluster)
    for command in COMMANDS:
        imported += await engine.podman("exec", pod.container, "sh", "-c", f"{{ {command}; }} 2>&1")
    listed = (await engine.podman("exec", pod.container, "sh", "-c", LISTED)).split()
    await pod.remove()

    installed = {normal(row.removesuffix(".dist-info").rpartition("-")[0]) for row in listed}
    modules = set(MODULE.findall(imported))
    used = {normal(each.name) for each in distributions() if modules & provided(each)}
    used |= {normal(module) for module in modules}  # of what this machine has not, or has not as a copy
    used |= {name for name, module in EDITABLE.items() if module in modules}
    assert installed - used == UNUSED.keys()


def traced(cluster: Cluster) -> Object:
    """Returns the service's pod template, with each import in its log, a collector of traces, and channelz."""
    template = copy.deepcopy(cluster.of("arouter-service")[0].template)
    container(template["spec"])["env"] += [
        {"name": "PYTHONPROFILEIMPORTTIME", "value": "1"},
        {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": f"http://{NODE}:4317"},
        {"name": "AROUTER_CHANNELZ", "value": "/tmp/channelz"},
    ]
    return template


async def call(pod: Pod, *, stream: bool) -> None:
    """Makes one call."""
    body = {"model": "emu/text", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
    request = chat_service_pb2.CreateChatCompletionRequest(
        http_body=httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(body).encode())
    )
    async with grpc.aio.insecure_channel(f"{pod.address}:50051") as channel:
        metadata = (("authorization", f"Bearer {CLIENT_KEY}"),)
        answer = chat_service_pb2_grpc.ChatServiceStub(channel).CreateChatCompletion(request, metadata=metadata)
        assert [part async for part in answer]


async def create_database(cluster: Cluster) -> None:
    [postgres] = cluster.of("arouter-postgres")
    database = await asyncpg.connect(f"postgresql://arouter:arouter@{postgres.address}/arouter")
    await database.execute("CREATE DATABASE empty")
    await database.close()


def normal(name: str) -> str:
    """Returns a distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def provided(distribution: Distribution) -> set[str]:
    """Returns the modules of a distribution: those of this machine's are the same, by constraints.txt."""
    files = [file for file in distribution.files or () if file.suffix in (".py", ".so")]
    parts = [(*file.parts[:-1], file.name.partition(".")[0]) for file in files]
    return {".".join(row[:-1] if row[-1] == "__init__" else row) for row in parts}
