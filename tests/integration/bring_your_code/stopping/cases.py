"""What the handlers of `tests/handlers_real/stopping` do, and what an abort does to each."""

from __future__ import annotations

from dataclasses import dataclass

from tests.integration.bring_your_code.stopping.databases import (
    checked_client,
    forgotten_row,
    locked_row,
    written_table,
)
from tests.integration.bring_your_code.stopping.surroundings import Arrange
from tests.integration.bring_your_code.stopping.waits import (
    computing,
    coroutine,
    held,
    locked_file,
    programs,
    sharing,
    silent_site,
)

LONG_S = 20.0
"""The grace period of a job that needs little of it."""
SHORT_S = 0.5
"""The grace period of a job that is killed after it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the table."""

    does: str
    task: str
    arrange: Arrange
    raised: str | None = "JobAborted"
    """The exception that leaves the handler; None where it is killed."""
    grace_s: float = LONG_S

    @property
    def happens(self) -> str:
        """What the abort does, in the words of the page."""
        if self.raised is not None:
            return f"`{self.raised}` raised, `finally` ran"
        return "killed after the grace period" if self.grace_s else "killed at once"

    def took(self, latency_ms: int) -> str:
        """How long it took; the grace period apart, where all of it was waited for."""
        if self.raised is not None or not self.grace_s:
            return str(latency_ms)
        grace_ms = round(1000 * self.grace_s)
        return f"{grace_ms} + {latency_ms - grace_ms}"


def killed(does: str, task: str, arrange: Arrange, *, grace_s: float = SHORT_S) -> Case:
    return Case(does=does, task=task, arrange=arrange, raised=None, grace_s=grace_s)


CANCELLED = "CancelledError"
ROW_LOCK = "waits for a row lock"
SILENT = "waits for an answer"
DATABASES = (
    Case(does=f"psycopg {ROW_LOCK}", task="row_lock_psycopg", arrange=locked_row),
    Case(
        does=f"a session of SQLAlchemy, on psycopg, {ROW_LOCK}",
        task="row_lock_sqlalchemy",
        arrange=locked_row,
    ),
    Case(
        does=f"psycopg in an async handler {ROW_LOCK}",
        task="row_lock_psycopg_async",
        arrange=locked_row,
        raised=CANCELLED,
    ),
    Case(
        does=f"a pool of asyncpg in an async handler {ROW_LOCK}",
        task="row_lock_asyncpg",
        arrange=locked_row,
        raised=CANCELLED,
    ),
    killed(
        f"psycopg {ROW_LOCK}, `grace_s=0`",
        "row_lock_psycopg",
        forgotten_row,
        grace_s=0,
    ),
    killed(
        f"psycopg {ROW_LOCK}, `grace_s=0`, `client_connection_check_interval` set",
        "row_lock_psycopg",
        checked_client,
        grace_s=0,
    ),
    Case(
        does="sqlite3 writes many rows in a transaction",
        task="lock_sqlite_rows",
        arrange=written_table,
    ),
    killed("sqlite3 is in one long statement", "lock_sqlite_statement", written_table),
)
WAITS = (
    Case(does=f"`httpx.get` {SILENT}", task="httpx_get", arrange=silent_site),
    Case(
        does=f"`httpx.AsyncClient` in an async handler {SILENT}",
        task="httpx_async",
        arrange=silent_site,
        raised=CANCELLED,
    ),
    Case(
        does="`fcntl.flock` waits for a file's lock, with another file's held",
        task="lock_flock",
        arrange=locked_file,
    ),
    Case(does="`asyncio.run` in a plain handler", task="loop_asyncio", arrange=coroutine),
    Case(does="`uvloop.run` in a plain handler", task="loop_uvloop", arrange=coroutine),
)
PROCESSES = (
    Case(does="`subprocess.run`", task="program_run", arrange=programs("sleep")),
    Case(does="`with Popen`, and `wait` in it", task="program_with", arrange=programs("sleep")),
    Case(
        does="a pipeline of two `Popen`", task="program_pipeline", arrange=programs("yes", "sleep")
    ),
    Case(does="`with multiprocessing.Pool`", task="pool_of_multiprocessing", arrange=sharing),
    Case(does="joblib's `Parallel(n_jobs=2)`", task="pool_of_joblib", arrange=sharing),
    killed("`with ProcessPoolExecutor`", "pool_with_processes", sharing),
    killed("`with ThreadPoolExecutor`", "pool_with_threads", held(1)),
    Case(does="`ThreadPoolExecutor` without `with`", task="pool_of_threads", arrange=held(1)),
)
COMPUTING = (
    Case(does="hashlib hashes 64 MiB again and again", task="compute_hashes", arrange=computing),
    killed("numpy is in one long call", "compute_numpy", computing),
)
CASES = (*DATABASES, *WAITS, *PROCESSES, *COMPUTING)
