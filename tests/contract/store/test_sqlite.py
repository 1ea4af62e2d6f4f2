"""SQLite only: one process, one writer, one hop to its thread, and files with any name."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from functools import partialmethod
from pathlib import Path
from unittest.mock import Mock

import aiosqlite
import pytest

from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.store import open_store
from scheduler.store.sqlite import SqliteDatabase, open_sqlite
from tests.support.stores import end, known, later, new, node, queued

EXIT_S = 10.0


async def test_the_default_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    async with open_store("sqlite", data_dir=tmp_path / "made" / "for it"):
        assert (tmp_path / "made" / "for it" / "scheduler.db").is_file()


@pytest.mark.parametrize("name", ["with space", "100%", "%20", "a?b=c", "a#b", "ä€😀", "a'b"])
async def test_a_path_is_used_without_unescaping(tmp_path: Path, name: str) -> None:
    """The path becomes a URL internally: no part of it may be taken for an escape or a query."""
    async with open_store(f"sqlite:///{tmp_path}/{name}/{name}.db", data_dir=tmp_path) as store:
        await queued(store)

    files = {each.name for each in (tmp_path / name).iterdir()}
    assert files == {f"{name}.db", f"{name}.db.lock"}


async def test_a_path_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async with open_store("sqlite:///here.db", data_dir=tmp_path / "unused"):
        assert (tmp_path / "here.db").is_file()


async def test_a_file_that_is_in_use_is_refused(tmp_path: Path) -> None:
    """Two writers can corrupt it (see sqlite.py), also where they open it by different names."""
    (tmp_path / "link").symlink_to(tmp_path / "store.db")

    async with open_store(f"sqlite:///{tmp_path}/store.db", data_dir=tmp_path):
        for name in ("store.db", "link"):
            with pytest.raises(StartError, match=r"store\.db is in use by process \d+"):
                async with open_store(f"sqlite:///{tmp_path}/{name}", data_dir=tmp_path):
                    pass

    async with open_store(f"sqlite:///{tmp_path}/link", data_dir=tmp_path):
        pass


async def test_only_one_connection_can_write_and_that_one_keeps_what_it_commits(
    tmp_path: Path,
) -> None:
    """Two writers can corrupt it (see sqlite.py)."""
    async with open_sqlite(tmp_path / "store.db") as database:
        assert isinstance(database, SqliteDatabase)
        writer, reader = database._writer, database._reader

        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.execute_fetchall("DELETE FROM jobs")

        assert [tuple(row) for row in await writer.execute_fetchall("PRAGMA journal_mode")] == [
            ("wal",)
        ]
        full = 2
        assert [tuple(row) for row in await writer.execute_fetchall("PRAGMA synchronous")] == [
            (full,)
        ]


async def test_a_batch_is_one_hop_to_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hop to the connection's thread costs as much as writing twenty rows."""
    execute = Mock(wraps=aiosqlite.Connection._execute)
    sent = [new() for _ in range(50)]
    async with open_store("sqlite", data_dir=tmp_path) as store:
        await store.register(node())
        monkeypatch.setattr(aiosqlite.Connection, "_execute", partialmethod(execute))

        await store.insert(sent)
        claims = await store.claim([job.id for job in sent], node_id="a1", at=later(1))
        settled = await store.settle([end(claim) for claim in claims])

        assert (len(settled), execute.call_count) == (50, 3)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with open_sqlite(tmp_path / "store.db") as database:
        assert isinstance(database, SqliteDatabase)
        yield database


async def test_concurrent_writes_share_a_transaction(database: SqliteDatabase) -> None:
    """A commit waits for the disk, however much it writes."""
    ran: list[str] = []
    await database._writer.set_trace_callback(ran.append)
    async with asyncio.TaskGroup() as group:
        for node_id in ("a", "b"):
            group.create_task(database.fetch("bury", node_id, None))
        group.create_task(database.fetch("write_log", "{}"))
    assert [each for each in ran if each in {"BEGIN IMMEDIATE", "COMMIT"}] == [
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]


