"""The store: the truth about jobs and nodes, in SQLite or PostgreSQL.

    GroupedStore ── calls that meet become one
       │
    SqlStore ── what the port promises, each call one named statement
       │ fetch(name, …)
    Database ─┬─ sqlite     one writing connection, one reading one, a lock file
              └─ postgres   a pool
    sql/*.sql               the statements, one text for both      migrations/*.sql   the schema

A call is one statement, and a statement is a transaction: whatever dies or is cancelled, none
stays open and nothing is half done. Where a call brings many rows they come as one JSON argument.
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
from scheduler.store.database import Attended, Database
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
    """Open the store that `url` names, and make or update its schema.

    Args:
        url: `sqlite` for a file in `data_dir`; `sqlite:///relative/path` or `sqlite:////absolute`,
            taken as it stands, without escapes; `postgresql://…` or `postgres://…`.
        data_dir: made if it is not there.
        on_batch: told what kind of calls shared a statement, and how many.

    Raises:
        StartError: the URL is none of these, the place cannot be used, another process uses the
            file, or a newer version of the scheduler has been there.
        StoreUnavailable: the server does not answer; it may in a moment.
    """
    async with _database(url, data_dir) as database:
        store = GroupedStore(Attended(database), on_batch=on_batch)
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
