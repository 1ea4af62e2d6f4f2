"""The node's side of what a pool process prints: a pipe for each stream, read as it comes.

Never until the end of file, which a process that the job started could put off for ever. What was
written before the job's end was told is in the pipes by then, and they hold little: it is read at
once, and whatever comes later belongs to nobody.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

import structlog

from scheduler.core.job_log import LogStream

Hear = Callable[[LogStream, bytes], None]

log = structlog.get_logger()

READ_BYTES: Final = 16 * 1024
"""Read at a time, so that a process that prints without end delays nobody."""
LAST_READS_MAX: Final = 8
"""How often a pipe is read at the end. It holds 64 KiB, and somebody may still be filling it."""
SHOWN_BYTES_MAX: Final = 1000
"""How much is shown of what comes when no job runs."""


class StdioPipes:
    """Two pipes from a pool process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hear: Hear = _unheard
        self._ours: dict[LogStream, Connection] = {}
        self._poll = select.poll()
        self.theirs: list[Connection] = []
        """The ends for the process, its standard output first."""
        for stream in (LogStream.STDOUT, LogStream.STDERR):
            ours, theirs = Pipe(duplex=False)
            os.set_blocking(ours.fileno(), False)
            self._loop.add_reader(ours.fileno(), self._read, stream)
            self._poll.register(ours.fileno(), select.POLLIN)
            self._ours[stream] = ours
            self.theirs.append(theirs)

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Let the process have its ends by the end of the block: ours of them are closed then."""
        try:
            yield
        finally:
            for pipe in self.theirs:
                pipe.close()

    def listen(self, hear: Hear) -> None:
        """Give all that comes from now on to this listener."""
        self._hear = hear

    def hush(self) -> None:
        """Read what is there; what comes later is for no listener."""
        if self._ours and self._poll.poll(0):  # most jobs print nothing: one look at both is cheap
            for stream in self._ours:
                for _ in range(LAST_READS_MAX):
                    if not self._read(stream):
                        break
        self._hear = _unheard

    def close(self) -> None:
        """Read what is there, and let go."""
        self.hush()
        for pipe in self._ours.values():
            self._loop.remove_reader(pipe.fileno())
            pipe.close()
        self._ours.clear()

    def _read(self, stream: LogStream) -> bool:
        """Pass on what is in a pipe, as much as is read at a time; whether it was anything."""
        descriptor = self._ours[stream].fileno()
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._hear(stream, data)
        else:  # nobody can write any more: it would be ready to be read for ever
            self._loop.remove_reader(descriptor)
        return bool(data)


def _unheard(stream: LogStream, data: bytes) -> None:
    """Show the operator what a pool process says when no job runs in it."""
    text = data[:SHOWN_BYTES_MAX].decode(errors="replace")
    log.warning("a pool process printed something between two jobs", stream=stream, text=text)
