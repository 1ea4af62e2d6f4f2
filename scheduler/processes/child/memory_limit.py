"""Limits the memory that a job may use while its handler runs.

The limit is the soft RLIMIT_DATA. It covers heap and private mappings, including what the
interpreter and the handlers used before, and holds for the pool process and for each process that
the job starts, each on its own. Beyond it comes a MemoryError, or whatever a C library makes of it;
both are outcomes like others.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError
from scheduler.core.handler import Handler

LEFT_BYTES_MIN: Final = 8 * 1024 * 1024
"""What a job must have beside the interpreter and what its files import."""

UNLIMITED: Final = nullcontext()


class Memory:
    """Limits the memory of this process, and restores the limit that it had before any job."""

    def __init__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_DATA)
        self.short = False
        """Whether a job ran out of memory: what it left may be most of what there is."""

    def limited(self, memory_bytes: int | None) -> AbstractContextManager[None]:
        """Allow this many bytes in the block; None for as many as the machine allows."""
        _, hard = self._before
        if memory_bytes is None or 0 <= hard < memory_bytes:
            return UNLIMITED
        return _Limited((memory_bytes, hard), self._before)


class _Limited:
    """A block with a limit."""

    def __init__(self, limits: tuple[int, int], before: tuple[int, int]) -> None:
        self._limits, self._before = limits, before

    def __enter__(self) -> None:
        resource.setrlimit(resource.RLIMIT_DATA, self._limits)

    def __exit__(self, *_: object) -> None:
        # Fails where the handler lowered the hard limit: then this process is replaced.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, self._before)


def check_limits(handlers: Iterable[Handler]) -> None:
    """Refuse a limit that leaves a job nothing, because this process takes all of it already.

    Raises:
        StartError: the limit of a handler is too low.
    """
    taken = _data_bytes()
    for handler in handlers:
        allowed = handler.options.memory_bytes
        if allowed is not None and allowed < taken + LEFT_BYTES_MIN:
            raise StartError(
                f"{handler.location}: memory_bytes={allowed} is too low: a process takes"
                f" {taken} bytes once the handler files are loaded; allow at least"
                f" {taken + LEFT_BYTES_MIN}"
            )


def is_shortage(error: BaseException | None) -> bool:
    """Whether this error, or one that led to it, is that memory ran out."""
    for _ in range(100):  # a chain of causes may be a circle
        if error is None or isinstance(error, MemoryError):
            break
        error = error.__cause__ or error.__context__
    return isinstance(error, MemoryError)


def _data_bytes() -> int:
    """What RLIMIT_DATA counts of this process."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
