"""A query with psycopg, which waits in C until the server answers."""

from __future__ import annotations

import os
from typing import Any

import psycopg

from scheduler import handler


@handler("query")
def query(data: Any) -> Any:
    """Add up the numbers to `n`: {"n": 10}; wait in the query: {"wait_s": 60}."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(x), pg_sleep(%s) IS NULL FROM generate_series(1, %s) x",
            (data.get("wait_s", 0), data["n"]),
        )
        row = cursor.fetchone()
    return row[0]
