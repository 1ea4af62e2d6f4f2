"""A pool process's ends of its executor, which are none: what it could write, nobody reads.

The executor of `concurrent.futures` unpickles what comes through its queue of results, and to
unpickle is to run code. A pool process returns nothing: it is given one call, which ends with it.
So it gets no queue of results, and closes the queue of calls once it has that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from typing import Any, NoReturn


class NoResults:
    """The executor's queue of results: its thread waits for what never comes."""

    def __init__(self) -> None:
        # Never written to, and in no other process.
        self._reader = Connection(os.eventfd(0, os.EFD_CLOEXEC), writable=False)

    def __reduce__(self) -> tuple[type[NeverReturns], tuple[()]]:
        """What a pool process gets of it."""
        return NeverReturns, ()

    def close(self) -> None:
        """Close it; the executor does, once its process has ended."""
        self._reader.close()


class NeverReturns:
    """The same as the pool process sees it."""

    def put(self, _result: object) -> NoReturn:
        """End this process: its only call has failed, and what else would it do."""
        os._exit(1)


def close_calls(queues: Iterable[Queue[Any]]) -> None:
    """Close this process's ends of the queue of calls."""
    for queue in queues:
        queue._reader.close()  # type: ignore[attr-defined]  # noqa: SLF001
        queue._writer.close()  # type: ignore[attr-defined]  # noqa: SLF001
