"""What a database must be able to do for the store: run a named statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from scheduler.basics.outage import Outage
from scheduler.core.errors import StoreUnavailable

Argument = str | int | float | None
"""What travels to a statement: many rows travel as JSON in one text."""


class Row(Protocol):
    """One row of an answer."""

    def __getitem__(self, column: str, /) -> Any:  # noqa: ANN401 - what the column holds
        """The value of a column, by name."""
        ...


class Database(Protocol):
    """A database with the schema of `migrations/`.

    `fetch` raises `StoreUnavailable` where the database does not take the statement now.
    """

    identity: str
    """A random id made with the database."""

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """Run the statement of `sql/<name>.sql` as a transaction of its own; the rows it answers.

        Cancelled, it has run whole or not at all.
        """
        ...


class Attended:
    """A database whose outages are told to the operator."""

    def __init__(self, behind: Database) -> None:
        self.identity = behind.identity
        self._behind = behind
        self._outage = Outage("the store")

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`."""
        try:
            rows = await self._behind.fetch(name, *arguments)
        except StoreUnavailable as error:
            self._outage.failed(error)
            raise
        self._outage.answered()
        return rows
