"""Loads the handlers anew while the node runs.

    hangups        SIGHUP: load, or drain where the terminal was closed ─┐
    folder_watch   a file was saved ─────────────────────────────────────┴▶ reloading
    config_file    whether it has changed as well: it is not read again
    snapshots      the handlers folder, read and written down

Running jobs go on in the processes of their generation (see `processes.generation`).
`reloading_tasks` puts it together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial

from scheduler.core.ports.clock import Clock
from scheduler.node.reloading.config_file import ConfigFile
from scheduler.node.reloading.folder_watch import FolderWatch
from scheduler.node.reloading.hangups import Hangups
from scheduler.node.reloading.reloading import Reloading
from scheduler.processes.child.loading.snapshot import Snapshot
from scheduler.processes.slots import Slots
from scheduler.telemetry.metrics import Metrics
from scheduler.worker.lease import Lease


@dataclass(frozen=True, kw_only=True)
class Triggers:
    """When the handlers are loaded anew, as whoever starts the node wants it."""

    hangups: Hangups
    on_save: bool
    config_file: ConfigFile


def reloading_tasks(
    triggers: Triggers,
    folder: str,
    loaded: Snapshot,
    *,
    slots: Slots,
    lease: Lease,
    metrics: Metrics,
    clock: Clock,
    draining: asyncio.Event,
) -> Mapping[str, Callable[[], Coroutine[None, None, None]]]:
    """The background tasks of a node that load its handlers anew, by name.

    Args:
        folder: of the handlers, as it is configured.
        loaded: what was loaded at the start.
        draining: set where the terminal was closed; once it is set, nothing is loaded.
    """
    reloading = Reloading(
        folder,
        slots=slots,
        lease=lease,
        metrics=metrics,
        config_file=triggers.config_file,
        clock=clock,
        draining=draining,
    )
    watch = FolderWatch(folder, loaded=loaded, clock=clock, on_saved=reloading.request)
    tasks: dict[str, Callable[[], Coroutine[None, None, None]]] = {
        "load the handlers anew": reloading.run,
        "heed SIGHUP": partial(_heed, triggers.hangups, reloading, draining),
    }
    if triggers.on_save:
        tasks["watch the handlers folder"] = watch.run
    return tasks


async def _heed(hangups: Hangups, reloading: Reloading, draining: asyncio.Event) -> None:
    while True:
        if await hangups.next_closes():
            draining.set()
        else:
            reloading.request()
