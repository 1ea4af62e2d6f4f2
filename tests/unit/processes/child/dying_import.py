"""A program that imports a CSV file and dies before the 1st, 2nd, 3rd … SQL statement in turn.

After each death the job is undone, twice, or run again, as the first argument says; then one line
tells how many rows there are of it and of another job, which imports before it if the second
argument is `shared`. The last line is that of the attempt that lived.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn

from scheduler.processes.child.loading import load
from tests.unit.handlers.shipped import FOLDER, ORDER, Job, rows

IMPORT = load(FOLDER)["import_csv"]
NAMES = IMPORT.function.__globals__
DIED = 9


def import_and_die(statements: int) -> NoReturn:
    """Run an attempt in this process, which ends by itself before one statement more than that."""
    connected = NAMES["connected"]

    @contextmanager
    def doomed(place: Path, *, create: bool) -> Iterator[sqlite3.Connection]:
        left = iter(range(statements))
        with connected(place, create=create) as connection:
            connection.set_trace_callback(lambda _: next(left, None) is None and os._exit(DIED))
            yield connection

    NAMES["connected"] = doomed
    Job(IMPORT, id="mine").run(ORDER)
    os._exit(0)


def died_after(statements: int) -> bool:
    """Whether an attempt in a process of its own died; False where it was done before."""
    child = os.fork() or import_and_die(statements)
    exit_status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert exit_status in (0, DIED), exit_status
    return exit_status == DIED


def tell(database: Path) -> None:
    try:
        owners = [row[-1] for row in rows(database)]
    except sqlite3.OperationalError:
        owners = []  # there is no table
    print(owners.count("mine"), owners.count("other"))  # noqa: T201 - the answer of a program


def main(then: str, shared: str = "") -> None:
    database = NAMES["writable_below"](ORDER["database"])
    NAMES["BATCH_ROWS"] = 2
    if shared:
        Job(IMPORT, id="other").run(ORDER)
    for statements in count():
        died = died_after(statements)
        for _ in range(2):
            job = Job(IMPORT, id="mine")
            job.run(ORDER) if then == "run" else job.undo(ORDER)
        tell(database)
        if not died:
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
