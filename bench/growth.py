"""`make bench-growth`: what is slower with a million finished jobs than with a thousand.

Both databases are filled by a statement, not through the API, and hold what a month of work leaves:
finished jobs of a few users, and some that wait. Then the same calls of the store are timed on the
small and the large one in turns, so that what else the machine does falls on both alike. The ratio
of the medians is what counts; the retention's step is timed on the large one alone.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import asyncpg
import uvloop

from scheduler.clock import SystemClock, new_id
from scheduler.job import JsonText, NewJob, Node, Settlement, Status
from scheduler.store import open_store
from scheduler.sweeper import DELETE_BYTES_MAX, DELETE_MAX
from tests.postgres import running_postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scheduler.ports import Store

FEW, MANY = 1_000, 1_000_000
ROUNDS: Final = 200
STARTS: Final = 5
STEPS: Final = 20
PAGE: Final = 100
BYTES_MAX: Final = 8 * 1024 * 1024
NUMBERS: Final = {
    "sqlite": "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d)",
    "postgresql": "WITH n(n) AS (SELECT generate_series(1, %d))",
}
FILL: Final = """
INSERT INTO jobs (id, uid, task, status, attempt, token, undoable, node, created_at, started_at,
                  finished_at, bytes, data, result)
%s SELECT '019ab000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS text), 2), 'u' || n %% 3,
       'task' || n %% 7, 'successful', 1, 1, false, 'a', n, n, n, 80,
       '{"path": "/a/file/like/many/others.csv", "rows": 1000}', '{"rows": 1000}' FROM n
"""
HEAD: Final = (
    "| store | call | 1,000 finished jobs, ms | 1,000,000, ms | ratio |\n|---|---|--:|--:|--:|"
)


class House:
    """A store with so many finished jobs, and what is asked of it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self.store: Store

    async def fill(self, finished: int) -> None:
        """Make it, with its finished jobs."""
        async with open_store(self._url, data_dir=self._folder):
            pass
        if self._url.startswith("sqlite"):
            await asyncio.to_thread(self._fill_sqlite, FILL % (NUMBERS["sqlite"] % finished))
        else:
            connection = await asyncpg.connect(self._url)
            await connection.execute(FILL % (NUMBERS["postgresql"] % finished))
            await connection.execute("VACUUM ANALYZE")
            await connection.close()

    def _fill_sqlite(self, text: str) -> None:
        connection = sqlite3.connect(self._url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute(text)
        connection.close()

    async def start(self) -> None:
        """Open and close the store."""
        async with open_store(self._url, data_dir=self._folder) as store:
            await store.release_orphans(losses_max=3, at=SystemClock().now())
            await store.waiting(limit=PAGE)

    async def enter(self, stack: AsyncExitStack) -> None:
        """Open the store for good, as a node does."""
        self.store = await stack.enter_async_context(open_store(self._url, data_dir=self._folder))
        await self.store.register(
            Node(
                id="a",
                name="a",
                version="1",
                workers=1,
                tasks=(),
                running=0,
                beat=0,
                started_at=SystemClock().now(),
            )
        )

    async def live(self) -> None:
        """A job from its submission to its end: insert, claim, settle."""
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
        await self.store.insert([job])
        (claim,) = await self.store.claim([job.id], node_id="a", at=now)
        end = Settlement(
            id=job.id,
            token=claim.token,
            status=Status.SUCCESSFUL,
            at=now,
            result=JsonText("null"),
        )
        await self.store.settle([end])

    async def page(self) -> None:
        """The newest jobs of a user."""
        await self.store.page("u1", limit=PAGE, bytes_max=BYTES_MAX)

    async def rare_page(self) -> None:
        """The jobs of a user that run, where all others are finished."""
        wanted = {Status.QUEUED, Status.RUNNING}
        await self.store.page("u1", statuses=wanted, limit=PAGE, bytes_max=BYTES_MAX)

    async def sweep(self) -> None:
        """What the sweeper asks each second."""
        await self.store.release_orphans(losses_max=3, at=SystemClock().now())
        await self.store.waiting(limit=PAGE)

    async def delete(self) -> None:
        """One step of the retention."""
        await self.store.delete_finished(
            before=SystemClock().now(), limit=DELETE_MAX, bytes_max=DELETE_BYTES_MAX
        )


async def timed(call: Callable[[], Awaitable[None]]) -> float:
    """How many milliseconds it took."""
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


async def compare(name: str, few: House, many: House) -> None:
    """Time all calls on both, and print a line for each."""

    def row(call: str, pairs: list[tuple[float, float]]) -> None:
        small, large = (median(each) for each in zip(*pairs, strict=True))
        words = call.replace("_", " ")
        print(f"| {name} | {words} | {small:.2f} | {large:.2f} | {large / small:.2f} |", flush=True)

    row("start", [(await timed(few.start), await timed(many.start)) for _ in range(STARTS)])
    async with AsyncExitStack() as stack:
        await few.enter(stack)
        await many.enter(stack)
        for call in ("live", "page", "rare_page", "sweep"):
            ask_few, ask_many = getattr(few, call), getattr(many, call)
            row(call, [(await timed(ask_few), await timed(ask_many)) for _ in range(ROUNDS)])
        steps = [await timed(many.delete) for _ in range(STEPS)]
        print(f"| {name} | delete {DELETE_MAX} | – | {median(steps):.2f} | – |", flush=True)  # noqa: RUF001


async def measure(folder: Path, finished: int) -> None:
    """SQLite, then PostgreSQL."""
    print(HEAD.replace("1,000,000", f"{finished:,}"))
    with running_postgres() as server:
        async with server.connection() as connection:
            for schema in ("few", "many"):
                await connection.execute(f"CREATE SCHEMA {schema}")
        places = {
            "SQLite": [f"sqlite:///{folder / which}.db" for which in ("few", "many")],
            "PostgreSQL": [server.url(schema=which) for which in ("few", "many")],
        }
        for name, (small, large) in places.items():
            few, many = House(small, folder), House(large, folder)
            await few.fill(FEW)
            await many.fill(finished)
            await compare(name, few, many)


def main() -> None:
    """Fill, measure, print."""
    arguments = argparse.ArgumentParser(prog="make bench-growth", description=__doc__)
    arguments.add_argument("--finished", type=int, default=MANY)
    parsed = arguments.parse_args()
    with (
        TemporaryDirectory(prefix="growth-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(measure(Path(folder), parsed.finished))


if __name__ == "__main__":
    main()
