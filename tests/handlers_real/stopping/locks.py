"""Files that are locked while the handler works."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from scheduler import handler

from ..hold import reached
from .note import noted

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


def rows(hold: str) -> Iterator[tuple[int]]:
    """Yield rows for ever."""
    number = 0
    while True:
        yield (number,)
        number = (number + 1) % 1000
        reached(hold)


@handler("lock_sqlite_rows")
def lock_sqlite_rows(data: Any) -> None:
    """Replace rows of a table for ever in one transaction: {"db": path, "hold": path}."""
    with noted(data["note"]), closing(sqlite3.connect(data["db"])) as database, database:
        database.executemany("INSERT OR REPLACE INTO numbers VALUES (?)", rows(data["hold"]))


@handler("lock_sqlite_statement")
def lock_sqlite_statement(data: Any) -> None:
    """Write in one statement that never ends: {"db": path, "hold": path}."""
    with noted(data["note"]), closing(sqlite3.connect(data["db"])) as database, database:
        database.execute("INSERT INTO numbers VALUES (1)")
        reached(data["hold"])
        database.execute(f"INSERT INTO numbers {ENDLESS}")


@handler("lock_flock")
def lock_flock(data: Any) -> None:
    """Lock a file and wait for another lock: {"mine": path, "locked": path, "hold": path}."""
    with (
        noted(data["note"]),
        Path(data["mine"]).open() as mine,
        Path(data["locked"]).open() as other,
    ):
        fcntl.flock(mine, fcntl.LOCK_EX)
        reached(data["hold"])
        fcntl.flock(other, fcntl.LOCK_EX)
