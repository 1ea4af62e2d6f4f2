"""What jobs left outside of their processes: it is below the fork server, and is ended there.

    a pool process died by itself       all that came from its job
    a job made itself a sibling         `clone` with CLONE_PARENT
    a job would not adopt any more      PR_SET_CHILD_SUBREAPER, 0

The pool processes are below it as well, and so is what outlived SIGKILL, for which its own job
answers: these are known, and spared.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial

from scheduler.processes import tree


class EscapedProcesses:
    """The processes below the fork server that nobody answers for."""

    def __init__(self, threads: Executor) -> None:
        self.forking = asyncio.Lock()
        """Held while a process is forked: until its number is known it looks like an orphan."""
        self._threads = threads
        self._spared: set[tree.Process] = set()
        self._met: set[tree.Process] = set()

    def spare(self, processes: Iterable[tree.Process]) -> None:
        """Somebody answers for these."""
        self._spared.update(processes)

    def meet(self, fork_server: tree.Process) -> None:
        """Spare what a new fork server has below it: the handlers' files started it, and no job."""
        if fork_server not in self._met:
            self._met.add(fork_server)
            self.spare(child.process for child in tree.children(fork_server))

    def disown(self, process: tree.Process) -> None:
        """Nobody answers for this one any more."""
        self._spared.discard(process)

    async def end(self, fork_server: tree.Process) -> tree.Ended:
        """End all that nobody answers for.

        Raises:
            OSError: the machine is short of something that is needed to see or end a process.
        """
        # A job may have stopped it, and whoever forks just now waits for it.
        tree.send(fork_server, signal.SIGCONT)
        if not tree.lives(fork_server):
            return tree.Ended(0, ())  # nothing is below it; the next one may be loading for long
        async with self.forking:
            end = partial(_end, fork_server, frozenset(self._spared))
            ended, gone = await asyncio.get_running_loop().run_in_executor(self._threads, end)
            self._spared -= gone
            self._spared.update(ended.survivors)
        return ended


def _end(
    fork_server: tree.Process, spared: frozenset[tree.Process]
) -> tuple[tree.Ended, frozenset[tree.Process]]:
    """What was ended, and which of those spared are not there any more."""
    ended = tree.end_below(fork_server, spared=spared)
    return ended, frozenset(each for each in spared if not tree.is_there(each))
