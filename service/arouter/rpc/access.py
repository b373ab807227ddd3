"""Which kind of key each RPC requires, declared at the RPC itself."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from arouter.accounts.keys import AuthenticatedKey
from arouter.accounts.prefixes import LIVE_PREFIX, MANAGEMENT_PREFIX
from arouter.accounts.records import KeyType
from arouter.errors import ARouterError, Failure
from arouter.rpc.context import Handler

_ATTRIBUTE = "_requires"
_COUNTED = "_is_counted"

_Rpc = TypeVar("_Rpc", bound=Callable[..., Any])


class Access(enum.Enum):
    """The kind of key that an RPC requires."""

    PUBLIC = "none"
    ANY_KEY = "any"
    REGULAR_KEY = "regular"
    MANAGEMENT_KEY = "management"


_ACCESS_OF_TYPE: Mapping[KeyType, Access] = {
    "regular": Access.REGULAR_KEY,
    "management": Access.MANAGEMENT_KEY,
}


def requires(access: Access, *, is_counted: bool = False) -> Callable[[_Rpc], _Rpc]:
    """Declares the access of the decorated RPC. The function itself is returned, so a call costs nothing more.

    Args:
        access: Which keys may call it.
        is_counted: Whether its calls count against the limits of their keys.
    """

    def declare(rpc: _Rpc) -> _Rpc:
        setattr(rpc, _ATTRIBUTE, access)
        setattr(rpc, _COUNTED, is_counted)
        return rpc

    return declare


def access_of(method: str, handler: Handler) -> Access:
    """Returns the declared access of a method.

    Args:
        method: Its full name, for the error.
        handler: The handler with the service's function.

    Raises:
        TypeError: The RPC has no declaration.
    """
    access: Access | None = getattr(_rpc(handler), _ATTRIBUTE, None)
    if access is None:
        raise TypeError(f"{method} does not declare which keys may call it: decorate it with `requires`")
    return access


def is_counted(handler: Handler) -> bool:
    """Returns whether the calls of a method count against the limits of their keys."""
    counted: bool = getattr(_rpc(handler), _COUNTED, False)
    return counted


def _rpc(handler: Handler) -> Any:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


def check_access(key: AuthenticatedKey, access: Access) -> None:
    """Restricts each type of key to its own methods.

    Raises:
        ARouterError: PERMISSION_DENIED.
    """
    if access is Access.ANY_KEY or access is _ACCESS_OF_TYPE[key.key_type]:
        return
    wanted = LIVE_PREFIX if key.key_type == "management" else MANAGEMENT_PREFIX
    raise ARouterError(
        Failure.PERMISSION_DENIED,
        f"This is a {key.key_type} key. The call requires one that starts with '{wanted}'.",
    )
