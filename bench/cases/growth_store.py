"""A node's calls to its store, timed on one with few and one with many finished jobs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench.harness.series import Series
from bench.ours.filled_store import fill, finished
from scheduler.basics.clock import SystemClock, new_id
from scheduler.core.job import JsonText, NewJob, Node, Settlement, Status
from scheduler.core.ports.store import Store
from scheduler.node.sweeper import DELETE_BYTES_MAX, DELETE_MAX, LOOK_AFTER_USERS_MAX
from scheduler.store import open_store

ROUNDS: Final = 200
STARTS: Final = 5
STEPS: Final = 20
PAGE: Final = 100
BYTES_MAX: Final = 8 * 1024 * 1024
NODE: Final = "a"


async def live(store: Store) -> None:
    """A job from submission to end: insert, claim, settle."""
    now = SystemClock().now()
    job = NewJob(
        id=new_id(),
        uid="u1",
        task="task1",
        data=JsonText("null"),
        hook=None,
        undoable=False,
        created_at=now,
    )
    await store.insert([job])
    (claim,) = await store.claim([job.id], node_id=NODE, at=now)
    end = Settlement(
        id=job.id, token=claim.token, status=Status.SUCCESSFUL, at=now, result=JsonText("null")
    )
    await store.settle([end])


async def page(store: Store) -> None:
    """The newest jobs of a user."""
    await store.page("u1", limit=PAGE, bytes_max=BYTES_MAX)


async def rare_page(store: Store) -> None:
    """The queued and running jobs of a user, among many finished ones."""
    wanted = {Status.QUEUED, Status.RUNNING}
    await store.page("u1", statuses=wanted, limit=PAGE, bytes_max=BYTES_MAX)


async def sweep(store: Store) -> None:
    """What the sweeper looks up each second."""
    await store.release_orphans(losses_max=3, at=SystemClock().now())
    await store.lines(limit=LOOK_AFTER_USERS_MAX)


async def delete(store: Store) -> None:
    """One step of the retention."""
    await store.delete_finished(
        before=SystemClock().now(), limit=DELETE_MAX, bytes_max=DELETE_BYTES_MAX
    )


CALLS: Final = {"live": live, "page": page, "rare page": rare_page, "sweep": sweep}


async def compare_stores(
    name: str, urls: Sequence[str], counts: Sequence[int], *, folder: Path
) -> Sequence[Series]:
    """Fill a database for each count, and time each call on all of them in turn."""
    for url, count in zip(urls, counts, strict=True):
        await fill(url, data_dir=folder, rows=[finished(count)])
    of = partial(_series, name, counts)
    starts = await _in_turns(STARTS, [partial(_start, url, folder) for url in urls])
    all_series = [*of("start", starts)]
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(_opened(url, folder)) for url in urls]
        for what, call in CALLS.items():
            times = await _in_turns(ROUNDS, [partial(call, store) for store in stores])
            all_series += of(what, times)
        # Only on the large one: nothing would be left of the small one after two steps.
        steps = await _in_turns(STEPS, [partial(delete, stores[-1])])
        all_series += _series(name, counts[-1:], f"delete {DELETE_MAX}", steps)
    return all_series


def _series(
    name: str, counts: Sequence[int], what: str, times: Sequence[Sequence[float]]
) -> Sequence[Series]:
    """A row for each count; the others are compared with the first."""
    return [
        Series(
            measure=f"{name}, {what}, finished jobs",
            case=f"{count:,}",
            unit="ms",
            ours=count == counts[0],
            values=[median(found)],
        )
        for count, found in zip(counts, times, strict=True)
    ]


async def _in_turns(
    times: int, calls: Sequence[Callable[[], Awaitable[object]]]
) -> Sequence[Sequence[float]]:
    """The milliseconds of each call, round after round; one sequence for each call."""
    rounds = [[await timed_ms(call) for call in calls] for _ in range(times)]
    return list(zip(*rounds, strict=True))


async def timed_ms(call: Callable[[], Awaitable[object]]) -> float:
    """How many milliseconds the call took."""
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


async def _start(url: str, folder: Path) -> None:
    """Open the store with its first sweep, and close it."""
    async with open_store(url, data_dir=folder) as store:
        await sweep(store)


@asynccontextmanager
async def _opened(url: str, folder: Path) -> AsyncIterator[Store]:
    """An open store in which a node is registered, so that jobs can be claimed for it."""
    async with open_store(url, data_dir=folder) as store:
        await store.register(
            Node(
                id=NODE,
                name=NODE,
                version="1",
                workers=1,
                tasks=(),
                running=0,
                beat=0,
                started_at=SystemClock().now(),
            )
        )
        yield store
