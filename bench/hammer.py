"""A keep-alive client that only counts: `python -m bench.hammer PORT CONNECTIONS SECONDS`.

Each connection sends one job after the other, without waiting for anything but the answer before.
It reads of an answer no more than where it ends, so that it takes little of the machine's time.
"""

from __future__ import annotations

import asyncio
import re
import sys
from typing import Final, cast

import uvloop

BODY: Final = b'{"uid":"hammer","task":"noop"}'
REQUEST: Final = (
    b"POST / HTTP/1.1\r\n"
    b"Host: bench\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%s"
) % (len(BODY), BODY)
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"(?i)content-length: (\d+)")


class Connection(asyncio.Protocol):
    """One request after the other."""

    answered = 0
    """By all connections."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        """Send the next one once the answer is whole."""
        self._received += data
        head, found, body = self._received.partition(HEAD_END)
        length = LENGTH.search(head)
        if found and length and len(body) >= int(length[1]):
            assert b" 202 " in head, head
            Connection.answered += 1
            self._received = b""
            self._transport.write(REQUEST)


async def main(port: str, connections: str, seconds: str) -> None:
    """Hammer, and print how many requests a second were answered."""
    loop = asyncio.get_running_loop()
    for _ in range(int(connections)):
        await loop.create_connection(Connection, "127.0.0.1", int(port))
    before, begun_at = Connection.answered, loop.time()
    await asyncio.sleep(float(seconds))
    print((Connection.answered - before) / (loop.time() - begun_at))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
