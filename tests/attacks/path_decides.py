"""A body that names another key or account does not redirect a DELETE, GET or PATCH. Needs AROUTER_MGMT_KEY."""

from __future__ import annotations

import json
from typing import Any

from attacks.target import Answer, Target


def run(target: Target) -> list[str]:
    if not target.management_key:
        print("  left out: AROUTER_MGMT_KEY is not set")
        return []
    ours, other = _make(target, "attack: ours"), _make(target, "attack: other")
    faults = []
    try:
        for method, path, body in (
            ("GET", f"/api/v1/keys/{ours}", {"hash": other}),
            ("DELETE", f"/api/v1/keys/{ours}", {"hash": other}),
            ("DELETE", f"/api/v1/keys/{ours}?hash={other}", None),
        ):
            answer = _manage(target, method, path, body)
            kept = _manage(target, "GET", f"/api/v1/keys/{other}").status == 200
            print(f"  {method} of one key, naming another: {answer.status}, the other is {'kept' if kept else 'GONE'}")
            if not kept:
                faults.append(f"{method} with a body has deleted another key")
            if method == "GET" and other.encode() in answer.body:
                faults.append("GET with a body has shown another key")
        answer = _manage(target, "DELETE", "/api/v1/accounts/none-such", {"id": "default"})
        print(f"  DELETE of an account that is not there, naming another: {answer.status}")
        if answer.status < 400:
            faults.append("DELETE with a body has reached another account")
    finally:
        for hash_ in (ours, other):
            _manage(target, "DELETE", f"/api/v1/keys/{hash_}")
    return faults


def _make(target: Target, name: str) -> str:
    made = _manage(target, "POST", "/api/v1/keys", {"name": name})
    hash_: str = json.loads(made.body)["data"]["hash"]
    return hash_


def _manage(target: Target, method: str, path: str, body: Any = None) -> Answer:
    return target.ask(method, path, target.management_key, body)
