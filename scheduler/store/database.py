"""What the store needs from a database: to run a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from scheduler.basics.outage import Outage
from scheduler.core.errors import StoreUnavailable

Argument = str | int | float | None
"""An argument of a statement; many rows are passed as JSON in one text."""


class Row(Protocol):
    """One row that a statement returned."""

    def __getitem__(self, column: str, /) -> Any:  # noqa: ANN401 - any type of a column
        """The value of a column, by name."""
        ...


class Migrated(NamedTuple):
    """What became of a database's schema."""

    identity: str
    """The database's, made with its first version."""
    before: int
    """The version that was found; 0: there was none."""
    version: int
    """The version that it has now."""


class Database(Protocol):
    """A database with the schema of `migrations/`.

    `fetch` raises `StoreUnavailable` where the database cannot run the statement now.
    """

    identity: str
    """A random id made with the database."""
    migrated: Migrated
    """What its opening did to the schema."""

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """Run the statement of `sql/<name>.sql` as one transaction, and return its rows.

        If cancelled, it has run whole or not at all.
        """
        ...


class LoggedDatabase:
    """A database whose outages are logged."""

    def __init__(self, database: Database) -> None:
        self.identity = database.identity
        self.migrated = database.migrated
        self._database = database
        self._outage = Outage("the store")

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`."""
        try:
            rows = await self._database.fetch(name, *arguments)
        except StoreUnavailable as error:
            self._outage.failed(error)
            raise
        self._outage.answered()
        return rows
