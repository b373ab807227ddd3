"""Counts the tokens of a request, for the RPCs of all dialects that do."""

from __future__ import annotations

import asyncio
import math

from arouter.calls.token_counter import TokenCounter
from arouter.chat.request import ChatRequest
from arouter.rpc.context import Context
from arouter.rpc.interceptors.auth import caller

_ESTIMATED = (("x-arouter-estimated", "true"),)
"""The header of a count that no tokenizer made."""


async def count_tokens(counter: TokenCounter, chat: ChatRequest, context: Context) -> int:
    """Returns the number of prompt tokens, and sets the header of an estimate.

    Raises:
        ARouterError: As `TokenCounter.count`.
    """
    remaining = context.time_remaining()
    left = math.inf if remaining is None else remaining
    deadline = asyncio.get_running_loop().time() + left
    tokens, is_exact = await counter.count(chat, caller.get().key, deadline, left)
    if not is_exact:
        context.set_trailing_metadata(_ESTIMATED)
    return tokens
