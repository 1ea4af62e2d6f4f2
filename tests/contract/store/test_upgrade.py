"""Upgrades: a database of any earlier version is migrated, with all that is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

import asyncpg
import pytest

from scheduler.core.job import Cleanup, Purpose, Status
from scheduler.store import open_store
from scheduler.store.statements import Dialect, migrations
from tests.support.stores import BYTES_MAX, end, ids_of, known, later, new, node

LATEST: Final = len(migrations(Dialect.SQLITE))
IDENTITY: Final = "0123456789abcdef0123456789abcdef"
INSTALLATION: Final = """
CREATE TABLE installation (identity text NOT NULL, version integer NOT NULL);
INSERT INTO installation VALUES ('%s', %d);
"""
HEAD: Final = """
INSERT INTO jobs (id, uid, task, hook, status, attempt, token, losses, undoable, owner, node,
                  created_at, started_at, finished_at, abort_requested_at, abort_reason,
                  abort_processes, abort_survivors, cleanup, idempotency_key, fingerprint, bytes,
                  data, result, error)
VALUES
"""
JOBS: Final = f"""{HEAD}
('1', 'u1', 'task1', NULL, 'queued', 0, 0, 0, false, NULL, NULL,
 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'key', 'print', 4, 'null', NULL, NULL),
('2', 'u1', 'task1', NULL, 'running', 2, 2, 1, false, 'gone', 'node-a',
 1, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 4, 'null', NULL, NULL),
('3', 'u1', 'task1', NULL, 'successful', 1, 1, 0, false, NULL, 'node-a',
 1, 2, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 5, 'null', '7', NULL),
('4', 'u1', 'task1', NULL, 'terminated', 1, 1, 0, false, NULL, 'node-a',
 1, 2, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 4, 'null', NULL,
 '{{"kind": "timeout", "message": "late", "type": null, "traceback": null}}'),
('5', 'u1', 'task1', NULL, 'aborted', 1, 1, 0, true, NULL, 'node-a',
 1, 2, 4, 3, 'enough', 2, 0, 'pending', NULL, NULL, 4, 'null', NULL, NULL);
"""
"""A job of each status, in the columns of the first version."""


async def _at_version(url: str, version: int) -> None:
    """Make a database as a scheduler with only so many migrations left it."""
    sqlite = url.startswith("sqlite")
    scripts = migrations(Dialect.SQLITE if sqlite else Dialect.POSTGRESQL)[:version]
    text = ";".join([*scripts, INSTALLATION % (IDENTITY, version), JOBS])
    if sqlite:
        file = sqlite3.connect(url.removeprefix("sqlite:///"))
        file.executescript(text)
        file.close()
    else:
        server = await asyncpg.connect(url)
        await server.execute(text)
        await server.close()


@pytest.mark.parametrize("version", range(1, LATEST + 1))
async def test_a_database_of_an_earlier_version_is_migrated(
    url: str, tmp_path: Path, version: int
) -> None:
    """Every job is as it was, and continues from there."""
    await _at_version(url, version)

    async with open_store(url, data_dir=tmp_path) as store:
        assert store.identity == IDENTITY
        page = await store.page("u1", limit=10, bytes_max=BYTES_MAX)
        assert [job.id for job in page] == ["5", "4", "3", "2", "1"]
        assert [job.status for job in reversed(page)] == [*Status]
        assert (page[0].abort and page[0].abort.cleanup, page[2].result) == (Cleanup.PENDING, "7")

        await store.register(node())
        released = await store.release_orphans(losses_max=3, at=later(1))
        assert ids_of(released.to_enqueue) == ["2"]
        claims = await store.claim(["1", "2", "5"], node_id="a1", at=later(2))
        assert {(each.id, each.attempt, each.purpose) for each in claims} == {
            ("1", 1, Purpose.RUN),
            ("2", 3, Purpose.RUN),
            ("5", 1, Purpose.CLEAN),
        }
        runs = [each for each in claims if each.purpose is Purpose.RUN]
        assert set(await store.settle([end(each) for each in runs])) == {"1", "2"}
        (again,) = (await store.insert([new(key="key", fingerprint="print")])).jobs
        assert (again.id, again.status) == ("1", Status.SUCCESSFUL)

    async with open_store(url, data_dir=tmp_path) as store:
        assert (await known(store, "2")).status is Status.SUCCESSFUL


async def test_a_migrated_database_has_the_schema_of_a_new_one(tmp_path: Path) -> None:
    """So what is tested on new databases holds for migrated ones."""
    old, fresh = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/fresh.db"
    await _at_version(old, 1)
    for url in (old, fresh):
        async with open_store(url, data_dir=tmp_path):
            pass

    assert _schema(old) == _schema(fresh)


def _schema(url: str) -> set[tuple[str, str]]:
    file = sqlite3.connect(url.removeprefix("sqlite:///"))
    rows = file.execute("SELECT name, sql FROM sqlite_schema WHERE name <> 'installation'")
    schema = set(rows.fetchall())
    file.close()
    return schema
