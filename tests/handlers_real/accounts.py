"""A pool of asyncpg's connections, which is kept in the module from the first job on."""

from __future__ import annotations

import os
from typing import Any

import asyncpg

from scheduler import handler

pool: Any = None


async def connections() -> Any:
    """The pool of this process."""
    global pool
    if pool is None:
        pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=3)
    return pool


@handler("accounts")
async def accounts(data: Any) -> Any:
    """Add up what a transaction wrote: {"amounts": [1, 2]}; wait in it: {"wait_s": 60}."""
    async with (await connections()).acquire() as connection, connection.transaction():
        await connection.execute("CREATE TEMPORARY TABLE amounts (amount int) ON COMMIT DROP")
        rows = [(amount,) for amount in data["amounts"]]
        await connection.executemany("INSERT INTO amounts VALUES ($1)", rows)
        await connection.execute("SELECT pg_sleep($1)", data.get("wait_s", 0))
        return await connection.fetchval("SELECT sum(amount) FROM amounts")
