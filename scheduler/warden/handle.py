"""The node's side of the warden: start it, keep it alive, tell it how long jobs may run."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from scheduler.warden.watch import FAREWELL, MESSAGE

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

log = structlog.get_logger()


class Warden:
    """A running warden, and the next one should it be killed."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._until: float | None = None

    def hold(self, until: float) -> None:
        """Let jobs run up to this instant of the monotonic clock; each call replaces the last."""
        self._until = until
        self._tell(until)

    async def keep(self) -> None:
        """Start another warden whenever one dies; for ever."""
        while True:
            await self._process.wait()
            log.error("the warden died; starting another one")
            self._process = await _start()
            if self._until is not None:
                self._tell(self._until)

    async def dismiss(self) -> None:
        """Have it end what jobs left behind, and go."""
        self._tell(FAREWELL)
        await self._process.wait()

    def _tell(self, message: float) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(ConnectionError):
            self._process.stdin.write(MESSAGE.pack(message))


@asynccontextmanager
async def open_warden() -> AsyncIterator[Warden]:
    """A warden for this process, which must bear the cookies in its environment already."""
    warden = Warden(await _start())
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
        "scheduler.warden.watch",
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,  # so that Ctrl-C in a terminal does not reach it
    )
