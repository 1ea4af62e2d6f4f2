"""The store: the truth about jobs and nodes, in SQLite or PostgreSQL.

    grouped      GroupedStore: concurrent calls become one
       │
    sql_store    SqlStore: the port `Store`, each call one named statement
       │ fetch(name, …)
    database ─┬─ sqlite     one connection that writes, one that reads, a lock file
              └─ postgres   a pool of connections; postgres_errors: what its errors mean;
                            postgres_hosts: which server; postgres_statements: prepared, also
                            where a pooler shares connections

    sql/*.sql          the statements, one text for both databases
    migrations/*.sql   the schema; `schema` applies them
    statements         reads both in the dialect of a database
    arguments, rows    jobs as arguments of statements; rows as jobs
    idempotency        what happens when a job is stored already

A call is one statement, and a statement is a transaction: whatever dies or is cancelled, no
transaction stays open and nothing is half done. Many rows are passed as one JSON argument.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

from scheduler.basics.background import background
from scheduler.basics.urls import redacted
from scheduler.core.errors import StartError
from scheduler.core.ports.store import Store
from scheduler.store.database import Database, LoggedDatabase
from scheduler.store.grouped import GroupedStore
from scheduler.store.postgres import open_postgres
from scheduler.store.sqlite import open_sqlite

__all__ = ["open_store"]

FILE_NAME: Final = "scheduler.db"
PATH_SCHEME: Final = "sqlite:///"


@asynccontextmanager
async def open_store(
    url: str, *, data_dir: Path, on_batch: Callable[[str, int], None] = lambda _kind, _calls: None
) -> AsyncIterator[Store]:
    """Open the store that `url` names, and create or update its schema.

    Args:
        url: `sqlite` for a file in `data_dir`; `sqlite:///relative/path` or `sqlite:////absolute`,
            used without unescaping; `postgresql://…` or `postgres://…`.
        data_dir: created if missing.
        on_batch: called with the kind of the calls that shared a statement, and their number.

    Raises:
        StartError: the URL is none of these, the file or database cannot be used, another process
            uses the file, or its schema is of a newer version of the scheduler.
        StoreUnavailable: the server does not answer; trying again may help.
    """
    async with _database(url, data_dir) as database:
        store = GroupedStore(LoggedDatabase(database), on_batch=on_batch)
        async with background(**store.services()):
            yield store


def _database(url: str, data_dir: Path) -> AbstractAsyncContextManager[Database]:
    path = url.removeprefix(PATH_SCHEME)
    if url == "sqlite":
        return open_sqlite((data_dir / FILE_NAME).resolve())
    if url.startswith(PATH_SCHEME) and path:
        return open_sqlite(Path(path).resolve())
    if url.startswith(("postgresql://", "postgres://")):
        return open_postgres(url)
    raise StartError(
        f"[store] url = {redacted(url)!r}: must be 'sqlite', 'sqlite:///path' or 'postgresql://…'"
    )
