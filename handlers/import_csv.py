"""Imports a CSV file into a table of a SQLite database: a job that can be undone.

Values are stored as text, as they are in the file, so that nothing is lost. Each row has the id of
the job that wrote it (see `job_table`). So what a job wrote can be removed whenever it died: after
an abort, after a failure, and before it is tried again.
"""

from __future__ import annotations

from contextlib import suppress
from reprlib import repr as brief
from typing import NamedTuple

from handlers.csv_file import CsvFile, open_csv
from handlers.job_table import JOB_ID, JobTable, connected
from scheduler import JobContext, handler
from scheduler.paths import file_below, writable_below

BATCH_ROWS = 5_000
"""Rows in one transaction: few enough that other jobs can write in between, enough to be fast."""
BATCH_BYTES = 4 * 1024 * 1024
"""Of the file, for one transaction: in Python, short fields take twenty times as much."""
TABLE_CHARS_MAX = 100


class ImportData(NamedTuple):
    """The data of a job."""

    file: str
    database: str
    table: str


def undo(data: object, job: JobContext) -> None:
    """Remove the rows of this job, and the table if this job created it and no other uses it."""
    wanted = _parsed(data)
    with suppress(FileNotFoundError), connected(file_below(wanted.database), create=False) as db:
        JobTable(db, table=wanted.table, job_id=job.id).remove()


@handler("import_csv", timeout_s=3600, memory_bytes=4 << 30, on_abort=undo)
def import_csv(data: object, job: JobContext) -> dict[str, object]:
    """A CSV file, plain or zipped, into SQLite: {"file": path, "database": path, "table": name}."""
    wanted = _parsed(data)
    with (
        open_csv(wanted.file) as file,
        connected(writable_below(wanted.database), create=True) as db,
    ):
        table = JobTable(db, table=wanted.table, job_id=job.id)
        table.remove()  # the rows that an earlier attempt left when its node died
        _check_header(wanted, file.header)
        try:
            rows = _load(file, table, job)
        except BaseException:
            table.remove()
            raise
    return {"rows": rows, "table": wanted.table}


def _load(file: CsvFile, table: JobTable, job: JobContext) -> int:
    table.add(file.header, [])  # a file without rows also creates the table
    loaded = 0
    for batch in file.batches(rows_max=BATCH_ROWS, bytes_max=BATCH_BYTES):
        table.add(file.header, batch)
        loaded += len(batch)
        job.progress(file.read_bytes, file.total_bytes, f"{loaded} rows")
    return loaded


def _check_header(wanted: ImportData, header: list[str]) -> None:
    if JOB_ID in map(str.lower, header):
        raise ValueError(
            f"{wanted.file}, line 1: the name {JOB_ID} is needed for the job's own column"
        )


def _parsed(data: object) -> ImportData:
    match data:
        case {
            "file": str() as file,
            "database": str() as database,
            "table": str() as table,
            **rest,
        }:
            if not rest and _is_name(table):
                return ImportData(file, database, table)
    raise ValueError(
        'data must be {"file": path, "database": path, "table": name}, the name 1 to '
        f"{TABLE_CHARS_MAX} printable characters that do not begin with sqlite_; not {brief(data)}"
    )


def _is_name(table: str) -> bool:
    # SQLite reserves names with this prefix.
    reserved = table.lower().startswith("sqlite_")
    return 1 <= len(table) <= TABLE_CHARS_MAX and table.isprintable() and not reserved
