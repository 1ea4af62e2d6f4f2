"""A limit on what a job may take of the machine's memory, while its handler runs.

It is the soft RLIMIT_DATA: heap and private mappings, whatever the interpreter and the handlers had
before among them, for the pool process and, each for itself, for what the job starts. What goes
beyond is a MemoryError, or whatever a C library makes of it; both are outcomes like others.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Memory:
    """This process's limit, as it was before any job."""

    def __init__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_DATA)

    @contextmanager
    def limited(self, memory_bytes: int | None) -> Iterator[None]:
        """Allow so many bytes until the end of the block; None for what the machine allows."""
        _, hard = self._before
        if memory_bytes is None or 0 <= hard < memory_bytes:
            yield
            return
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, hard))
        try:
            yield
        finally:
            # Not possible where the handler lowered the hard limit: then this process is replaced.
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_DATA, self._before)
