"""The node's side of what a pool process prints: a pipe for each stream, read as output comes.

They are not read to the end of file: a process that the job started could delay that for ever. What
was written before the job's end frame is in the pipes when that arrives, and they hold little. So
it is read then, at once; whatever comes later belongs to no job.
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

OnOutput = Callable[[LogStream, bytes], None]

log = structlog.get_logger()

READ_BYTES: Final = 16 * 1024
"""Read at a time: little, so that a process that prints without end does not block the loop."""
LAST_READS_MAX: Final = 8
"""How often a pipe is read at the end. It holds 64 KiB, and a process may still be filling it."""
SHOWN_BYTES_MAX: Final = 1000
"""How much is logged of one piece of output that comes while no job runs."""


class StdioPipes:
    """Two pipes from a pool process."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_output: OnOutput = _log_unexpected
        self._on_unread: Callable[[], None] | None = None
        self._ours: dict[LogStream, Connection] = {}
        self._poll = select.poll()
        self.theirs: list[Connection] = []
        """The ends for the pool process; that for standard output first."""
        for stream in (LogStream.STDOUT, LogStream.STDERR):
            ours, theirs = Pipe(duplex=False)
            os.set_blocking(ours.fileno(), False)
            self._loop.add_reader(ours.fileno(), self._on_readable, stream)
            self._poll.register(ours.fileno(), select.POLLIN)
            self._ours[stream] = ours
            self.theirs.append(theirs)

    @contextmanager
    def handed_over(self) -> Iterator[None]:
        """Close our copies of `theirs` after the block, which passes them to the process."""
        try:
            yield
        finally:
            for pipe in self.theirs:
                pipe.close()

    def listen(self, on_output: OnOutput) -> None:
        """Call `on_output` with everything that is printed from now on, or is unread."""
        self._on_output = on_output
        self._on_unread = None

    def leave_unread(self, on_unread: Callable[[], None]) -> None:
        """Read nothing until the next `listen`; call `on_unread` if there is something to read."""
        self._on_unread = on_unread

    def stop_listening(self) -> None:
        """Read what has been printed so far; what comes later belongs to no job."""
        if self._ours and self._poll.poll(0):  # most jobs print nothing: one poll of both is cheap
            for stream in self._ours:
                for _ in range(LAST_READS_MAX):
                    if not self._read(stream):
                        break
        self._on_output = _log_unexpected

    def close(self) -> None:
        """Read what has been printed so far, and close the pipes."""
        self.stop_listening()
        for pipe in self._ours.values():
            self._loop.remove_reader(pipe.fileno())
            pipe.close()
        self._ours.clear()

    def _on_readable(self, stream: LogStream) -> None:
        if self._on_unread is not None:
            self._on_unread()
        else:
            self._read(stream)

    def _read(self, stream: LogStream) -> bool:
        """Pass on up to `READ_BYTES` from a pipe; whether there was anything."""
        descriptor = self._ours[stream].fileno()
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._on_output(stream, data)
        else:  # end of file: the pipe would stay readable for ever
            self._loop.remove_reader(descriptor)
        return bool(data)


def _log_unexpected(stream: LogStream, data: bytes) -> None:
    """Log what a pool process prints while no job runs in it."""
    text = data[:SHOWN_BYTES_MAX].decode(errors="replace")
    log.warning("a pool process printed something between two jobs", stream=stream, text=text)
