"""A `Store`, a `Queue` and a `Clock` in memory that keep every promise of `scheduler.core.ports`.

    clock    time that passes when a test says so
    queue    a queue for each node, and the server that they share
    store    a store in a dictionary; rows: its jobs
    direct_start   of a node without workers
    slots    slots and pool processes that do what a test says

Only methods that promise to wait do wait, so a test decides what happens when. `away = True` makes
a store or a queue unreachable.
"""

from tests.fakes.clock import AT, FakeClock
from tests.fakes.direct_start import NoDirectStart
from tests.fakes.queue import MemoryQueue, MemoryServer
from tests.fakes.store import MemoryStore

__all__ = ["AT", "FakeClock", "MemoryQueue", "MemoryServer", "MemoryStore", "NoDirectStart"]
