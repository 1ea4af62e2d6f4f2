"""A node's life: start, serve, drain.

start   see `assembly`, which also says in which order things are taken down
serve   until SIGTERM or SIGINT; a second one exits at once and leaves the rest to the warden
drain   no new claims ─ running jobs get drain_s, then go back to the queue ─ workers end ─ lease
        given up ─ everything else taken down
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import AsyncExitStack

import uvloop

from scheduler.core.errors import StartError, Unavailable
from scheduler.node.assembly import assemble
from scheduler.node.config.loading import Config
from scheduler.node.preflight import allow_descriptors, require_containment
from scheduler.node.running_node import say
from scheduler.telemetry import log_lines


def run(config: Config) -> None:
    """Run a node until it is drained.

    Raises:
        StartError: it cannot start; nothing was left behind.
    """
    require_containment()
    allow_descriptors()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except BaseExceptionGroup as group:
        raise _sole_start_error(group) or group from None
    if threading.active_count() > 1:
        # One waits for a pool process that outlives SIGKILL, and the interpreter would wait for it.
        say("ended, but for a process that cannot be killed; see the log")
        os._exit(0)


async def serve(config: Config) -> None:
    """Start, serve, drain: one node's life."""
    name = config.node.name or socket.gethostname()
    log_lines.begin(node=name)
    async with AsyncExitStack() as stack:
        try:
            node = await assemble(config, name, stack)
        except Unavailable as error:  # what could be reached a moment ago
            raise StartError(f"the start was cut short: {error}") from error
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(run(), name=name) for name, run in node.background_tasks.items()
            ]
            ended_in_time = await node.work()
            for task in tasks:
                task.cancel()
        # Else the lease runs out: others begin nothing before the warden has ended it here, or as
        # long as anybody can wait for what outlived SIGKILL.
        if ended_in_time and not node.unkillable:
            await node.lease.end()


def _sole_start_error(error: BaseException) -> StartError | None:
    """The start error in a group of nothing else: each task group on its way wrapped it once."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error if isinstance(error, StartError) else None
