"""PostgreSQL only: a pause and claims that are under way, on any node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path

import asyncpg
import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.pause_store import Put
from scheduler.core.ports.store import Store
from scheduler.store import open_store, postgres
from scheduler.store.arguments import batch, keys, new_job
from scheduler.store.statements import Dialect, statements
from tests.support.eventually import eventually
from tests.support.stores import later, new, node, queued

KEYS = [
    PauseKey(PauseKind.TASK, "task1"),
    PauseKey(PauseKind.UID, "u1"),
    PauseKey(PauseKind.NODE, "node-a"),
]
TEXTS = statements(Dialect.POSTGRESQL)


@pytest.fixture
async def store(postgres_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(postgres_url, data_dir=tmp_path) as opened:
        yield opened


@pytest.fixture
async def rival(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Another node, in the middle of a transaction."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


def put(store: Store, key: PauseKey) -> Coroutine[object, object, Put]:
    return store.pauses.put(key, reason=None, until=None, by=None)


@pytest.mark.parametrize("key", KEYS)
async def test_a_pause_is_answered_only_when_claims_under_way_have_ended(
    store: Store, rival: asyncpg.Connection, key: PauseKey
) -> None:
    """Such a claim looked before the pause was there: its attempt would begin after the answer."""
    job_id = await queued(store)
    await store.register(node())
    transaction = rival.transaction()
    await transaction.start()
    (claim,) = await rival.fetch(TEXTS["claim"].text, keys([job_id]), "a1", 1, "{}", "{}")

    async with asyncio.TaskGroup() as group:
        pausing = group.create_task(put(store, key))
        await eventually(lambda: _waits_for_a_lock(rival))
        assert not pausing.done()
        await transaction.commit()

    assert claim["id"] == job_id
    assert pausing.result().changed


async def test_a_pause_is_answered_only_when_insertions_under_way_have_ended(
    store: Store, rival: asyncpg.Connection
) -> None:
    """One for a worker that idles is a claim."""
    await store.register(node())
    transaction = rival.transaction()
    await transaction.start()
    await rival.fetch(TEXTS["insert"].text, batch([new_job(new(), "a1")]))

    async with asyncio.TaskGroup() as group:
        pausing = group.create_task(put(store, KEYS[0]))
        await eventually(lambda: _waits_for_a_lock(rival))
        assert not pausing.done()
        await transaction.commit()


@pytest.mark.parametrize("key", KEYS)
async def test_a_claim_that_comes_amid_a_pause_sees_it(
    store: Store, rival: asyncpg.Connection, key: PauseKey
) -> None:
    """Its look is as of the time when it begins, unless it waits before that."""
    job_id = await queued(store)
    await store.register(node())
    transaction = rival.transaction()
    await transaction.start()
    await rival.execute("LOCK TABLE pauses IN EXCLUSIVE MODE")
    await rival.fetch(TEXTS["put_pause"].text, *key, None, None, None)

    async with asyncio.TaskGroup() as group:
        claiming = group.create_task(store.claim([job_id], node_id="a1", at=later(1)))
        inserting = group.create_task(store.insert([new()], claimer="a1"))
        await eventually(lambda: _waits_for_a_lock(rival))
        await transaction.commit()

    assert list(claiming.result()) == []
    assert list(inserting.result().claims) == []


async def test_a_pause_that_cannot_be_kept_is_not_stored(
    store: Store, rival: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that stopped amid a claim may go on with it: so the answer is an error, in time."""
    monkeypatch.setattr(postgres, "_LOCK", postgres._LOCK.replace("2s", "50ms"))
    job_id = await queued(store)
    await store.register(node())
    transaction = rival.transaction()
    await transaction.start()
    await rival.fetch(TEXTS["claim"].text, keys([job_id]), "a1", 1, "{}", "{}")

    with pytest.raises(StoreUnavailable, match="pauses has been open for too long"):
        await put(store, KEYS[0])

    await transaction.rollback()
    assert list(await store.pauses.page(limit=10)) == []
    assert len(await store.claim([job_id], node_id="a1", at=later(1))) == 1


@pytest.mark.parametrize("inserts", [True, False])
async def test_a_pause_is_not_forgotten_while_a_job_is_being_held(
    store: Store, rival: asyncpg.Connection, *, inserts: bool
) -> None:
    """The job would be held for ever by a pause that nobody knows."""
    job = new()
    if not inserts:
        await store.insert([job])
    await put(store, KEYS[0])
    transaction = rival.transaction()
    await transaction.start()
    if inserts:
        await rival.fetch(TEXTS["insert"].text, batch([new_job(job)]))
    else:
        await rival.fetch(TEXTS["hold_paused"].text, keys([job.id]), 0)
    await store.pauses.end(KEYS[0])

    assert list(await store.pauses.let_go(KEYS[0], limit=10)) == []
    assert not await store.pauses.forget(KEYS[0])

    await transaction.commit()
    assert [each.id for each in await store.pauses.let_go(KEYS[0], limit=10)] == [job.id]
    assert await store.pauses.forget(KEYS[0])


async def test_other_transactions_do_not_keep_a_pause_waiting(
    store: Store, rival: asyncpg.Connection
) -> None:
    """A dump, a report or another program may take hours."""
    await rival.execute("CREATE TABLE other (id int)")
    async with rival.transaction():
        await rival.execute("INSERT INTO other VALUES (1)")
        await rival.fetch("SELECT * FROM pauses, jobs, nodes")

        assert (await put(store, KEYS[0])).changed


async def test_claims_and_pauses_of_others_do_not_hinder_each_other(store: Store) -> None:
    """Concurrent claims of the same jobs lock each other out, and read a pause again then."""
    await put(store, PauseKey(PauseKind.UID, "another"))
    await store.register(node())
    ids = [await queued(store) for _ in range(50)]

    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(store.claim(ids[::step], node_id="a1", at=later(1)))
            for step in (1, -1) * 10
        ]
        for number in range(10):
            group.create_task(put(store, PauseKey(PauseKind.TASK, f"other{number}")))

    assert sorted(claim.id for call in calls for claim in call.result()) == ids


async def _waits_for_a_lock(rival: asyncpg.Connection) -> bool:
    return bool(await rival.fetchval("SELECT bool_or(NOT granted) FROM pg_locks"))
