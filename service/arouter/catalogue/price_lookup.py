"""Looks up prices and context lengths in `genai-prices` through a short-lived process: `price_table` says why."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Sequence

import msgspec

from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.presets import PRESETS

TIMEOUT = 30.0
"""Timeout of the process in seconds; on an idle machine it takes less than one."""

GENAI_PRICES_IDS = {id_: preset.pricing_id for id_, preset in PRESETS.items() if preset.pricing_id is not None}
"""The package's ids of the providers that it has prices for, by ours."""

_PROGRAM = ("-I", "-m", "arouter.catalogue.price_table")
"""Isolated mode: neither the working directory nor the environment affects imports."""

_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""Used in place of our environment, which contains the providers' keys."""

_LAST_WORDS = 500


class PriceLookupError(Exception):
    """The process failed or timed out; the message says how."""


async def look_up(
    wanted: Iterable[tuple[str, str]], *, timeout_seconds: float = TIMEOUT, program: Sequence[str] = _PROGRAM
) -> dict[tuple[str, str], ModelDetails]:
    """Returns the current metadata of models; some prices depend on the date or the time of day.

    Cancelling the coroutine kills the process.

    Args:
        wanted: Models as (ARouter's provider id, native model name).
        timeout_seconds: Timeout of the process in seconds.
        program: Arguments of the Python interpreter that is run.

    Returns:
        Context length and prices by requested model, as far as known. Models without any data are left out.

    Raises:
        PriceLookupError: The process returned no valid answer.
    """
    queried = [key for key in dict.fromkeys(wanted) if key[0] in GENAI_PRICES_IDS]
    if not queried:
        return {}
    question = msgspec.json.encode([(GENAI_PRICES_IDS[provider], name) for provider, name in queried])
    answer = await _run(program, question, timeout_seconds)
    try:
        found = msgspec.json.decode(answer, type=list[ModelDetails])
        return {key: details for key, details in zip(queried, found, strict=True) if details != UNKNOWN}
    except (msgspec.MsgspecError, ValueError) as error:
        raise PriceLookupError(f"failed to read genai-prices: its answer is wrong: {error}") from error


async def _run(program: Sequence[str], question: bytes, timeout_seconds: float) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_ENVIRONMENT
        )
    except OSError as error:
        raise PriceLookupError(f"failed to read genai-prices: {error}") from error
    try:
        async with asyncio.timeout(timeout_seconds):
            answer, complaint = await process.communicate(question)
    except TimeoutError as error:
        raise PriceLookupError(f"failed to read genai-prices: no answer in {timeout_seconds:g} s") from error
    finally:
        await _end(process)
    if process.returncode != 0:
        stderr_tail = complaint[-_LAST_WORDS:].decode(errors="replace").strip()
        raise PriceLookupError(f"failed to read genai-prices: exit status {process.returncode}: {stderr_tail}")
    return answer


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        # Read its output to the end, or the pipes stay open.
        await process.communicate()
