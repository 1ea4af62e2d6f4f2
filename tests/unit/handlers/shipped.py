"""Runs the shipped handlers in the tests' process, and records the progress that they report."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from scheduler import JobContext
from scheduler.core.handler import Handler

Handlers = Mapping[str, Handler]

FOLDER = Path(__file__).parents[3] / "handlers"
ORDER = {"file": "f.csv", "database": "f.db", "table": "flights"}


class Job:
    """A job of one handler, and the progress that it reported."""

    def __init__(
        self,
        handler: Handler,
        *,
        id: str = "1",  # noqa: A002 - as in JobContext
        then: Callable[[], object] = lambda: None,
    ) -> None:
        """`then` is called whenever the handler reports progress."""
        self.said: list[Any] = []
        self._handler = handler
        self._then = then
        self._context = JobContext(id=id, uid="u", attempt=1, hook=None, send=self._hear)

    def run(self, data: object) -> Any:  # noqa: ANN401 - a handler's result
        return self._handler.function(data, self._context)

    def undo(self, data: object) -> None:
        assert self._handler.on_abort is not None
        self._handler.on_abort(data, self._context)

    def _hear(self, frame: dict[str, object]) -> None:
        self.said.append(frame["progress"])
        self._then()


def rows(database: Path, table: str = "flights") -> list[tuple[Any, ...]]:
    """All rows of a table, ordered by their first column."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f'SELECT * FROM "{table}" ORDER BY 1').fetchall()  # noqa: S608


def tables(database: Path) -> list[str]:
    """The names of all tables and indexes."""
    with closing(sqlite3.connect(database)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
