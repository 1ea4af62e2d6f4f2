"""Redirects standard output and error of a pool process to the node, line by line.

At the level of file descriptors, so that child processes and C libraries are covered as well.

Output must reach the log of the job that wrote it. So everything is flushed at the end of a job:
the streams of this process, those that handler files imported or that a job replaced, and the
buffers of the C library.
"""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import sys
import termios
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final, TextIO

LOG_FORMAT: Final = "%(levelname)s %(name)s: %(message)s"
ERRORS: Final = "backslashreplace"
SETTINGS: Final[Mapping[str, Any]] = {
    "encoding": "utf-8",
    "errors": ERRORS,
    "line_buffering": True,
}
_SYS: Final = vars(sys)
_flush_c_streams: Final = ctypes.PyDLL(None).fflush  # it takes less than to release the GIL


class Stdio:
    """The standard streams of this process, restored for every job."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        """Redirect output and error.

        Args:
            pipes: to write to; the one for standard output first.
        """
        # Kept open: a handler may close or replace descriptors 0 to 2.
        self._sources = (os.open(os.devnull, os.O_RDONLY), *(each.fileno() for each in pipes))
        self._redirected = tuple(enumerate(self._sources))
        self._pipes = pipes
        self._unread = array("i", [0])
        self._first = (sys.stdout, sys.stderr)
        """What handler files, and the packages that they import, may have kept."""
        self._stdin = sys.stdin
        self._streams = self._first
        self.restore()

    def restore(self) -> bool:
        """Restore what a job has closed, redirected, replaced or wrapped; whether that is possible.

        It is not where it closed a stream that handler files have kept since they were loaded.
        """
        for descriptor, source in self._redirected:
            os.dup2(source, descriptor)
            if not os.get_blocking(descriptor):  # the same for all who have the pipe
                os.set_blocking(descriptor, True)
        output, error = self._streams
        if not (self._are_ours() and _is_whole(output) and _is_whole(error)):
            for stream in self._first:
                with suppress(ValueError):  # it is closed or detached
                    stream.reconfigure(**SETTINGS)  # type: ignore[union-attr]
            self._streams = (_lines(1), _lines(2))
            sys.stdout, sys.stderr = self._streams
        if self._stdin.closed:
            self._stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
        sys.stdin = self._stdin
        STANDARD_ERROR.replaced = None
        return self._streams is self._first or not any(map(_is_closed, self._first))

    def flush(self) -> None:
        """Flush all streams, also those with which the job replaced ours, and C's."""
        streams: tuple[Any, ...] = self._first
        if self._streams is not self._first or not self._are_ours():
            streams += (*self._streams, _SYS.get("stdout"), _SYS.get("stderr"))
        for stream in streams:
            try:  # noqa: SIM105 - `suppress` takes longer than to flush
                stream.flush()
            except BaseException:  # noqa: BLE001, S110 - a job's own stream may raise anything
                pass
        _flush_c_streams(None)

    def has_unread(self) -> bool:
        """Whether there is output in the pipes that the node has not read yet."""
        _, output, error = self._sources
        return self._size(output) > 0 or self._size(error) > 0

    def _size(self, pipe: int) -> int:
        """How many bytes are in a pipe."""
        fcntl.ioctl(pipe, termios.FIONREAD, self._unread)
        return self._unread[0]

    def _are_ours(self) -> bool:
        """Whether the streams are those of this object; a job may also have deleted them."""
        output, error = self._streams
        return _SYS.get("stdout") is output and _SYS.get("stderr") is error


class StandardError(logging.StreamHandler[TextIO]):
    """Logs to what `sys.stderr` is at the time: jobs replace it, and it is made anew."""

    def __init__(self) -> None:
        self.replaced: TextIO | None = None
        """What a job has set instead, with `setStream`."""
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(LOG_FORMAT))

    @property
    def stream(self) -> TextIO:
        """The stream to write to."""
        return self.replaced or sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        self.replaced = stream


STANDARD_ERROR: Final = StandardError()


def set_up_logging() -> None:
    """Have loggers print, unless a handler file has configured the root logger itself.

    A message that is logged at import makes `logging` configure a stream of that moment, with no
    level: that is replaced as well.
    """
    handlers = logging.root.handlers
    made = [type(each) is logging.StreamHandler and each.stream is sys.stderr for each in handlers]
    plain = [each.formatter and each.formatter._fmt == logging.BASIC_FORMAT for each in handlers]  # noqa: SLF001
    if all(made) and all(plain):
        handlers[:] = [STANDARD_ERROR]


def line_buffered() -> tuple[TextIO, TextIO]:
    """Streams for this process and its children, whatever its descriptors are now.

    A stream that is made for a file cannot be used for a pipe, so they are made for one.
    """
    reader, writer = os.pipe()
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    for descriptor in (1, 2):
        os.dup2(writer, descriptor)
    streams = (_lines(1), _lines(2))
    for descriptor, before in zip((1, 2), kept, strict=True):
        os.dup2(before, descriptor)
        os.close(before)
    os.close(reader)
    os.close(writer)
    return streams


@contextmanager
def output_as_errors() -> Iterator[None]:
    """Write standard output to standard error in the block."""
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _is_closed(stream: TextIO) -> bool:
    try:
        return stream.closed
    except ValueError:  # detached
        return True


def _is_whole(stream: TextIO) -> bool:
    """Whether a stream writes as at first, and nothing else has its buffer, and may close it."""
    try:
        return bool(
            stream.line_buffering
            and stream.errors == ERRORS
            and sys.getrefcount(stream.buffer) == UNSHARED
            and not stream.closed
        )
    except ValueError:  # detached
        return False


def _lines(descriptor: int) -> TextIO:
    """A line-buffered text file that accepts any text; lone surrogates are escaped."""
    stream = open(descriptor, "w", closefd=False)  # noqa: SIM115 - for the life of this process
    stream.reconfigure(**SETTINGS)
    return stream


_example: Final = _lines(1)
UNSHARED: Final = sys.getrefcount(_example.buffer)
"""The count of references to a buffer that has only its stream, as `_is_whole` sees it."""
