"""What the store needs from a database: to run a named statement.

    database ─ StoreUnavailable ─▶ LoggedDatabase ─▶ StoreUnavailable   waiting may help
             └ any other error ──▶                ─▶ StoreRefused       it does not

So no error of a database ends the node. Each of the two databases says which of its errors mean
that the values of one call are at fault (`refused`); all others are an outage.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import structlog

from scheduler.basics.outage import Outage
from scheduler.core.errors import SchedulerError, StoreRefused, StoreUnavailable

log = structlog.get_logger()

Answer = TypeVar("Answer")

TELL_EVERY_S: Final = 60.0
"""How often the refusal of one statement is logged: who meets it tries again every few seconds."""

Argument = str | int | float | None
"""An argument of a statement; many rows are passed as JSON in one text."""


class Step(NamedTuple):
    """A named statement, with its arguments, of several that run as one transaction."""

    name: str
    arguments: Sequence[Argument]
    optional: bool = False
    """Whether those after it also run where it returns no rows."""


class Row(Protocol):
    """One row that a statement returned."""

    def __getitem__(self, column: str, /) -> Any:  # noqa: ANN401 - any type of a column
        """The value of a column, by name."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The values, in the order of the columns."""
        ...

    def keys(self) -> Iterable[str]:
        """The names of the columns, in their order."""
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

    `fetch` raises `StoreUnavailable` where the database cannot run the statement now, and the
    database's own error where it refuses the arguments; `LoggedDatabase` turns that into
    `StoreRefused`.
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

    async def fetch_chain(
        self, steps: Sequence[Step], *, locked: str | None = None
    ) -> Sequence[Sequence[Row]]:
        """Run statements as one transaction, up to the first without rows; the rows of each.

        So the later ones take effect exactly where the first does; but after one that is optional
        they run in any case. At least one of them must write.
        If cancelled, they have run whole or not at all.

        Args:
            locked: a table. They run once all statements have ended that lock rows of it, or have
                looked for some to lock; those that come look when this has ended.

        Raises:
            StoreUnavailable: also where one of those does not end within seconds.
        """
        ...


@contextmanager
def available(where: str, refused: Callable[[Exception], bool]) -> Iterator[None]:
    """Turn all errors of a database but those that are `refused` into `StoreUnavailable`."""
    try:
        yield
    except SchedulerError:
        raise
    except Exception as error:
        if refused(error):
            raise
        raise StoreUnavailable(f"{where}: {reason(error)}") from error


def reason(error: Exception) -> str:
    """What an error says, in one line; its name where it says nothing."""
    if isinstance(error, ConnectionError) and error.errno:
        return os.strerror(error.errno)  # its own text repeats the address
    return " ".join(str(error).split()) or type(error).__name__


class LoggedDatabase:
    """A database whose outages and refusals are logged."""

    def __init__(self, database: Database) -> None:
        self.identity = database.identity
        self.migrated = database.migrated
        self._database = database
        self._outage = Outage("the store")
        self._told_at: dict[str, float] = {}

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`."""
        return await self._logged(name, self._database.fetch(name, *arguments))

    async def fetch_chain(
        self, steps: Sequence[Step], *, locked: str | None = None
    ) -> Sequence[Sequence[Row]]:
        """See `Database`."""
        chain = self._database.fetch_chain(steps, locked=locked)
        return await self._logged(steps[0].name, chain)

    async def _logged(self, name: str, answer: Coroutine[None, None, Answer]) -> Answer:
        try:
            rows = await answer
        except StoreUnavailable as error:
            self._outage.failed(error)
            raise
        except Exception as error:
            self._tell(name, error)
            raise StoreRefused(f"the statement {name} was refused: {reason(error)}") from error
        self._outage.answered()
        return rows

    def _tell(self, name: str, error: Exception) -> None:
        """Log a refusal, from time to time."""
        now = asyncio.get_running_loop().time()
        if now >= self._told_at.get(name, 0.0):
            self._told_at[name] = now + TELL_EVERY_S
            log.error("the store refused a statement", statement=name, error=reason(error))
