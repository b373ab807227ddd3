"""The type of a call's context, whatever its messages are."""

from __future__ import annotations

from typing import Any, TypeAlias

from grpc import aio

Context: TypeAlias = "aio.ServicerContext[Any, Any]"
