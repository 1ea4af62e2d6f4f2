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
        self._looks = 0
        """How many looks have begun, below whichever fork server; one at a time."""
        self._complete: dict[tree.Process, int] = {}
        """Which of them was the last that is complete, for each fork server."""
        self._unclaimed: frozenset[tree.Process] = frozenset()
        """What died in looks; a job's own look may come too late to meet it."""

    def spare(self, processes: Iterable[tree.Process]) -> None:
        """Do not end these processes."""
        self._spared.update(processes)

    def forget(self, process: tree.Process) -> None:
        """Spare this process no longer."""
        self._spared.discard(process)

    def claim(self) -> frozenset[tree.Process]:
        """What died in looks since the last call: of a job whose process died, or nobody's."""
        unclaimed, self._unclaimed = self._unclaimed, frozenset()
        return unclaimed

    def disclaim(self, processes: frozenset[tree.Process]) -> None:
        """These were met below their job's own process already."""
        self._unclaimed -= processes

    async def end(self, fork_server: tree.Process) -> tree.Ended:
        """End every escaped process.

        A look that begins after this call does for it, whoever began that: aborts that meet share
        one. What it met is told to one of them, and is there to be claimed.

        Raises:
            OSError: the machine is out of something that is needed to see or end a process.
        """
        # A job may have stopped it, and a process that is being forked now waits for it.
        tree.send(fork_server, signal.SIGCONT)
        if not tree.lives(fork_server):
            # Nothing is below it, and its successor may load for long.
            return tree.Ended(frozenset(), ())
        before = self._looks
        async with self.forking:
            if self._complete.get(fork_server, 0) > before:
                return tree.Ended(frozenset(), ())
            self._looks = this = self._looks + 1
            end = partial(_end, fork_server, frozenset(self._spared))
            ended, gone = await asyncio.get_running_loop().run_in_executor(self._threads, end)
            self._complete = {fork_server: this}
            self._spared -= gone
            self._spared.update(ended.survivors)
            self._unclaimed |= ended.met.difference(ended.survivors)
        return ended


def _end(
    fork_server: tree.Process, spared: frozenset[tree.Process]
) -> tuple[tree.Ended, frozenset[tree.Process]]:
    """What was ended, and which of the spared processes are gone."""
    ended = tree.end_all_below(fork_server, spared=spared)
    return ended, frozenset(each for each in spared if not tree.is_there(each))
