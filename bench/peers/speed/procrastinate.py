"""Procrastinate, on PostgreSQL: which is durable, as our node is; several workers are started."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from procrastinate import App, PsycopgConnector

from bench.jobs import counting
from bench.peers.speed.commands import POSTGRES, WORKERS, main

logging.getLogger("procrastinate").setLevel(logging.ERROR)  # as quiet as the others
app = App(connector=PsycopgConnector(conninfo=POSTGRES))


@app.task(name="count")  # type: ignore[untyped-decorator]  # not in our environment
async def count(value: float) -> None:
    """Compute for this many milliseconds, and count the job."""
    counting.count(value)


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await app.configure_task(task).defer_async(value=value)


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Connect, and create the tables where they are missing."""
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        yield


if __name__ == "__main__":
    main(
        submit,
        *("procrastinate", "--app", "bench.peers.speed.procrastinate.app", "worker"),
        *("--concurrency", "20"),
        session=session(),
        copies=int(WORKERS),
    )
