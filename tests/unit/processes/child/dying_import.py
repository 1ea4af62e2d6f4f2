"""A program that imports a CSV file and dies before the 1st, 2nd, 3rd … SQL statement in turn.

After each death the job is undone twice or run again, as the first argument says. Then one line is
printed: the number of rows of this job, and of another job, which imports before it if the second
argument is `shared`. The last line is that of the attempt that survived.
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

from scheduler.processes.child.loading.importing import load
from tests.unit.handlers.shipped import FOLDER, ORDER, Job, rows

IMPORT = load(FOLDER)["import_csv"]
NAMES = IMPORT.function.function.__globals__
DIED = 9


def import_and_die(statements: int) -> NoReturn:
    """Run an attempt in this process, which exits before it runs more than that many statements."""
    connected = NAMES["connected"]

    @contextmanager
    def dying(path: Path, *, create: bool) -> Iterator[sqlite3.Connection]:
        left = iter(range(statements))
        with connected(path, create=create) as connection:
            connection.set_trace_callback(lambda _: next(left, None) is None and os._exit(DIED))
            yield connection

    NAMES["connected"] = dying
    Job(IMPORT, id="mine").run(ORDER)
    os._exit(0)


def died_after(statements: int) -> bool:
    """Whether an attempt in a process of its own died; False where it finished before that."""
    child = os.fork() or import_and_die(statements)
    exit_status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert exit_status in (0, DIED), exit_status
    return exit_status == DIED


def print_rows(database: Path) -> None:
    """Print the number of rows of each of the two jobs."""
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
        print_rows(database)
        if not died:
            break


if __name__ == "__main__":
    main(*sys.argv[1:])
