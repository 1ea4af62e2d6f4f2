"""Requests at a steady rate, from a process of its own: `python -m …abort_load URL WHAT RATE`.

A request goes out when it is due, whether or not earlier ones were answered. Runs until its
standard input ends, and then prints how many requests per second were answered.

    WHAT    the path of a job    one in twenty submits a job that does nothing, the others read this
            junk                 half of them log in with an invented token, half bring one
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp
import uvloop

from scheduler.core.access.token import new_secret

JUNK: Final = "junk"
TICK_S: Final = 0.01
SUBMIT_EVERY: Final = 20
LATE_MAX_S: Final = 0.05
"""Requests that were due longer ago are skipped: a pause of this process is no burst of users."""
OPEN_MAX: Final = 200
"""Requests that wait for an answer; while there are this many, due requests are skipped."""


class Wanted(NamedTuple):
    """One request."""

    method: str
    path: str
    body: object = None
    token: str | None = None


def use(job_path: str, number: int) -> Wanted:
    """What users of a node do, by the number of the request."""
    if number % SUBMIT_EVERY == 0:
        return Wanted("POST", "/", {"uid": "load", "task": "noop"})
    return Wanted("GET", job_path)


def junk(number: int) -> Wanted:
    """What whoever tries out tokens does: each of them is another one."""
    token = new_secret().text
    if number % 2:
        return Wanted("POST", "/-/login", {"token": token})
    return Wanted("GET", "/load", None, token)


class Load:
    """A source of requests."""

    def __init__(
        self, session: aiohttp.ClientSession, *, url: str, wanted: Callable[[int], Wanted]
    ) -> None:
        self.answered = 0
        self._open = 0
        self._session = session
        self._url = url
        self._wanted = wanted

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
        method, path, body, token = self._wanted(number)
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with suppress(aiohttp.ClientError):
            async with self._session.request(
                method, self._url + path, json=body, headers=headers
            ) as answer:
                await answer.read()
                self.answered += answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
        self._open -= 1


async def main(url: str, what: str, rate: str) -> None:
    """Send requests until standard input ends."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    begun_at = loop.time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        wanted = junk if what == JUNK else partial(use, what)
        load = Load(session, url=url, wanted=wanted)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(load.run(rate=int(rate)))
            await reader.read()
            running.cancel()
    print(load.answered / (loop.time() - begun_at))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
