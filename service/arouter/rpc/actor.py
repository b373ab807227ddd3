"""The actor of a change, for the audit log."""

from __future__ import annotations

from arouter.accounts.audit import MAX_REQUEST_ID, Actor
from arouter.rpc.interceptors.auth import Caller


def actor_of(caller: Caller) -> Actor:
    """Returns the calling key as an actor of the audit log."""
    key = caller.key
    return Actor("key", key.account, key.hash, key.label, caller.request_id[:MAX_REQUEST_ID])
