"""Stores on real databases for tests, and functions that bring jobs into a state.

    url     an empty store for one test; a test runs once for each database
    store   that store, open

Put `from tests.support.stores import store, url` into a conftest to use them, with those of
`tests.support.servers.postgres`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from scheduler.core.dependencies.declaration import After, AfterIf, Predecessor
from scheduler.core.job import (
    AT_ONCE,
    Claim,
    Death,
    Failure,
    Job,
    JsonText,
    NewJob,
    Node,
    Order,
    Progress,
    Rerun,
    Settlement,
    Status,
    WaitingJob,
)
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.support.eventually import eventually

AT: Final = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)
DEATH: Final = Death(signal="SIGTERM", processes=2, survivors=0)
BYTES_MAX: Final = 1_000_000

_numbers = count(1)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    postgres_url: str = request.getfixturevalue("postgres_url")
    return postgres_url


@pytest.fixture
async def store(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(url, data_dir=tmp_path) as opened:
        yield opened


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def new(
    uid: str = "u1",
    *,
    task: str = "task1",
    data: str = '{"n": 30}',
    undoable: bool = False,
    key: str | None = None,
    fingerprint: str | None = None,
    hook: str | None = None,
    parent: str | None = None,
    traceparent: str | None = None,
    order: Order = AT_ONCE,
    rerun: Rerun | None = None,
    after: After | None = None,
    awaited: bool = False,
) -> NewJob:
    """A job with an id greater than those of all before it."""
    return NewJob(
        id=f"019ab000-0000-7000-8000-{next(_numbers):012x}",
        uid=uid,
        task=task,
        data=JsonText(data),
        hook=hook,
        parent=parent,
        traceparent=traceparent,
        undoable=undoable,
        created_at=AT,
        idempotency_key=key,
        fingerprint=fingerprint,
        order=order,
        rerun=rerun,
        after=after,
        awaited=awaited,
    )


def after(*ids: str, if_: AfterIf = AfterIf.SUCCESS) -> After:
    """What a job comes after."""
    return After(tuple(map(Predecessor, ids)), if_)


def untimed(job: Job) -> Job:
    """The job without the time at which the store took it, which no test knows."""
    return replace(job, eligible_at=None)


def node(
    id_: str = "a1", *, name: str = "node-a", labels: Sequence[str] = (), only: Sequence[str] = ()
) -> Node:
    return Node(
        id=id_,
        name=name,
        version="1.0",
        workers=2,
        tasks=("task1", "task2"),
        running=0,
        beat=0,
        started_at=AT,
        labels=tuple(labels),
        only=tuple(only),
    )


def end(
    claim: Claim,
    status: Status = Status.SUCCESSFUL,
    *,
    error: Failure | None = None,
    progress: Progress | None = None,
    death: Death | None = None,
    ended_s: float = 9,
) -> Settlement:
    """The settlement of an attempt that ended with this status."""
    return Settlement(
        id=claim.id,
        token=claim.token,
        status=status,
        at=later(ended_s),
        result=JsonText('"done"') if status is Status.SUCCESSFUL else None,
        error=error,
        progress=progress,
        death=death,
    )


async def queued(store: Store, uid: str = "u1", *, undoable: bool = False) -> str:
    """Insert a job that waits for a worker; its id."""
    (job,) = (await store.insert([new(uid, undoable=undoable)])).jobs
    return job.id


async def held(store: Store, uid: str = "u1", *, undoable: bool = False) -> str:
    """Insert a job that waits for tomorrow; its id."""
    order = Order(delay_s=86_400)
    (job,) = (await store.insert([new(uid, undoable=undoable, order=order)])).jobs
    return job.id


async def promoted(store: Store) -> Sequence[str]:
    """The ids of the jobs that are promoted, once there are some."""
    found: Sequence[str] = ()

    async def some() -> bool:
        nonlocal found
        found = [each.id for each in await store.promote(limit=100)]
        return bool(found)

    await eventually(some)
    return found


async def claimed(store: Store, job_id: str, *, node_id: str = "a1") -> Claim:
    """Claim a waiting job for a node, which is registered first."""
    await store.register(node(node_id))
    (claim,) = await store.claim([job_id], node_id=node_id, at=later(1))
    return claim


async def running(store: Store, *, undoable: bool = False, node_id: str = "a1") -> Claim:
    """Insert and claim a job."""
    return await claimed(store, await queued(store, undoable=undoable), node_id=node_id)


async def abort(
    store: Store, job_id: str, uid: str = "u1", *, grace_s: float | None = 1.5
) -> Job | None:
    """Request the abort of a job; the job as its user sees it."""
    return await store.request_abort(job_id, uid=uid, reason="enough", grace_s=grace_s, at=later(5))


async def cleaning(store: Store, *, node_id: str = "a1") -> Claim:
    """Abort a job and claim its clean-up."""
    claim = await running(store, undoable=True, node_id=node_id)
    await abort(store, claim.id)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    return await claimed(store, claim.id, node_id=node_id)


async def known(store: Store, job_id: str) -> Job:
    """A job that must exist."""
    job = await store.get(job_id)
    assert job is not None
    return job


def waiting(*ids: str, uid: str = "u1", turn_ms: int = 0) -> list[WaitingJob]:
    """Jobs of one user, in the order of their ids."""
    return [WaitingJob(job_id, uid, turn_ms) for job_id in ids]


async def ids_waiting(store: Store) -> list[str]:
    """All that wait in a store."""
    return [job.id async for page in store.pages_of_waiting(page=100) for job in page]


async def ids_in_turn(store: Store) -> list[str]:
    """All that wait in a store that has one user's jobs, those with and without needs together."""
    jobs = [job async for page in store.pages_of_waiting(page=100) for job in page]
    return ids_of(sorted(jobs, key=lambda job: (job.turn_ms, job.id)))


def ids_of(jobs: Iterable[WaitingJob]) -> list[str]:
    """Their ids."""
    return [job.id for job in jobs]
