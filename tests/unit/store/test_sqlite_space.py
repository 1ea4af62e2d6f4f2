"""The file of a SQLite store: the space of deleted jobs is given back, and delays nothing."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from scheduler.core.job_log import Block, LogPage, LogStream, Written
from scheduler.core.ports.store import Store
from scheduler.store import open_store, sqlite_space
from tests.support.eventually import eventually
from tests.support.stores import abort, claimed, known, later, new, queued

MIB = 1024 * 1024
JOBS = 60
"""Of a megabyte each: many more than are kept free."""


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for free pages all the time."""
    monkeypatch.setattr(sqlite_space, "LOOK_S", 0.01)
    monkeypatch.setattr(sqlite_space, "PAUSE_S", 0.001)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    async with open_store("sqlite", data_dir=folder) as store:
        yield store


async def fill(store: Store) -> None:
    """Store large jobs, each of them final."""
    for _ in range(JOBS):
        (job,) = (await store.insert([new(data=f'"{"x" * 1_000_000}"')])).jobs
        await abort(store, job.id)


async def delete_all(store: Store) -> None:
    while await store.delete_finished(before=later(99), limit=500, bytes_max=16 * MIB):
        pass


def size(folder: Path) -> int:
    """The bytes that the file takes, with its write-ahead log."""
    return sum(each.stat().st_size for each in folder.glob("scheduler.db*"))


async def test_the_space_of_deleted_jobs_is_given_back(tmp_path: Path) -> None:
    """A flood of large jobs must not take the disk for good."""
    async with opened(tmp_path) as store:
        await fill(store)
        kept = await queued(store)
        assert size(tmp_path) > JOBS * 1_000_000
        await delete_all(store)

        async def small() -> bool:
            # The write-ahead log is cut by the next write after a checkpoint.
            await abort(store, kept)
            return size(tmp_path) < 16 * MIB

        await eventually(small, within_s=20)
        assert (await known(store, kept)).status == "aborted"
    with closing(sqlite3.connect(tmp_path / "scheduler.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


async def test_the_space_of_deleted_logs_is_given_back(tmp_path: Path) -> None:
    """They are the larger part where jobs are small and print much."""
    async with opened(tmp_path) as store:
        claims = [await claimed(store, await queued(store)) for _ in range(100)]
        for claim in claims:
            blocks = (Block(later(0), LogStream.STDOUT, "x" * 250_000),)
            await store.write_log([Written(claim.id, claim.token, LogPage(0, 0, blocks))])
            await abort(store, claim.id)
        await store.bury("a1")
        await store.release_orphans(losses_max=3, at=later(1))
        full = size(tmp_path)
        await delete_all(store)
        await eventually(lambda: size(tmp_path) < full / 2, within_s=20)


async def test_some_space_is_kept_for_the_next_jobs(tmp_path: Path) -> None:
    """Else the file would shrink and grow with each job."""
    async with opened(tmp_path) as store:
        await fill(store)
        await delete_all(store)
        file = tmp_path / "scheduler.db"
        await eventually(lambda: file.stat().st_size < 16 * MIB, within_s=20)
        kept = sqlite_space.KEPT_PAGES * 4096
        await asyncio.sleep(10 * sqlite_space.LOOK_S)
        assert file.stat().st_size > kept


async def test_a_lock_of_another_program_delays_it_and_ends_nothing(tmp_path: Path) -> None:
    """A backup may hold the file for longer than a statement waits."""
    async with opened(tmp_path) as store:
        writer = store._fetch.__self__._database._writer  # type: ignore[attr-defined]
        await fill(store)
        await delete_all(store)
        await writer.execute_fetchall("PRAGMA busy_timeout = 0")
        file = tmp_path / "scheduler.db"
        with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(10 * sqlite_space.LOOK_S)
            stranger.execute("ROLLBACK")
        await eventually(lambda: file.stat().st_size < 16 * MIB, within_s=20)
        await queued(store)


def old_file(file: Path) -> None:
    """Make a database as earlier versions did: what is deleted leaves its space in the file."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE other (text)")
        connection.execute("INSERT INTO other VALUES ('kept')")
        connection.commit()


def auto_vacuum(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT text FROM other").fetchall() == [("kept",)]
        return int(connection.execute("PRAGMA auto_vacuum").fetchone()[0])


async def test_a_small_file_of_an_earlier_version_is_made_to_give_space_back(
    tmp_path: Path,
) -> None:
    """Nobody has to know of it."""
    old_file(tmp_path / "scheduler.db")
    async with opened(tmp_path):
        pass
    assert auto_vacuum(tmp_path / "scheduler.db") == sqlite_space.INCREMENTAL


async def test_a_large_file_of_an_earlier_version_is_left_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To rewrite it takes minutes, and as much space again: the operator chooses when."""
    monkeypatch.setattr(sqlite_space, "REWRITE_PAGES_MAX", 0)
    old_file(tmp_path / "scheduler.db")
    with capture_logs() as logged:
        async with opened(tmp_path) as store:
            await queued(store)
    assert auto_vacuum(tmp_path / "scheduler.db") == 0
    assert [line["file"] for line in logged if "keeps the space" in line["event"]] == [
        os.fspath(tmp_path / "scheduler.db")
    ]
