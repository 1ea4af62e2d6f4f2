"""The node's side of the warden: starts it, restarts it, and sends it the deadline for jobs."""

from __future__ import annotations

import asyncio
import math
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random

import structlog

from scheduler.basics.retry import Backoff, retried
from scheduler.processes.warden import watch
from scheduler.processes.warden.watch import MESSAGE, SHUTDOWN

log = structlog.get_logger()


class Warden:
    """The running warden; another one replaces it when it dies."""

    def __init__(self, process: Process, *, random: Random) -> None:
        self._process = process
        self._random = random
        self._until: float | None = None
        self._taken = asyncio.Condition()
        self._taken_until = -math.inf
        """The last deadline that it has taken: it has ended what it ended for earlier ones."""

    def hold(self, until: float) -> None:
        """Let jobs run until this instant of the monotonic clock; each call replaces the last."""
        self._until = until
        self._send(until)

    async def calm(self) -> None:
        """Wait until it ends nothing any more for a deadline before the last one."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)  # a job may have stopped it
        until = self._until
        async with self._taken:
            await self._taken.wait_for(lambda: until is None or self._taken_until >= until)

    async def keep(self) -> None:
        """Start another warden whenever one dies; for ever."""
        while True:
            await self._read_answers()
            await self._process.wait()
            log.error("the warden died; starting another one")
            self._process = await self._start_another()
            if self._until is not None:
                self._send(self._until)

    async def dismiss(self) -> None:
        """Have the warden end what jobs left behind, and wait until it exits."""
        self._send(SHUTDOWN)
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGCONT)  # a job may have stopped it
        await self._process.wait()

    async def _read_answers(self) -> None:
        """Note which deadlines it has taken, until it dies."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                answer = await self._process.stdout.readexactly(MESSAGE.size)
                async with self._taken:
                    (self._taken_until,) = MESSAGE.unpack(answer)
                    self._taken.notify_all()

    async def _start_another(self) -> Process:
        """Start another warden; tried until it succeeds, since the machine may be out of pids."""
        return await retried(
            _start,
            on=(OSError,),
            backoff=Backoff(self._random),
            failed=lambda error: log.warning("the warden does not start", error=str(error)),
        )

    def _send(self, message: float) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        if self._process.stdin.is_closing():
            return  # it died; `keep` sends the deadline to its successor
        with suppress(ConnectionError):
            self._process.stdin.write(MESSAGE.pack(message))


@asynccontextmanager
async def open_warden(*, random: Random) -> AsyncIterator[Warden]:
    """A warden for this process, which must already have the cookies in its environment."""
    warden = Warden(await _start(), random=random)
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(warden.keep(), name="keep the warden")
        try:
            yield warden
        finally:
            keeping.cancel()
            await warden.dismiss()


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        watch.__name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # so that Ctrl-C in a terminal does not reach it
    )
