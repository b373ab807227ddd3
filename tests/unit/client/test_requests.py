"""What the client refuses before it calls anything."""

from __future__ import annotations

from typing import Any

import pytest

from arouter.client import AsyncClient, Client

DOCUMENT: Any = {"model": "auto", "messages": []}


def test_openais_json_is_no_message() -> None:
    with Client("127.0.0.1:1", key="lr_live_x") as client:
        with pytest.raises(TypeError, match="not dict; from_openai makes one"):
            client.chat(DOCUMENT)
        with pytest.raises(TypeError, match="not dict; from_openai makes one"):
            next(client.stream_chat(DOCUMENT))


async def test_openais_json_is_no_message_under_asyncio_either() -> None:
    async with AsyncClient("127.0.0.1:1", key="lr_live_x") as client:
        with pytest.raises(TypeError, match="not dict; from_openai makes one"):
            await client.chat(DOCUMENT)
        with pytest.raises(TypeError, match="not dict; from_openai makes one"):
            await anext(client.stream_chat(DOCUMENT))
