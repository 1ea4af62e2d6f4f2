"""The store: the truth about jobs and nodes, in SQLite or PostgreSQL.

    grouped      GroupedStore: concurrent calls become one
       │
    sql_store    SqlStore: the port `Store`, each call one named statement
       │ fetch(name, …)
    database ─┬─ sqlite     one connection that writes, two that read, a lock file;
              │             sqlite_space: gives the space of deleted jobs back
              └─ postgres   pools of connections; postgres_errors: what its errors mean;
                            postgres_schema: looks whether the schema is ready;
                            postgres_statements: prepared, also where a pooler shares connections

    postgres_url/      the URL of a PostgreSQL, and connecting to it

    sql/*.sql          the statements, one text for both databases
    migrations/*.sql   the schema; `schema` applies them
    inspecting/        looks at a store, and changes nothing
    statements         reads both in the dialect of a database
    parts/, sql_audit       the parts of the store that have a port of their own
    arguments, rows    jobs as arguments of statements; rows as jobs
    idempotency        what happens when a job is stored already

A call is one statement, and a statement is a transaction: whatever dies or is cancelled, no
transaction stays open and nothing is half done. Some calls are a chain of statements as one
transaction; where a node is frozen amid it, that is ended for it: see `postgres`. Many rows are
passed as one JSON argument.
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
from scheduler.store.database import Database, LoggedDatabase, Migrated
from scheduler.store.grouped import GroupedStore
from scheduler.store.postgres import open_postgres
from scheduler.store.sqlite import open_sqlite

__all__ = ["Migrated", "file_of", "migrated_store", "open_store"]

FILE_NAME: Final = "scheduler.db"
PATH_SCHEME: Final = "sqlite:///"


@asynccontextmanager
async def open_store(
    url: str,
    *,
    data_dir: Path,
    schema: str = "",
    on_batch: Callable[[str, int], None] = lambda _kind, _calls: None,
) -> AsyncIterator[Store]:
    """Open the store that `url` names, and create or update its schema.

    Args:
        url: `sqlite` for a file in `data_dir`; `sqlite:///relative/path` or `sqlite:////absolute`,
            used without unescaping; `postgresql://…` or `postgres://…`.
        data_dir: created if missing.
        schema: the schema of the tables in PostgreSQL; empty: the search path of the connection.
        on_batch: called with the kind of the calls that shared a statement, and their number.

    Raises:
        StartError: the URL is none of these, the file or database cannot be used, another process
            uses the file, or its schema is of a newer version of the scheduler.
        StoreUnavailable: the server does not answer; trying again may help.
    """
    async with _database(url, data_dir, schema) as database:
        store = GroupedStore(LoggedDatabase(database), on_batch=on_batch)
        async with background(**store.services()):
            yield store


@asynccontextmanager
async def migrated_store(url: str, *, data_dir: Path, schema: str = "") -> AsyncIterator[Migrated]:
    """Bring the schema of a store up to date, as each opening does, and say what was done.

    Raises:
        StartError, StoreUnavailable: as `open_store`.
    """
    async with _database(url, data_dir, schema) as database:
        yield database.migrated


def _database(url: str, data_dir: Path, schema: str) -> AbstractAsyncContextManager[Database]:
    path = file_of(url, data_dir=data_dir)
    return open_postgres(url, schema=schema) if path is None else open_sqlite(path)


def file_of(url: str, *, data_dir: Path) -> Path | None:
    """The file of a SQLite; None for a PostgreSQL.

    Raises:
        StartError: the URL is neither's.
    """
    path = url.removeprefix(PATH_SCHEME)
    if url == "sqlite":
        return (data_dir / FILE_NAME).resolve()
    if url.startswith(PATH_SCHEME) and path:
        return Path(path).resolve()
    if url.startswith(("postgresql://", "postgres://")):
        return None
    raise StartError(
        f"[store] url = {redacted(url)!r}: must be 'sqlite', 'sqlite:///path' or 'postgresql://…'"
    )
