"""Lets the machine's own browser reach a service in the bed, which has a network of its own: a socket in a folder that
both see stands between them.

In the bed: `python -m tests.bed.relay FILE HOST PORT` takes connections on the socket FILE and leads them to a service.
Outside: `Relay` takes them on loopback and leads them to the FILE.
"""

import asyncio
import os
import socket
import sys
import threading
from pathlib import Path

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def short(file: Path) -> str:
    """A name for a socket's file that is never too long for one (108 bytes). Its folder stays open."""
    return f"/proc/self/fd/{os.open(file.parent, os.O_PATH)}/{file.name}"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything up to the end of what one side says, which the other is told."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def _join(one: Pair, other: Pair) -> None:
    await asyncio.gather(_pump(one[0], other[1]), _pump(other[0], one[1]))
    for _, writer in (one, other):
        writer.close()


async def _serve_in_the_bed(file: Path, host: str, port: int) -> None:
    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join((reader, writer), await asyncio.open_connection(host, port))

    async with await asyncio.start_unix_server(taken, short(file)) as server:
        await server.serve_forever()


class Relay:
    """A loopback port that leads to a socket's file. Use as a context manager."""

    def __init__(self, file: Path, port: int):
        """On `port` where that is free, else on any."""
        self._file = short(file)
        try:
            self._socket = socket.create_server(("127.0.0.1", port))
        except OSError:
            self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Relay":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._taken, sock=self._socket), self._loop).result(10)
        return self

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other = await asyncio.open_unix_connection(self._file)
        except OSError:  # the service does not run yet, or any more
            writer.close()
            return
        await _join((reader, writer), other)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._socket.close()


if __name__ == "__main__":
    asyncio.run(_serve_in_the_bed(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
