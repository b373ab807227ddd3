"""Other routers: installed into environments of their own under a cache folder, and started with their defaults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import yaml

from bench.processes import StartError, free_ports, process, wait_for
from bench.targets import MODEL, Target

CACHE = Path(os.environ.get("AROUTER_BENCH_CACHE", Path.home() / ".cache" / "arouter-bench"))

_LITELLM = "1.102.4"  # 1.107.0 was tampered with
_PORTKEY = "1.15.2"
_VLLM_ROUTER = "0.1.17"


@contextmanager
def litellm(folder: Path, provider_port: int) -> Iterator[Target]:
    """Runs the LiteLLM proxy: one worker, a master key, one model; no database.

    Raises:
        StartError: It cannot be installed or does not come up.
    """
    home = _python_environment("litellm", f"litellm[proxy]=={_LITELLM}")
    (port,) = free_ports(1)
    provider = {"model": f"openai/{MODEL}", "api_base": f"http://127.0.0.1:{provider_port}/v1", "api_key": "bench"}
    settings = {
        "model_list": [{"model_name": MODEL, "litellm_params": provider}],
        "general_settings": {"master_key": "sk-bench"},
    }
    config = folder / "litellm.yaml"
    config.write_text(yaml.safe_dump(settings))
    command = [
        home / "bin/litellm",
        "--config",
        config,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    log = folder / "litellm.log"
    offline = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
    with process(command, log, {**offline, "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}) as running:
        wait_for(f"http://127.0.0.1:{port}/health/liveliness", running, log)
        headers = {"authorization": "Bearer sk-bench"}
        yield Target("LiteLLM", f"http://127.0.0.1:{port}/v1", headers, processes={"litellm": [running]})


@contextmanager
def portkey(folder: Path, provider_port: int) -> Iterator[Target]:
    """Runs the Portkey gateway. It has no keys of its own: each request says where to.

    Raises:
        StartError: It cannot be installed or does not come up.
    """
    home = CACHE / "portkey"
    if not (home / f"{_PORTKEY}.done").exists():
        home.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", home, f"@portkey-ai/gateway@{_PORTKEY}"])
        (home / f"{_PORTKEY}.done").touch()
    (port,) = free_ports(1)
    log = folder / "portkey.log"
    script = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    with process(["node", script, f"--port={port}", "--headless"], log, {"NODE_ENV": "production"}, home) as running:
        wait_for(f"http://127.0.0.1:{port}/", running, log)
        headers = {
            "authorization": "Bearer bench",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{provider_port}/v1",
        }
        yield Target("Portkey", f"http://127.0.0.1:{port}/v1", headers, processes={"portkey": [running]})


@contextmanager
def vllm_router(folder: Path, provider_port: int) -> Iterator[Target]:
    """Runs vllm-router, which passes requests on without accounts or keys: what a compiled router can do here.

    Raises:
        StartError: It cannot be installed or does not come up.
    """
    home = _python_environment("vllm-router", f"vllm-router=={_VLLM_ROUTER}")
    port, metrics_port = free_ports(2)
    command = [home / "bin/vllm-router", "--worker-urls", f"http://127.0.0.1:{provider_port}", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--prometheus-port", str(metrics_port), "--policy", "round_robin"]
    log = folder / "vllm-router.log"
    with process(command, log) as running:
        wait_for(f"http://127.0.0.1:{port}/health", running, log)
        yield Target("vllm-router", f"http://127.0.0.1:{port}/v1", processes={"vllm-router": [running]})


PEERS: dict[str, Callable[[Path, int], AbstractContextManager[Target]]] = {
    "litellm": litellm,
    "portkey": portkey,
    "vllm-router": vllm_router,
}


def _python_environment(name: str, requirement: str) -> Path:
    home = CACHE / name
    done = home / f"{requirement}.done"
    if not done.exists():
        _run([sys.executable, "-m", "venv", home])
        _run([home / "bin/pip", "install", "--quiet", "--disable-pip-version-check", requirement])
        done.touch()
    return home


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StartError(f"{' '.join(map(str, command))}:\n{done.stdout[-500:]}{done.stderr[-1500:]}")
