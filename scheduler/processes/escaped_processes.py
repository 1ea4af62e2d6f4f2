"""Ends escaped processes, which left the tree of their job: they are found below the fork server.

    the pool process died by itself              all that its job started
    the job started a sibling of its process     `clone` with CLONE_PARENT
    the job switched the adoption off            PR_SET_CHILD_SUBREAPER, 0

Pool processes are below the fork server as well, and so are the survivors of SIGKILL, which belong
to a job that is not settled yet. Both are known, and are spared.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial

from scheduler.processes import tree


class EscapedProcesses:
    """Ends the processes below the fork server that are neither known nor spared."""

    def __init__(self, threads: Executor) -> None:
        self.forking = asyncio.Lock()
        """Held while a process is forked: until its number is known it looks escaped."""
        self._threads = threads
        self._spared: set[tree.Process] = set()

    def spare(self, processes: Iterable[tree.Process]) -> None:
        """Do not end these processes."""
        self._spared.update(processes)

    def forget(self, process: tree.Process) -> None:
        """Spare this process no longer."""
        self._spared.discard(process)

    async def end(self, fork_server: tree.Process) -> tree.Ended:
        """End every escaped process.

        Raises:
            OSError: the machine is out of something that is needed to see or end a process.
        """
        # A job may have stopped it, and a process that is being forked now waits for it.
        tree.send(fork_server, signal.SIGCONT)
        if not tree.lives(fork_server):
            # Nothing is below it, and its successor may load for long.
            return tree.Ended(frozenset(), ())
        async with self.forking:
            end = partial(_end, fork_server, frozenset(self._spared))
            ended, gone = await asyncio.get_running_loop().run_in_executor(self._threads, end)
            self._spared -= gone
            self._spared.update(ended.survivors)
        return ended


def _end(
    fork_server: tree.Process, spared: frozenset[tree.Process]
) -> tuple[tree.Ended, frozenset[tree.Process]]:
    """What was ended, and which of the spared processes are gone."""
    ended = tree.end_all_below(fork_server, spared=spared)
    return ended, frozenset(each for each in spared if not tree.is_there(each))
