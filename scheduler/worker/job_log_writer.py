"""Writes what jobs print into the store: twice a second while they run, and before each end.

An attempt's end is settled after its last words are written, so whoever sees a job end can read all
of its log. Only who prints costs anything here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from scheduler.core.change import Change, printed
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Claim, Purpose
from scheduler.core.job_log import LogPage, LogStream, Written
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.worker.job_log_buffer import JobLogBuffer

WRITE_EVERY_S: Final = 0.5
"""How long a line may wait for the store: short for who follows a log, long enough for batches."""


class JobLogWriter:
    """The logs of the attempts that print something here."""

    def __init__(self, *, store: Store, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._scripts: dict[tuple[str, int], _Script] = {}

    def write(self, claim: Claim, stream: LogStream, data: bytes) -> None:
        """Take note of what a process of an attempt printed."""
        now = self._clock.now()
        script = self._scripts.get((claim.id, claim.token))
        if script is None:
            script = self._scripts[claim.id, claim.token] = _Script(claim)
            if heading := _heading(claim):
                script.record(now, LogStream.NOTICE, heading)
        script.record(now, stream, data)

    async def run(self) -> None:
        """Write for ever. What the store does not take now is written a little later."""
        while True:
            await self._clock.sleep(WRITE_EVERY_S)
            with suppress(StoreUnavailable):
                await self._write(list(self._scripts.values()))

    async def finish(self, claim: Claim) -> None:
        """Write what is left of an attempt's output; nothing more will come of it.

        Raises:
            StoreUnavailable: it is not written yet, and can be tried again.
        """
        script = self._scripts.get((claim.id, claim.token))
        if script is not None:
            script.end(self._clock.now())
            await self._write([script])
            self._scripts.pop((claim.id, claim.token), None)

    async def _write(self, scripts: Collection[_Script]) -> None:
        """Write what is new, and tell those who follow it."""
        for script in scripts:
            if script.follows:
                script.follow(await self._store.log(script.claim.id))
        written = [each for script in scripts for each in script.unwritten()]
        if not written:
            return
        await self._store.write_log(written)
        for script in scripts:
            script.forget(written)
        self._queue.announce([told for script in scripts if (told := script.told()) is not None])


class _Script:
    """What one attempt has printed, and how much of it the store lacks."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.follows = claim.token > 1
        """Whether it has to be found out yet where the attempts before ended."""
        self._buffer = JobLogBuffer()
        self._unwritten: dict[int, Written] = {}
        self._told = self._written = 0

    def record(self, at: datetime, stream: LogStream, data: bytes) -> None:
        self._buffer.record(at, stream, data)

    def end(self, at: datetime) -> None:
        self._buffer.end(at)

    def follow(self, pages: Sequence[LogPage]) -> None:
        """Go on behind what is there already."""
        if pages:
            self._buffer.follow(pages[-1])
            self._told = self._written = pages[-1].end
        self.follows = False

    def unwritten(self) -> Collection[Written]:
        """What the store lacks; of two pages for one slot only the later, so it never grows."""
        for page in self._buffer.pages():
            self._unwritten[page.slot] = Written(self.claim.id, self.claim.token, page)
        return self._unwritten.values()

    def forget(self, written: Collection[Written]) -> None:
        """These are in the store now; what has grown since is not among them."""
        for each in written:
            if self._unwritten.get(each.page.slot) is each:
                del self._unwritten[each.page.slot]
                self._written = max(self._written, each.page.end)

    def told(self) -> Change | None:
        """What is new in the store since this was last asked, as a change."""
        if self._written == self._told:
            return None
        begins, self._told = self._told, self._written
        return printed(self.claim, begins, self._told)


def _heading(claim: Claim) -> bytes:
    """What parts an attempt in the log from the one before; nothing for the first."""
    if claim.purpose is Purpose.CLEAN:
        return b"the clean-up begins\n"
    return b"attempt %d begins\n" % claim.attempt if claim.attempt > 1 else b""
