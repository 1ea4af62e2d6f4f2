"""A pool process's ends of its executor, which are none: what it could write, nobody reads.

The executor of `concurrent.futures` unpickles what comes through its queue of results, and to
unpickle is to run code. A pool process returns nothing: it is given one call, which ends with it.
So it gets no queue of results, and closes the queue of calls once it has that one.

One process writes to that queue and one reads from it. So its locks need not be shared, and no
semaphores: these are files in /dev/shm, which a machine may lack.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.queues import Queue
from threading import BoundedSemaphore
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


class OwnSemaphore:
    """Counts the calls in the queue, in each process for itself; a lock where there may be one.

    The node puts two into the queue, its call and the end, and so never waits for one to be taken.
    """

    def __init__(self, value: int) -> None:
        self._value = value
        self._semaphore = BoundedSemaphore(value)

    def __reduce__(self) -> tuple[type[OwnSemaphore], tuple[int]]:
        """What a pool process gets of it: one of its own, with nothing taken."""
        return OwnSemaphore, (self._value,)

    @property
    def _semlock(self) -> OwnSemaphore:
        """What `multiprocessing` asks for `_is_zero`."""
        return self

    def _is_zero(self) -> bool:
        return self._semaphore._value == 0  # noqa: SLF001 - there is no other way to see it

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as it is called
        """See `multiprocessing.Semaphore`."""
        return self._semaphore.acquire(block, timeout)

    def release(self) -> None:
        """See `multiprocessing.Semaphore`; one that was acquired in the other process is passed."""
        with suppress(ValueError):
            self._semaphore.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


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
