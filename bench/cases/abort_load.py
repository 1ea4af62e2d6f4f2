"""Requests at a steady rate, from a process of its own: `python -m …abort_load URL JOB RATE`.

A request goes out when it is due, whether or not earlier ones were answered. One in twenty submits
a job that does nothing, the others read a job. Runs until its standard input ends, and then prints
how many requests per second were answered.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Final

import aiohttp
import uvloop

TICK_S: Final = 0.01
SUBMIT_EVERY: Final = 20
LATE_MAX_S: Final = 0.05
"""Requests that were due longer ago are skipped: a pause of this process is no burst of users."""
OPEN_MAX: Final = 200
"""Requests that wait for an answer; while there are this many, due requests are skipped."""


class Load:
    """A source of requests."""

    def __init__(self, session: aiohttp.ClientSession, *, url: str, job_path: str) -> None:
        self.answered = 0
        self._open = 0
        self._session = session
        self._url = url
        self._job_path = job_path

    async def run(self, *, rate: int) -> None:
        """Send `rate` requests per second until cancelled."""
        loop = asyncio.get_running_loop()
        begun_at, sent = loop.time(), 0
        async with asyncio.TaskGroup() as group:
            while True:
                due = int((loop.time() - begun_at) * rate)
                for number in range(max(sent, due - int(rate * LATE_MAX_S)), due):
                    if self._open < OPEN_MAX:
                        self._open += 1
                        group.create_task(self._request(number))
                sent = due
                await asyncio.sleep(TICK_S)

    async def _request(self, number: int) -> None:
        submits = number % SUBMIT_EVERY == 0
        with suppress(aiohttp.ClientError):
            async with self._session.request(
                "POST" if submits else "GET",
                self._url + ("/" if submits else self._job_path),
                json={"uid": "load", "task": "noop"} if submits else None,
            ) as answer:
                await answer.read()
                self.answered += answer.ok
        self._open -= 1


async def main(url: str, job_path: str, rate: str) -> None:
    """Send requests until standard input ends."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    begun_at = loop.time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        load = Load(session, url=url, job_path=job_path)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(load.run(rate=int(rate)))
            await reader.read()
            running.cancel()
    print(load.answered / (loop.time() - begun_at))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
