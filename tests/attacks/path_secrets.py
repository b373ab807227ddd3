"""A secret that a client puts into a path or query by mistake is not logged. LOG names the log."""

from __future__ import annotations

import secrets
import time

from attacks.target import Target

_LOG_SECONDS = 2.0
"""Within which a running system has certainly written its log lines."""


def run(target: Target) -> list[str]:
    secret = f"lr_live_{secrets.token_hex(16)}"
    repeated = 0
    for path in (
        f"/{secret}",
        f"/v1/{secret}/chat/completions",
        f"/v1/models/{secret}",
        f"/v1/models?key={secret}",
        f"/api/v1/keys/{secret}",
        f"/v1/chat/completions/{secret}?api_key={secret}#{secret}",
    ):
        for method in ("GET", "POST", "DELETE"):
            answer = target.ask(method, path, target.key, None if method == "GET" else {})
            repeated += secret.encode() in answer.body
    print(f"  {repeated} answers repeat the path, to the client that has sent it")
    if target.log is None:
        print("  the log was not looked at: LOG is not set")
        return []
    time.sleep(_LOG_SECONDS)  # That a line is absent can only be seen after the time in which it would have come.
    if secret in target.log.read_text("utf-8", "replace"):
        return ["the secret is in the log"]
    return []
