"""What `open_store` promises: one schema, one identity, and a clear error where it fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import asyncpg
import pytest

from scheduler.core.errors import StartError, StoreRefused
from scheduler.core.job import Status
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.support.stores import abort, end, known, queued, running


async def test_what_was_stored_is_there_when_the_store_is_opened_again(
    url: str, tmp_path: Path
) -> None:
    async with open_store(url, data_dir=tmp_path) as first:
        job_id, identity = await queued(first), first.identity

    async with open_store(url, data_dir=tmp_path) as again:
        assert (await known(again, job_id)).status is Status.QUEUED
        assert again.identity == identity


async def test_two_stores_have_two_identities(store: Store, tmp_path: Path) -> None:
    """By the identity a node finds out that a queue belongs to another store."""
    async with open_store("sqlite", data_dir=tmp_path / "other") as other:
        assert len(store.identity) == 32
        assert other.identity != store.identity


async def test_a_newer_schema_is_refused(url: str, tmp_path: Path) -> None:
    """An older node would write rows that the newer one does not understand."""
    async with open_store(url, data_dir=tmp_path):
        pass
    await _execute(url, "UPDATE installation SET version = 99")

    with pytest.raises(StartError, match=r"version 99.*knows up to \d"):
        async with open_store(url, data_dir=tmp_path):
            pass


async def test_the_database_itself_refuses_invalid_rows(store: Store) -> None:
    """The constraints repeat the rules: a defect in our code must not make a wrong row."""
    claim = await running(store)

    with pytest.raises(StoreRefused, match="abort"):
        await store.settle([end(claim, Status.ABORTED)])
    assert (await known(store, claim.id)).status is Status.RUNNING

    await abort(store, claim.id)
    assert await store.settle([end(claim, Status.ABORTED)])


@pytest.mark.parametrize(
    "url", ["", "mysql://u:secret@h/d", "sqlite://", "sqlite:///", "sqlite:x", "postgresql"]
)
async def test_a_url_that_names_no_store_is_refused_without_its_password(
    url: str, tmp_path: Path
) -> None:
    with pytest.raises(StartError, match=r"\[store\] url = .*must be 'sqlite'") as refused:
        async with open_store(url, data_dir=tmp_path):
            pass

    assert "secret" not in str(refused.value)


async def _execute(url: str, sql: str) -> None:
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as sqlite:
            sqlite.execute(sql)
        sqlite.close()
    else:
        postgres = await asyncpg.connect(url)
        await postgres.execute(sql)
        await postgres.close()
