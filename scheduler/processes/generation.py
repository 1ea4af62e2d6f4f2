"""One generation of the handlers: the folder as it was at one time, and a fork server that read it.

    generation 1   snapshot ─▶ fork server ─▶ pool processes      their running jobs go on
    generation 2   snapshot ─▶ fork server ─▶ pool processes      new jobs begin here

The first one uses the fork server that `multiprocessing` has; each further one brings its own, so
that the old one goes on as long as it has processes: they would lose their parent with it, and
nothing would find what their jobs leave behind.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, Final

from scheduler.processes import tree

PRELOAD: Final = "scheduler.processes.child.loading.preload"
"""What a fork server imports before it forks: a name, since the node must not import it."""
HANDLERS: Final = "ATLANSCHEDULER_HANDLERS"
"""The environment variable that tells a fork server where its snapshot is."""


class Generation:
    """A snapshot of the handlers, and the fork server whose processes run it."""

    def __init__(self, path: Path | None, *, server: Any) -> None:  # noqa: ANN401 - see below
        """Nothing starts yet.

        Args:
            path: of the snapshot, as `Snapshot.write` returned it.
            server: a `ForkServer`, whose end is not public.
        """
        self.path = path
        self.starting = 0
        """How many of its processes are being started."""
        self.abandoned = False
        """Whether it is given up before it was used."""
        self._server = server
        # Without __main__, each process of a node started with `python -m` would load it anew.
        server.set_forkserver_preload(["__main__", PRELOAD])

    @classmethod
    def first(cls) -> Generation:
        """The one whose snapshot the environment names, in the fork server of `multiprocessing`."""
        path = os.environ.get(HANDLERS)
        return cls(Path(path) if path else None, server=forkserver._forkserver)  # noqa: SLF001

    @classmethod
    def next(cls, path: Path) -> Generation:
        """One with a fork server of its own; the caller ends it."""
        return cls(path, server=forkserver.ForkServer())

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Have what `multiprocessing` starts in the block, and in threads of it, forked here."""
        vars(forkserver)["connect_to_new_process"] = _connect
        before = _FORKING.set(self)
        try:
            yield
        finally:
            _FORKING.reset(before)

    def connect(self, descriptors: Sequence[int]) -> tuple[int, int]:
        """Ask the fork server for a process, and start it first where it does not run.

        It may then import for long; other generations fork meanwhile.
        """
        with _STARTING:
            before = os.environ.get(HANDLERS)
            if self.path is not None:
                os.environ[HANDLERS] = str(self.path)
            try:
                self._server.ensure_running()
            finally:
                _restore(before)
        pipes: tuple[int, int] = self._server.connect_to_new_process(descriptors)
        return pipes

    def kill(self) -> None:
        """Kill the fork server and all that is below it; this blocks."""
        pid = self._server._forkserver_pid  # noqa: SLF001
        found = None if pid is None else tree.stat(pid)
        if found is not None and found.parent == os.getpid():
            tree.end_all_below(found.process)
            tree.kill(found.process)

    def end(self) -> None:
        """Kill them, and remove the snapshot; this blocks. No process of it may be starting."""
        self.kill()
        with suppress(OSError):  # it may have been reaped already
            self._server._stop()  # noqa: SLF001
        if self.path is not None:
            shutil.rmtree(self.path.parent, ignore_errors=True)


def _connect(descriptors: Sequence[int]) -> tuple[int, int]:
    """Replaces `multiprocessing.forkserver.connect_to_new_process`, which knows only one."""
    return (_FORKING.get() or Generation.first()).connect(descriptors)


def _restore(path: str | None) -> None:
    if path is None:
        os.environ.pop(HANDLERS, None)
    else:
        os.environ[HANDLERS] = path


_FORKING: Final[ContextVar[Generation | None]] = ContextVar("generation", default=None)
_STARTING: Final = threading.Lock()
"""Held while the environment has the snapshot of a fork server that starts."""
