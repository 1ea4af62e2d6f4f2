"""Updates of two rows in one transaction: the second is locked by another connection."""

from __future__ import annotations

import os
from typing import Any

import psycopg
from sqlalchemy import text

from scheduler import handler

from ..accounts import connections
from ..orders import Session
from .note import noted

MINE, LOCKED = 1, 2
UPDATE = "UPDATE locked_rows SET number = number + 1 WHERE id = "


@handler("row_lock_psycopg")
def row_lock_psycopg(data: Any) -> None:
    """Wait for the lock in a blocking call: {"options": "-c …"}."""
    url, options = os.environ["DATABASE_URL"], data.get("options")
    with noted(data["note"]), psycopg.connect(url, options=options) as connection:
        for row in (MINE, LOCKED):
            connection.execute(f"{UPDATE} %s", [row])


@handler("row_lock_psycopg_async")
async def row_lock_psycopg_async(data: Any) -> None:
    """Wait for the lock in a coroutine: {}."""
    with noted(data["note"]):
        async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"]) as connection:
            for row in (MINE, LOCKED):
                await connection.execute(f"{UPDATE} %s", [row])


@handler("row_lock_sqlalchemy")
def row_lock_sqlalchemy(data: Any) -> None:
    """Wait for the lock in a session: {}."""
    with noted(data["note"]), Session() as session, session.begin():
        for row in (MINE, LOCKED):
            session.execute(text(f"{UPDATE} :id"), {"id": row})


@handler("row_lock_asyncpg")
async def row_lock_asyncpg(data: Any) -> None:
    """Wait for the lock with a connection of a pool: {}."""
    with noted(data["note"]):
        async with (await connections()).acquire() as connection, connection.transaction():
            for row in (MINE, LOCKED):
                await connection.execute(f"{UPDATE} $1", row)
