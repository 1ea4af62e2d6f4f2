"""A node at work: its parts, from the ready line to the end of a drain. `node` builds them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from scheduler.api.dashboard import DASHBOARD
from scheduler.basics.urls import redacted
from scheduler.core.change import progressed
from scheduler.core.errors import Unavailable
from scheduler.core.job import Node, StopReason
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.node.config.loading import Config
from scheduler.node.sweeper import Sweeper
from scheduler.service.change_feed import ChangeFeed
from scheduler.telemetry.gauges import Gauges
from scheduler.worker.job_log_writer import JobLogWriter
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.lost_claims import LostClaims
from scheduler.worker.unkillable import UnkillableProcesses
from scheduler.worker.worker import Worker

REPORT_EVERY_S: Final = 0.5
"""How often progress is written: often enough to watch, seldom enough to cost nothing."""
COLLECT_EVERY: Final = 20_000
"""New objects that may be there before some are looked through for cycles, which jobs do not make.
Python's 700 have each job looked through several times: a tenth of the node's time (measured)."""
SETTLE_S: Final = 60.0
"""How long a drain waits, after drain_s, for stopped jobs to end and the store to take them."""


@dataclass(frozen=True, kw_only=True)
class RunningNode:
    """A node's parts, once all of them are there."""

    config: Config
    record: Node
    url: str
    store: Store
    queue: Queue
    local_jobs: LocalJobs
    lease: Lease
    sweeper: Sweeper
    lost_claims: LostClaims
    job_log_writer: JobLogWriter
    pulse: Gauges
    change_feed: ChangeFeed
    unkillable: UnkillableProcesses
    workers: Sequence[Worker]
    draining: asyncio.Event

    def background_tasks(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What runs beside the workers, by name, for as long as the node does."""
        yield "keep the lease", self.lease.keep()
        yield "sweep", self.sweeper.run()
        yield "look for lost_claims", self.lost_claims.run()
        yield "measure", self.pulse.run()
        yield "write logs", self.job_log_writer.run()
        yield "read the change_feed of changes", self.change_feed.run()
        yield "hear of aborts", self._hear_of_aborts()
        yield "report progress", self._report_progress()

    async def work(self) -> bool:
        """Let the workers work until a signal, and then to their end; whether it came in time."""
        with _signals(self.draining):
            try:
                async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as crew:
                    for number, worker in enumerate(self.workers, 1):
                        crew.create_task(worker.run(), name=f"worker {number}")
                    gc.set_threshold(COLLECT_EVERY)
                    gc.freeze()  # what is here now stays: no collection need look through it again
                    say(self._ready_line())
                    await self.draining.wait()
                    self._drain(patience)
            except TimeoutError:
                say("some jobs did not end in time; they are recovered when a node starts")
                return False
        return True

    def _drain(self, patience: asyncio.Timeout) -> None:
        loop, drain_s = asyncio.get_running_loop(), self.config.node.drain_s
        say(
            f"draining: {len(self.local_jobs)} running jobs get {drain_s:g} s; again to end at once"
        )
        for worker in self.workers:
            worker.drain()
        loop.call_later(drain_s, self.local_jobs.stop_all, StopReason.DRAIN)
        patience.reschedule(loop.time() + drain_s + SETTLE_S)

    def _ready_line(self) -> str:
        record, config = self.record, self.config
        return (
            f"AtlanScheduler {record.version} is ready on {self.url}, "
            f"dashboard {self.url}{DASHBOARD} (node {record.name}, "
            f"{record.workers} workers, {len(record.tasks)} handlers, "
            f"store {redacted(config.store.url)}, queue {redacted(config.queue.url)})"
        )

    async def _hear_of_aborts(self) -> None:
        async for job_id in self.queue.aborts():
            self.local_jobs.hint(job_id)

    async def _report_progress(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            with suppress(Unavailable):
                if news := self.local_jobs.news():
                    await self.store.report(
                        {(claim.id, claim.token): progress for claim, progress in news}
                    )
                    self.queue.announce([progressed(*each) for each in news])


@contextmanager
def _signals(draining: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT drain; the second one exits at once, and the warden ends the jobs."""
    loop = asyncio.get_running_loop()

    def on_signal(signal_: signal.Signals) -> None:
        if draining.is_set():
            say("ended at once; the jobs are recovered when a node starts")
            os._exit(128 + signal_)
        draining.set()

    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, on_signal, signal_)
    try:
        yield
    finally:
        for signal_ in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signal_)


def say(line: str) -> None:
    """Tell the person who started the node, if there is still somebody and room for it."""
    with suppress(OSError):
        print(line, flush=True)  # noqa: T201
