"""A running node, from its ready line to the end of its drain. `assembly` builds it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from scheduler.api.dashboard import DASHBOARD
from scheduler.basics.counted import counted
from scheduler.basics.urls import redacted
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import StopReason
from scheduler.node.config.loading import Config
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.settlements import Settlements
from scheduler.worker.workers import Workers

COLLECT_EVERY: Final = 20_000
"""New objects before the garbage collector looks for cycles, which jobs do not make. With Python's
700 it looks through each job several times: a tenth of the node's time (measured)."""
SETTLE_S: Final = 60.0
"""How long a drain waits, after drain_s, until stopped jobs have ended and are settled."""
SAME_SIGNAL_S: Final = 0.5
"""What comes so soon after the first signal is that one once more: `timeout` of coreutils, shells
and terminals signal a process and then its group. A person who insists is slower."""


@dataclass(frozen=True, kw_only=True)
class RunningNode:
    """A node as `assembly` built it: what it runs, and what its end needs."""

    config: Config
    urls: Sequence[str]
    """Of the API: one for each address that the node listens on."""
    lease: Lease
    local_jobs: LocalJobs
    workers: Workers
    settlements: Settlements
    background_tasks: Mapping[str, Callable[[], Coroutine[None, None, None]]]
    """By name; they run for as long as the node does."""
    draining: asyncio.Event

    async def work(self) -> bool:
        """Let the workers work until a signal, then drain them; whether they ended in time."""
        _heed_signals(self.draining)
        try:
            async with asyncio.timeout(None) as patience:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.workers.run(), name="workers")
                    gc.set_threshold(COLLECT_EVERY)
                    gc.freeze()  # these objects stay: no collection has to look through them again
                    say(self._ready_line())
                    await self.draining.wait()
                    self._drain(patience)
                with suppress(StoreUnavailable):
                    # Else they count as jobs whose node died.
                    await self.settlements.lost_claims.give_back()
        except TimeoutError:
            say("some jobs did not end in time; they are recovered when a node starts")
            return False
        return True

    def _drain(self, patience: asyncio.Timeout) -> None:
        loop, drain_s = asyncio.get_running_loop(), self.config.node.drain_s
        jobs = len(self.local_jobs)
        say(
            f"draining: {counted(jobs, 'running job')} {'gets' if jobs == 1 else 'get'}"
            f" {drain_s:g} s; again to end at once"
        )
        self.workers.drain()
        loop.call_later(drain_s, self.local_jobs.stop_all, StopReason.DRAIN)
        patience.reschedule(loop.time() + drain_s + SETTLE_S)

    def _ready_line(self) -> str:
        node, config = self.lease.node, self.config
        url, *others = self.urls
        return (
            f"AtlanScheduler {node.version} is ready on {url}, "
            f"dashboard {url}{DASHBOARD} (node {node.name}, "
            f"{counted(node.workers, 'worker')}, {counted(len(node.tasks), 'handler')}, "
            f"store {redacted(config.store.url)}, queue {redacted(config.queue.url)})"
            + "".join(f", also on {other}" for other in others)
        )


def _heed_signals(draining: asyncio.Event) -> None:
    """Drain on SIGTERM and SIGINT; a second one exits at once, and the warden ends the jobs.

    It may come as long as the loop runs, also when the drain is over. `reloading` heeds SIGHUP. It
    comes to all processes of a service right after the signal that stops it: so it never hastens
    the end.
    """
    loop = asyncio.get_running_loop()
    first_at: float | None = None

    def on_signal(signal_: signal.Signals) -> None:
        nonlocal first_at
        if first_at is None and not draining.is_set():
            first_at = loop.time()
            draining.set()
        elif first_at is None or loop.time() - first_at > SAME_SIGNAL_S:
            say("ended at once; the jobs are recovered when a node starts")
            os._exit(128 + signal_)

    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, on_signal, signal_)


def say(line: str) -> None:
    """Print a line for the person who started the node; without effect where that fails."""
    with suppress(OSError):
        print(line, flush=True)  # noqa: T201
