"""Which keys a method requires, and whether it calls a model: what the service's own functions declare."""

from __future__ import annotations

import importlib
import re
from typing import Any, NamedTuple

import grpc

from arouter.rpc.access import Access, access_of, is_counted


class Requirement(NamedTuple):
    """What a method requires.

    Attributes:
        access: The keys that may call it.
        calls_a_model: Whether its calls count against the limits of their keys.
    """

    access: Access
    calls_a_model: bool

    @property
    def note(self) -> str:
        """A sentence about the key."""
        words = {
            Access.MANAGEMENT_KEY: "Requires a management key (`lr_mgmt_…`).",
            Access.REGULAR_KEY: "Requires a regular key (`lr_live_…`).",
            Access.ANY_KEY: "Takes a key of either type.",
        }
        return words[self.access]


def requirement_of(rpc: str) -> Requirement:
    """Returns what a method, `arouter.v1.Service/Method`, requires.

    Raises:
        ImportError, AttributeError: No module of `arouter.rpc` is named after the service, or has its class.
    """
    service, _, method = rpc.rpartition(".")[2].partition("/")
    module = importlib.import_module(f"arouter.rpc.{re.sub(r'(?<!^)(?=[A-Z])', '_', service).lower()}")
    handler: Any = grpc.unary_unary_rpc_method_handler(getattr(getattr(module, service), method))
    return Requirement(access_of(rpc, handler), is_counted(handler))
