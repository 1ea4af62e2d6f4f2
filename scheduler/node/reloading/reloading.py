"""Loads the handlers anew, one load at a time.

request ─▶ snapshot ─▶ a fork server and one process, beside the old ones ─▶ the store is told
│              │                                                    │
└─ told ───────┴─ told, and nothing has changed                     ▼
new jobs begin in new processes
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.core.ports.clock import Clock
from scheduler.node.reloading.config_file import ConfigFile
from scheduler.node.reloading.folder_watch import Stamps, stamps
from scheduler.node.reloading.snapshots import taken, written
from scheduler.processes.generation import Generation
from scheduler.processes.slots import Slots
from scheduler.telemetry.metrics import Metrics
from scheduler.worker.lease import Lease

SETTLED_S: Final = 0.1
"""A file that has not changed for so long is saved."""
SETTLED_LOOKS_MAX: Final = 20
"""After so many looks, handlers are loaded all the same: something writes there all the time."""

log = structlog.get_logger()


class Reloading:
    """Loads the handlers anew whenever that is requested."""

    def __init__(
        self,
        folder: str,
        *,
        slots: Slots,
        lease: Lease,
        metrics: Metrics,
        config_file: ConfigFile,
        clock: Clock,
        draining: asyncio.Event,
    ) -> None:
        self._folder = folder
        self._slots = slots
        self._lease = lease
        self._metrics = metrics
        self._config_file = config_file
        self._clock = clock
        self._draining = draining
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Have the handlers loaded anew; during a load, once more after it."""
        self._requested.set()

    async def run(self) -> None:
        """Load them whenever that is requested, for ever."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            if not self._draining.is_set():
                await self.load()

    async def load(self) -> None:
        """Load them now. What does not load is logged, and changes nothing."""
        before = dict(self._slots.tasks)
        fault = await self._fault()
        self._metrics.handler_loads("loaded" if fault is None else "failed").inc()
        if fault is not None:
            log.error("the handlers are not loaded anew, the old ones stay", error=fault)
        else:
            changes = differences(before, self._slots.tasks)
            log.info("the handlers are loaded anew", **changes, **self._hint())

    async def _fault(self) -> str | None:
        """Why they do not load; None where they do."""
        try:
            await self._switch()
        except (StartError, OSError) as error:
            return str(error)
        return None

    async def _settled(self) -> None:
        """Wait until nobody is saving a file: half of one may load, without its handlers."""
        before: Stamps | None = None
        for _ in range(SETTLED_LOOKS_MAX):
            now = await asyncio.to_thread(stamps, self._folder)
            if now == before:
                return
            before = now
            await self._clock.sleep(SETTLED_S)

    async def _switch(self) -> None:
        await self._settled()
        snapshot = await asyncio.to_thread(taken, self._folder)
        path = await asyncio.to_thread(written, snapshot)
        generation = Generation.next(path)
        await self._slots.load(generation, announce=self._lease.set_tasks)

    def _hint(self) -> Mapping[str, str]:
        if not self._config_file.changed:
            return {}
        return {"hint": f"{self._config_file.path} has changed, too: it is read at the start only"}


def differences(
    before: Mapping[str, HandlerOptions], now: Mapping[str, HandlerOptions]
) -> Mapping[str, int | Sequence[str]]:
    """How many handlers there are now, and the names of those that are new, gone or changed."""
    named = {
        "added": [name for name in now if name not in before],
        "removed": [name for name in before if name not in now],
        "other_options": [name for name in now if before.get(name, now[name]) != now[name]],
    }
    return {"handlers": len(now), **{what: sorted(names) for what, names in named.items() if names}}
