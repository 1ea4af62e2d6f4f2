"""A node's life: start, serve, drain.

start   in the order of `assembly`; things are closed in the reverse order
serve   until SIGTERM or SIGINT; a second signal exits at once and leaves the rest to the warden.
        SIGHUP loads the handlers anew (see `reloading`)
drain   no new claims ─ running jobs get drain_s, then go back to the queue ─ workers end ─ lease
        given up ─ everything else closed
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import uvloop

from scheduler.basics.private_files import keep_private, tell_if_open
from scheduler.core.errors import StartError, Unavailable
from scheduler.node.assembly import assemble, number_of_workers
from scheduler.node.config.loading import Config
from scheduler.node.config.reading import FILE
from scheduler.node.preflight import allow_descriptors, require_containment, require_made
from scheduler.node.reloading import Triggers
from scheduler.node.reloading.config_file import ConfigFile
from scheduler.node.reloading.hangups import Hangups
from scheduler.node.running_node import say
from scheduler.telemetry import log_lines

SHORTAGES: Final = (OSError, MemoryError, RuntimeError)
"""What Python raises where a machine has not enough of something; RuntimeError for threads."""
NO_THREAD: Final = "can't start new thread"


def run(config: Config, *, file: Path = FILE, reload: bool = False) -> None:
    """Run a node until it is drained.

    Args:
        file: where the configuration was read.
        reload: whether to load the handlers anew on every save.

    Raises:
        StartError: it cannot start; nothing is left behind.
    """
    require_containment()
    require_made(config.handlers, file)
    allow_descriptors(workers=number_of_workers(config))
    keep_private(Path(config.node.data_dir))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            triggers = Triggers(hangups=Hangups(), on_save=reload, config_file=ConfigFile(file))
            ended_in_time = runner.run(serve(config, triggers))
    except BaseExceptionGroup as group:
        raise _sole_start_error(group) or group from None
    if threading.active_count() > 1:
        # It waits for a pool process that survives SIGKILL, and the interpreter would wait for it.
        say("ended, but for a process that cannot be killed; see the log")
        os._exit(0)
    if ended_in_time:
        say("drained")


async def serve(config: Config, triggers: Triggers) -> bool:
    """Start, serve and drain a node; whether all jobs ended in time."""
    name = config.node.own_name
    log_lines.configure(node=name)
    async with AsyncExitStack() as stack:
        stack.enter_context(triggers.hangups.heeded())
        try:
            node = await assemble(config, name, stack, triggers=triggers)
        except Unavailable as error:  # from a server that was reachable a moment ago
            raise StartError(f"the start was cut short: {error}") from error
        except SHORTAGES as error:
            if type(error) is RuntimeError and NO_THREAD not in str(error):
                raise
            raise StartError(
                f"the machine has not enough for a node: {error!r}; look at its memory, and at the"
                " limits of memory, processes and open files (ulimit -a)"
            ) from error
        tell_if_open(Path(config.node.data_dir))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(run(), name=name) for name, run in node.background_tasks.items()
            ]
            ended_in_time = await node.work()
            for task in tasks:
                task.cancel()
        # Else the lease expires: until then no other node begins the jobs, so the warden has time
        # to end them here, and survivors of SIGKILL have as long to die.
        if ended_in_time and not node.settlements.unkillable:
            await node.lease.end()
    return ended_in_time


def _sole_start_error(error: BaseException) -> StartError | None:
    """The start error, if the group has no other error: each task group on its way wrapped it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, StartError) else None
