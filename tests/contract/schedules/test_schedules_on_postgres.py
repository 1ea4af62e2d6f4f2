"""Schedules that several nodes look after at once, each by connections of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg

from scheduler.core.job import HoldReason
from scheduler.store import open_store
from tests.contract.schedules.making import hours
from tests.contract.schedules.test_schedules import fired, let_go, put
from tests.support.eventually import eventually


async def test_nodes_that_look_at_once_let_one_job_of_a_schedule_go(
    postgres_url: str, tmp_path: Path
) -> None:
    """The first lets one go that waited for its turn, as another one comes that replaces it."""
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(open_store(postgres_url, data_dir=tmp_path))
            for _ in range(2)
        ]
        user = await asyncpg.connect(postgres_url)
        stack.push_async_callback(user.close)
        await put(one)
        (first,) = await fired(one, hours(1), held=HoldReason.OVERLAP)
        transaction = user.transaction()
        await transaction.start()
        await user.fetch("SELECT id FROM jobs WHERE id = $1 FOR UPDATE", first.id)

        async with asyncio.TaskGroup() as group:
            let_go_here = group.create_task(let_go(one))
            await eventually(lambda: _waits_for_a_lock(user))
            await fired(other, hours(2), held=HoldReason.REPLACE)
            let_go_there = group.create_task(let_go(other))
            await asyncio.wait([let_go_there], timeout=0.3)
            await transaction.commit()

        assert (let_go_here.result(), let_go_there.result()) == ([first.id], [])


async def _waits_for_a_lock(user: asyncpg.Connection) -> bool:
    return bool(await user.fetchval("SELECT bool_or(NOT granted) FROM pg_locks"))
