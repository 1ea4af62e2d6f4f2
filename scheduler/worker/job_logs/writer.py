"""Writes what jobs print to the store: twice a second while they run, and before they end.

An attempt is settled after its last output is written. So a client that sees a job end can read its
whole log. A job that prints nothing costs nothing here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
from scheduler.worker.job_logs.buffer import JobLogBuffer

WRITE_EVERY_S: Final = 0.5
"""How long a line may wait: short for a client that follows the log, long enough for batches."""


class JobLogWriter:
    """Writes the logs of the attempts on this node."""

    def __init__(self, *, store: Store, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._logs: dict[tuple[str, int], _AttemptLog] = {}

    def write(self, claim: Claim, stream: LogStream, data: bytes) -> None:
        """Add what a process of an attempt printed; it is written later."""
        now = self._clock.now()
        log = self._logs.get((claim.id, claim.token))
        if log is None:
            log = self._logs[claim.id, claim.token] = _AttemptLog(claim)
            if heading := _heading(claim):
                log.record(now, LogStream.NOTICE, heading)
        log.record(now, stream, data)

    async def run(self) -> None:
        """Write for ever. What the store does not accept now is written at the next time."""
        while True:
            await self._clock.sleep(WRITE_EVERY_S)
            with suppress(StoreUnavailable):
                await self._write(list(self._logs.values()))

    async def finish(self, claims: Iterable[Claim]) -> None:
        """Write the rest of the output of attempts that have ended.

        Raises:
            StoreUnavailable: it is not written yet; call this again.
        """
        keys = [key for claim in claims if (key := (claim.id, claim.token)) in self._logs]
        if not keys:
            return
        logs = [self._logs[key] for key in keys]
        for log in logs:
            log.end(self._clock.now())
        await self._write(logs)
        for key in keys:
            self._logs.pop(key, None)

    async def _write(self, logs: Collection[_AttemptLog]) -> None:
        """Write what is new, and announce it."""
        for log in logs:
            if log.must_continue:
                log.continue_after(await self._store.log(log.claim.id))
        written = [each for log in logs for each in log.unwritten()]
        if not written:
            return
        await self._store.write_log(written)
        for log in logs:
            log.mark_written(written)
        self._queue.announce([change for log in logs if (change := log.change()) is not None])


class _AttemptLog:
    """What one attempt has printed, and how much of it the store lacks."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.must_continue = claim.token > 1
        """Whether the log of the previous attempts has to be read, to continue after it."""
        self._buffer = JobLogBuffer()
        self._unwritten: dict[int, Written] = {}
        self._announced = self._written = 0

    def record(self, at: datetime, stream: LogStream, data: bytes) -> None:
        self._buffer.record(at, stream, data)

    def end(self, at: datetime) -> None:
        self._buffer.end(at)

    def continue_after(self, pages: Sequence[LogPage]) -> None:
        """Continue after the pages that the store has."""
        if pages:
            self._buffer.continue_after(pages[-1])
            self._announced = self._written = pages[-1].end
        self.must_continue = False

    def unwritten(self) -> Collection[Written]:
        """The pages that the store lacks: one for each slot, so their number is limited."""
        for page in self._buffer.pages():
            self._unwritten[page.slot] = Written(self.claim.id, self.claim.token, page)
        return self._unwritten.values()

    def mark_written(self, written: Collection[Written]) -> None:
        """Note that these are stored; a page that has grown since is another object, and stays."""
        for each in written:
            if self._unwritten.get(each.page.slot) is each:
                del self._unwritten[each.page.slot]
                self._written = max(self._written, each.page.end)

    def change(self) -> Change | None:
        """What is new in the store since the last call, as a change; None if nothing is."""
        if self._written == self._announced:
            return None
        begins, self._announced = self._announced, self._written
        return printed(self.claim, begins, self._announced)


def _heading(claim: Claim) -> bytes:
    """The line that separates an attempt from the previous one; empty for the first."""
    if claim.purpose is Purpose.CLEAN:
        return b"the clean-up begins\n"
    return b"attempt %d begins\n" % claim.attempt if claim.attempt > 1 else b""
