"""Jobs with unique keys for tests of stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scheduler.core.job import AT_ONCE, Claim, NewJob, OnConflict, Order, Status, Unique
from scheduler.core.ports.store import Inserted, Store
from tests.support.stores import DEATH, claimed, end, ids_of, new

EXISTING, REJECT, REPLACE = OnConflict


def keyed(
    on_conflict: OnConflict = EXISTING,
    *,
    key: str = "k",
    uid: str = "u1",
    task: str = "task1",
    undoable: bool = False,
    order: Order = AT_ONCE,
) -> NewJob:
    """A new job with a unique key."""
    plain = new(uid, task=task, undoable=undoable, order=order)
    return replace(plain, unique=Unique(key, on_conflict), submitted_by="web")


async def submit(store: Store, *jobs: NewJob) -> Inserted:
    return await store.insert(jobs)


async def running(store: Store, job: NewJob) -> Claim:
    await submit(store, job)
    return await claimed(store, job.id)


async def let_go(store: Store) -> Sequence[str]:
    """Let go what may begin; the ids of what waits for a worker then."""
    return ids_of((await store.let_go_unique(limit=9)).waiting)


async def die(store: Store, claim: Claim) -> None:
    """Have an attempt end as one does whose abort was requested."""
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
