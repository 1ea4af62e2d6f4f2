"""A CSV file into a table of a SQLite database: a job that can be undone.

Values are stored as the text that they are in the file, so that nothing is lost. What a job wrote
is known by its id in each row (see `job_table`), so it can be taken back after a death at any
instant: when the job is aborted, when it fails, and before it is tried again.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from reprlib import repr as brief
from typing import NamedTuple

from handlers.csv_file import CsvFile, open_csv
from handlers.files import file_below, writable_below
from handlers.job_table import JOB_ID, JobTable, connected
from scheduler import JobContext, handler

BATCH_ROWS = 5_000
"""A commit each: small enough that other jobs get their turn, large enough to be fast."""
TABLE_CHARS_MAX = 100


class Order(NamedTuple):
    """What a job is asked for."""

    file: str
    database: str
    table: str


def undo(data: object, job: JobContext) -> None:
    """Take back the rows of this job, and the table if it created it for itself alone."""
    order = _order(data)
    with suppress(FileNotFoundError), connected(file_below(order.database), create=False) as db:
        JobTable(db, table=order.table, job_id=job.id).remove()


@handler("import_csv", on_abort=undo)
def import_csv(data: object, job: JobContext) -> dict[str, object]:
    """A CSV file, plain or zipped, into SQLite: {"file": path, "database": path, "table": name}."""
    order = _order(data)
    with (
        open_csv(order.file) as file,
        connected(writable_below(order.database), create=True) as db,
    ):
        table = JobTable(db, table=order.table, job_id=job.id)
        table.remove()  # what an earlier attempt left when its node died
        _check_header(order, file.header)
        try:
            rows = _load(file, table, job)
        except BaseException:
            table.remove()
            raise
    return {"rows": rows, "table": order.table}


def _load(file: CsvFile, table: JobTable, job: JobContext) -> int:
    table.add(file.header, [])  # a file without rows makes a table as well
    rows, loaded = file.rows(), 0
    while batch := list(islice(rows, BATCH_ROWS)):
        table.add(file.header, batch)
        loaded += len(batch)
        job.progress(file.read_bytes, file.total_bytes, f"{loaded} rows")
    return loaded


def _check_header(order: Order, header: list[str]) -> None:
    if JOB_ID in map(str.lower, header):
        raise ValueError(
            f"{order.file}, line 1: the name {JOB_ID} is needed for the job's own column"
        )


def _order(data: object) -> Order:
    match data:
        case {
            "file": str() as file,
            "database": str() as database,
            "table": str() as table,
            **rest,
        }:
            if not rest and _is_name(table):
                return Order(file, database, table)
    raise ValueError(
        'data must be {"file": path, "database": path, "table": name}, the name 1 to '
        f"{TABLE_CHARS_MAX} printable characters that do not begin with sqlite_; not {brief(data)}"
    )


def _is_name(table: str) -> bool:
    # SQLite keeps names with this prefix for itself.
    is_free = not table.lower().startswith("sqlite_")
    return 1 <= len(table) <= TABLE_CHARS_MAX and table.isprintable() and is_free