async def test_a_failing_write_fails_alone_among_concurrent_ones(database: SqliteDatabase) -> None:
    """One caller's error must not affect other callers."""
    record = ("1", 1, "[]", 0, 0, 0, '{"0": {"labels": "", "only_for": ""}}')

    async def write_nonsense() -> None:
        with pytest.raises(sqlite3.OperationalError, match="malformed JSON"):
            await database.fetch("write_log", "no JSON")

    async with asyncio.TaskGroup() as group:
        group.create_task(database.fetch("register", "a", "a", *record))
        group.create_task(write_nonsense())
        group.create_task(database.fetch("register", "b", "b", *record))
    assert [row["name"] for row in await database.fetch("nodes")] == ["a", "b"]


async def test_writes_that_share_a_transaction_wait_for_a_lock_together(
    tmp_path: Path, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, each for `BUSY_S`, the last one would be answered minutes later."""
    await database._writer.execute_fetchall("PRAGMA busy_timeout = 0")
    execute = Mock(wraps=aiosqlite.Connection._execute)
    monkeypatch.setattr(aiosqlite.Connection, "_execute", partialmethod(execute))
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        writes = [database.fetch("bury", str(number), None) for number in range(20)]
        answers = await asyncio.gather(*writes, return_exceptions=True)  # noqa: TID251
        stranger.execute("ROLLBACK")
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert execute.call_count == 1


PROGRAM = """
import asyncio, pathlib, sys
from scheduler.store import open_store

async def main():
    async with open_store("sqlite", data_dir=pathlib.Path(sys.argv[1])):
        raise SystemExit(7)

asyncio.run(main())
"""


async def test_a_process_that_fails_with_the_store_open_ends(tmp_path: Path) -> None:
    """A connection that was not closed keeps the interpreter from exiting."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, str(tmp_path))
    async with asyncio.timeout(EXIT_S):
        assert await process.wait() == 7


async def test_a_store_that_does_not_open_leaves_no_thread(tmp_path: Path) -> None:
    """After `StartError`, too, an open connection would keep the interpreter from exiting."""
    (tmp_path / "scheduler.db").write_bytes(b"not a database" * 100)

    with pytest.raises(StartError, match=r"scheduler\.db: cannot be used as a database"):
        async with open_store("sqlite", data_dir=tmp_path):
            pass

    (tmp_path / "scheduler.db").unlink()
    async with open_store("sqlite", data_dir=tmp_path) as store:
        await queued(store)


async def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartError, match=r"file/data/scheduler\.db: cannot be opened or made"):
        async with open_store("sqlite", data_dir=tmp_path / "file" / "data"):
            pass


async def test_a_path_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="cannot be opened or made: Is a directory"):
        async with open_store(f"sqlite:///{tmp_path}", data_dir=tmp_path):
            pass


async def test_a_full_disk_is_unavailable_for_a_while(tmp_path: Path) -> None:
    async with open_store("sqlite", data_dir=tmp_path) as store:
        writer = store._fetch.__self__._database._writer  # type: ignore[attr-defined]
        await writer.execute_fetchall("PRAGMA max_page_count = 1")
        sent = new(data='"' + "x" * 100_000 + '"')

        with pytest.raises(StoreUnavailable, match="full"):
            await store.insert([sent])

        assert await store.get(sent.id) is None
        await writer.execute_fetchall("PRAGMA max_page_count = 100000")
        await store.insert([sent])
        assert (await known(store, sent.id)).data == sent.data


async def test_a_database_locked_by_another_program_is_unavailable_for_a_while(
    tmp_path: Path,
) -> None:
    async with open_store("sqlite", data_dir=tmp_path) as store:
        writer = store._fetch.__self__._database._writer  # type: ignore[attr-defined]
        await writer.execute_fetchall("PRAGMA busy_timeout = 0")
        stranger = sqlite3.connect(tmp_path / "scheduler.db", isolation_level=None)
        try:
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                await queued(store)
            stranger.execute("ROLLBACK")
        finally:
            stranger.close()

        await queued(store)


async def test_an_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python uses the system's library, and that of RHEL 9 is too old."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))

    with pytest.raises(StartError, match=r"older than 3\.38\.0"):
        async with open_store("sqlite", data_dir=tmp_path):
            pass
