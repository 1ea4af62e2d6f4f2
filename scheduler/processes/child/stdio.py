"""Redirects standard output and error of a pool process to the node, line by line.

At the level of file descriptors, so that child processes and C libraries are covered as well.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final, TextIO

LOG_FORMAT: Final = "%(levelname)s %(name)s: %(message)s"


class Stdio:
    """The standard output and error of this process, restored for every job."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        """Redirect both streams.

        Args:
            pipes: to write to; the one for standard output first.
        """
        # Kept open: a handler may close or replace descriptors 1 and 2.
        self._pipes = pipes
        self._streams = (_lines(1), _lines(2))
        self.restore()
        # Without effect where a handler file has configured logging already.
        logging.basicConfig(level=logging.INFO, format=LOG_FORMAT, stream=sys.stderr)

    def restore(self) -> None:
        """Restore what an earlier job may have closed, redirected or replaced."""
        for descriptor, pipe in enumerate(self._pipes, 1):
            os.dup2(pipe.fileno(), descriptor)
        if any(stream.closed for stream in self._streams):
            self._streams = (_lines(1), _lines(2))
        sys.stdout, sys.stderr = self._streams

    def flush(self) -> None:
        """Flush both streams, even where the job replaced them with other objects."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()


def _lines(descriptor: int) -> TextIO:
    """A line-buffered text file that accepts any text; lone surrogates are escaped."""
    return open(
        descriptor,
        "w",
        buffering=1,
        encoding="utf-8",
        errors="backslashreplace",
        closefd=False,
    )
