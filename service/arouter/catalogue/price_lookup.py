"""Prices and context windows from `genai-prices`, read by a short-lived process: see `price_table` for why."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Sequence

import msgspec

from arouter.models import UNKNOWN, ModelDetails
from arouter.providers.presets import PRESETS

TIMEOUT = 30.0
"""Seconds the process gets; it takes less than one on a machine with nothing else to do."""

GENAI_PRICES_IDS = {id_: preset.pricing_id for id_, preset in PRESETS.items() if preset.pricing_id is not None}
"""The package's ids of the providers that it has prices for, by ours."""

_PROGRAM = ("-I", "-m", "arouter.catalogue.price_table")
"""Isolated: neither the working folder nor the environment says what is imported."""

_ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
"""Instead of ours, which holds the providers' keys."""

_LAST_WORDS = 500


class PriceLookupError(Exception):
    """The process failed or took too long; the message says how."""


async def look_up(
    wanted: Iterable[tuple[str, str]], *, patience: float = TIMEOUT, program: Sequence[str] = _PROGRAM
) -> dict[tuple[str, str], ModelDetails]:
    """Returns what is known of models now: some prices depend on the date, or the time of day.

    Cancelling it ends the process.

    Args:
        wanted: ARouter's provider ids with the providers' native model names.
        patience: Seconds until the process is ended.
        program: What it runs: arguments of Python's.

    Returns:
        By what was wanted, the context length and the prices, as far as known. What is not known at all is not in it.

    Raises:
        PriceLookupError: No answer.
    """
    asked = [key for key in dict.fromkeys(wanted) if key[0] in GENAI_PRICES_IDS]
    if not asked:
        return {}
    question = msgspec.json.encode([(GENAI_PRICES_IDS[provider], name) for provider, name in asked])
    answer = await _run(program, question, patience)
    try:
        found = msgspec.json.decode(answer, type=list[ModelDetails])
        return {key: details for key, details in zip(asked, found, strict=True) if details != UNKNOWN}
    except (msgspec.MsgspecError, ValueError) as error:
        raise PriceLookupError(f"genai-prices could not be read: its answer is wrong: {error}") from error


async def _run(program: Sequence[str], question: bytes, patience: float) -> bytes:
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_ENVIRONMENT
        )
    except OSError as error:
        raise PriceLookupError(f"genai-prices could not be read: {error}") from error
    try:
        async with asyncio.timeout(patience):
            answer, complaint = await process.communicate(question)
    except TimeoutError as error:
        raise PriceLookupError(f"genai-prices could not be read: no answer in {patience:g} s") from error
    finally:
        await _end(process)
    if process.returncode != 0:
        last_words = complaint[-_LAST_WORDS:].decode(errors="replace").strip()
        raise PriceLookupError(f"genai-prices could not be read: exit status {process.returncode}: {last_words}")
    return answer


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
        # What it has written is read to its end, else the pipes stay open.
        await process.communicate()
