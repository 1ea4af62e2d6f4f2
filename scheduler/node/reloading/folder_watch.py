"""Notices that a file of the handlers folder was saved.

It looks at names, sizes and times, and where they differ, at the texts. The kernel would tell of a
save (inotify), but not where the folder is on a network, comes from another machine into a
container, or has links that are moved, and not where its watches are used up. A look takes less
than a millisecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from scheduler.core.errors import StartError
from scheduler.core.ports.clock import Clock
from scheduler.node.reloading.snapshots import taken
from scheduler.processes.child.loading.snapshot import Snapshot, python_files

LOOK_S: Final = 0.3
"""The pause between two looks. What was saved is loaded once two of them in a row are the same: an
editor may save several files, and write one in several steps."""
PAUSES: Final = 20
"""A look that takes long is followed by a pause this many times as long: it costs at most 5 %."""

log = structlog.get_logger()

Texts = Mapping[str, bytes]
Stamps = Mapping[Path, tuple[int, ...]]


class FolderWatch:
    """Looks at the handlers folder from time to time."""

    def __init__(
        self, folder: str, *, loaded: Snapshot, clock: Clock, on_saved: Callable[[], None]
    ) -> None:
        """Collaborators.

        Args:
            loaded: the folder as it was loaded at the start.
            on_saved: called when the texts of its files have changed.
        """
        self._folder = folder
        self._clock = clock
        self._on_saved = on_saved
        self._texts: Texts | None = _texts(loaded)
        """As they were when they were last loaded; None where they could not be read."""
        self._stamps: Stamps | None = None
        """Of the files when their texts were last compared."""

    async def run(self) -> None:
        """Look for ever."""
        log.info("the handlers are loaded anew on every save", folder=self._folder)
        before: Stamps | None = None
        while True:
            began = self._clock.monotonic()
            now = await asyncio.to_thread(stamps, self._folder)
            if now == before != self._stamps:
                self._stamps = now
                await self._compare()
            before = now
            await self._clock.sleep(max(LOOK_S, PAUSES * (self._clock.monotonic() - began)))

    async def _compare(self) -> None:
        try:
            texts: Texts | None = _texts(await asyncio.to_thread(taken, self._folder))
        except StartError:
            texts = None  # who loads them says so
        if texts != self._texts:
            self._texts = texts
            self._on_saved()


def _texts(snapshot: Snapshot) -> Texts:
    return {each.path: each.text for each in snapshot.sources.values()}


def stamps(folder: str) -> Stamps:
    """What changes when a file is saved, for each of the folder's; nothing where it is missing."""
    found = {}
    for file in python_files(Path(folder)):
        with suppress(OSError):  # it was removed a moment ago
            status = file.stat()
            found[file] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found
