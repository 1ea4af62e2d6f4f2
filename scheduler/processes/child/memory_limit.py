"""Limits the memory that a job may use while its handler runs.

The limit is the soft RLIMIT_DATA. It covers heap and private mappings, including what the
interpreter and the handlers used before, and holds for the pool process and for each process that
the job starts, each on its own. Beyond it comes a MemoryError, or whatever a C library makes of it;
both are outcomes like others.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Memory:
    """Limits the memory of this process, and restores the limit that it had before any job."""

    def __init__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_DATA)

    @contextmanager
    def limited(self, memory_bytes: int | None) -> Iterator[None]:
        """Allow this many bytes in the block; None for as many as the machine allows."""
        _, hard = self._before
        if memory_bytes is None or 0 <= hard < memory_bytes:
            yield
            return
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, hard))
        try:
            yield
        finally:
            # Fails where the handler lowered the hard limit: then this process is replaced.
            with suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_DATA, self._before)
