"""Counts the tokens of a request, for the RPCs of all dialects that do."""

from __future__ import annotations

from arouter.calls.token_counter import TokenCounter
from arouter.chat.request import ChatRequest
from arouter.rpc.context import Context, remaining_of
from arouter.rpc.interceptors.auth import caller

_ESTIMATED = (("x-arouter-estimated", "true"),)
"""The header of a count that no tokenizer made."""


async def count_tokens(counter: TokenCounter, chat: ChatRequest, context: Context) -> int:
    """Returns the number of prompt tokens, and sets the header of an estimate.

    Raises:
        ARouterError: As `TokenCounter.count`.
    """
    tokens, is_exact = await counter.count(chat, caller.get().key, remaining_of(context))
    if not is_exact:
        context.set_trailing_metadata(_ESTIMATED)
    return tokens
