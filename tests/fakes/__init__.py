"""A `Store`, a `Queue` and a `Clock` in memory, true to every sentence of `scheduler.core.ports`.

Nothing in them waits but what promises to wait, so a test decides what happens when. `away = True`
makes a store or a queue unreachable.
"""

from tests.fakes.clock import AT, FakeClock
from tests.fakes.queue import MemoryQueue, MemoryServer
from tests.fakes.store import MemoryStore

__all__ = ["AT", "FakeClock", "MemoryQueue", "MemoryServer", "MemoryStore"]
