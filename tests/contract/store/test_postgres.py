"""PostgreSQL only: nodes that start together, servers that come and go, statements that wait."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from structlog.testing import capture_logs

from scheduler.core.errors import ParentAborted, StartError, StoreUnavailable
from scheduler.core.job import NewJob, Status
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from scheduler.store.arguments import batch, new_job
from scheduler.store.postgres import open_postgres
from scheduler.store.postgres_statements import digest
from scheduler.store.postgres_url.address import CONNECT_S
from scheduler.store.sql_store import SqlStore
from scheduler.store.statements import Dialect, statements
from tests.support.eventually import eventually
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import in_front_of
from tests.support.stores import (
    BYTES_MAX,
    DEATH,
    abort,
    end,
    ids_of,
    known,
    later,
    new,
    node,
    queued,
    running,
)

T = TypeVar("T")


@pytest.fixture
async def store(postgres_url: str, tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(postgres_url, data_dir=tmp_path) as opened:
        yield opened


@pytest.fixture
async def rival(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection in the same schema, whose locks make the store wait."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def test_nodes_that_start_together_make_one_schema(postgres_url: str, tmp_path: Path) -> None:
    async def identity() -> str:
        async with open_store(postgres_url, data_dir=tmp_path) as store:
            return store.identity

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(identity()) for _ in range(3)]

    assert len({task.result() for task in tasks}) == 1


async def test_nodes_share_what_is_stored(store: Store, postgres_url: str, tmp_path: Path) -> None:
    async with open_store(postgres_url, data_dir=tmp_path) as other:
        assert (await known(other, await queued(store))).status is Status.QUEUED


async def test_a_unix_socket_works(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    url = postgres_server.socket_url(schema=postgres_url.rpartition("=")[2])
    async with open_store(url, data_dir=tmp_path) as store:
        assert list(await store.nodes()) == []


async def test_lost_connections_are_replaced(store: Store, rival: asyncpg.Connection) -> None:
    job_id = await queued(store)
    await rival.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'AtlanScheduler'"
    )

    await eventually(lambda: _answers(store, job_id))


async def test_a_server_that_restarts_is_unavailable_for_a_while(
    store: Store, postgres_server: PostgresServer
) -> None:
    job_id = await queued(store)
    postgres_server.stop()
    try:
        with pytest.raises(StoreUnavailable, match=r"PostgreSQL at postgresql://"):
            await store.get(job_id)
        with pytest.raises(StoreUnavailable):
            await queued(store)
    finally:
        postgres_server.start()

    await eventually(lambda: _answers(store, job_id))


async def test_aborts_that_wait_for_a_lock_do_not_delay_the_lease(
    store: Store, rival: asyncpg.Connection
) -> None:
    """Another program that locks rows must not make the node kill all that it runs."""
    claims = [await running(store) for _ in range(12)]
    async with asyncio.TaskGroup() as group, rival.transaction():
        await rival.execute("SELECT * FROM jobs FOR UPDATE")
        aborts = [group.create_task(abort(store, claim.id)) for claim in claims]
        await eventually(lambda: _somebody_waits(rival))

        assert await store.renew("a1", running=12)
        assert not any(each.done() for each in aborts)
    assert all(each.result() for each in aborts)


async def test_a_server_that_does_not_answer_is_unavailable_in_time(
    postgres_url: str, rival: asyncpg.Connection
) -> None:
    """A node that waits for ever renews no lease and stops no job."""
    async with open_postgres(postgres_url, answer_s=0.2) as database:
        store = SqlStore(database)
        claim = await running(store)
        async with rival.transaction():
            await rival.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreUnavailable):
                await store.settle([end(claim)])

        assert (await known(store, claim.id)).status is Status.RUNNING
        assert await store.settle([end(claim)])


async def test_a_cancelled_call_does_not_wait_for_a_silent_connection(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """A renewal must end in time; and the next call gets another connection."""
    with in_front_of(postgres_server.port) as proxy:
        through = postgres_url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        async with open_store(through, data_dir=tmp_path) as store:
            proxy.swallow_old()
            async with asyncio.timeout(CONNECT_S - 1):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await store.nodes()
                assert await store.nodes() == []


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """It may come up soon: a node waits a moment for it."""
    with pytest.raises(StoreUnavailable, match=r"postgresql://me:\*\*\*@127\.0\.0\.1:1/db"):
        async with open_store("postgresql://me:secret@127.0.0.1:1/db", data_dir=tmp_path):
            pass


@pytest.mark.parametrize(
    "rest",
    ["postgres:secret@127.0.0.1:{port}/nowhere", "postgres:sec/ret@127.0.0.1:{port}/postgres"],
)
async def test_a_wrong_url_stops_the_start_without_its_password(
    postgres_server: PostgresServer, tmp_path: Path, rest: str
) -> None:
    url = f"postgresql://{rest.format(port=postgres_server.port)}"

    with pytest.raises(StartError, match=r"\[store\] url = ") as refused:
        async with open_store(url, data_dir=tmp_path):
            pass

    assert "sec" not in str(refused.value)


async def test_a_prepared_statement_has_a_name_that_no_other_text_can_have(
    postgres_url: str,
) -> None:
    """Behind a pooler, another node's statement of the same name would run with our arguments."""
    async with open_postgres(postgres_url) as database:
        await database.fetch("nodes")
        await database.fetch("nodes")
        async with database._pools.common.acquire() as connection:  # type: ignore[attr-defined]
            kept = await connection.fetch("SELECT name, statement FROM pg_prepared_statements")
    ((name, _),) = [row for row in kept if "FROM nodes" in row["statement"]]
    assert re.fullmatch(r"scheduler_[0-9a-f]{24}_\d+", name)
    assert name.split("_")[1] == digest(statements(Dialect.POSTGRESQL)["nodes"].text)


async def test_names_that_are_missing_or_taken_cost_no_call(postgres_url: str) -> None:
    """The first sign of a pooler may come at any time, amid calls on other connections."""
    async with open_postgres(postgres_url) as database:
        await database.fetch("nodes")
        async with database._pools.common.acquire() as connection:  # type: ignore[attr-defined]
            await connection.execute("DEALLOCATE ALL")
        with capture_logs() as logged:
            async with asyncio.TaskGroup() as group:
                for _ in range(99):
                    group.create_task(database.fetch("nodes"))
                    group.create_task(database.fetch("renew", "a1", 0))
    assert len(logged) == 1
    assert "a pooler shares the connections" in logged[0]["event"]


async def test_a_drain_that_waited_for_an_abort_sees_it(
    store: Store, rival: asyncpg.Connection
) -> None:
    """Guarantee 5, where the request commits while the drain's write waits for the lock."""
    claim = await running(store)

    settled = await _after(
        rival,
        "UPDATE jobs SET abort_requested_at = 1",
        store.settle([end(claim, Status.QUEUED, death=DEATH)]),
    )

    assert set(settled) == {claim.id}
    assert (await known(store, claim.id)).status is Status.ABORTED


async def test_a_claim_that_waited_for_an_abort_gets_nothing(
    store: Store, rival: asyncpg.Connection
) -> None:
    job_id = await queued(store)
    await store.register(node())

    claims = await _after(
        rival,
        "UPDATE jobs SET status = 'aborted', abort_requested_at = 1, finished_at = 1,"
        " abort_processes = 0, abort_survivors = 0",
        store.claim([job_id], node_id="a1", at=later(1)),
    )

    assert list(claims) == []
    assert (await known(store, job_id)).attempt == 0


async def test_a_claim_that_waited_for_the_burial_of_its_node_gets_nothing(
    store: Store, rival: asyncpg.Connection
) -> None:
    job_id = await queued(store)
    await store.register(node())

    claims = await _after(
        rival, "DELETE FROM nodes", store.claim([job_id], node_id="a1", at=later(1))
    )

    assert list(claims) == []
    assert (await known(store, job_id)).status is Status.QUEUED


async def test_a_child_that_waited_for_its_parent_to_refuse_it_is_refused(
    store: Store, rival: asyncpg.Connection
) -> None:
    """Else it would be there after an abort of everything below its parent was answered."""
    parent = await queued(store)

    refused = await _after(
        rival, "UPDATE jobs SET children_refused = true", _refused(store, new(parent=parent))
    )

    assert refused
    assert len(await store.page("u1", limit=9, bytes_max=BYTES_MAX)) == 1


async def test_a_parent_refuses_children_only_once_those_under_way_are_there(
    store: Store, rival: asyncpg.Connection
) -> None:
    """The next look below it must find the child, whose insert had begun before."""
    parent, child = await queued(store), new()
    text = statements(Dialect.POSTGRESQL)["insert"].text

    async with asyncio.TaskGroup() as group, rival.transaction():
        await rival.execute(text, batch([{**new_job(child), "parent": parent}]))
        refusing = group.create_task(store.refuse_children(parent, uid="u1", limit=9))
        await eventually(lambda: _somebody_waits(rival))
        assert not refusing.done()

    assert await store.refuse_children(parent, uid="u1", limit=9) == 1
    assert set(await store.unaborted(parent, uid="u1", grace_s=None, limit=9)) == {
        parent,
        child.id,
    }


async def test_a_burial_that_waited_for_a_renewal_leaves_the_node_alone(
    store: Store, rival: asyncpg.Connection
) -> None:
    await store.register(node())

    buried = await _after(rival, "UPDATE nodes SET beat = beat + 1", store.bury("a1", beat=0))

    assert not buried
    assert len(await store.nodes()) == 1


async def test_a_sweep_that_waited_for_an_abort_sees_it(
    store: Store, rival: asyncpg.Connection
) -> None:
    claim = await running(store)
    await store.bury("a1")

    released = await _after(
        rival,
        "UPDATE jobs SET abort_requested_at = 1",
        store.release_orphans(losses_max=3, at=later(2)),
    )

    assert list(released.ended) == [claim.id]
    assert (await known(store, claim.id)).status is Status.ABORTED


async def test_a_sweep_that_waited_does_not_release_a_job_that_a_new_node_has_claimed(
    store: Store, rival: asyncpg.Connection
) -> None:
    """Guarantee 1. Another sweeper released the job, and a node that just started runs it."""
    claim = await running(store)
    await store.bury("a1")

    released = await _after(
        rival,
        "WITH started AS (INSERT INTO nodes SELECT 'b1', 'b', '1', 1, '[]', 0, 0, 1)"
        " UPDATE jobs SET owner = 'b1', token = 2, attempt = 2",
        store.release_orphans(losses_max=3, at=later(2)),
    )

    assert (ids_of(released.to_enqueue), list(released.ended)) == ([], [])
    assert (await known(store, claim.id)).owner == "b1"


@pytest.mark.parametrize("status", [Status.SUCCESSFUL, Status.QUEUED])
@pytest.mark.parametrize("turn", [1, -1])
async def test_a_batch_locks_its_jobs_in_the_order_of_their_ids(
    store: Store, rival: asyncpg.Connection, status: Status, turn: int
) -> None:
    """Else two batches of the same jobs could deadlock."""
    claims = [await running(store), await running(store)]
    lock = "SELECT FROM jobs WHERE id = $1 FOR UPDATE NOWAIT"

    async with asyncio.TaskGroup() as group, rival.transaction():
        await rival.execute(lock, claims[1].id)
        group.create_task(store.settle([end(claim, status) for claim in claims[::turn]]))
        await eventually(lambda: _somebody_waits(rival))

        with pytest.raises(asyncpg.LockNotAvailableError):
            async with rival.transaction():
                await rival.execute(lock, claims[0].id)


async def test_a_deletion_does_not_wait_for_another_node_that_deletes(
    store: Store, rival: asyncpg.Connection
) -> None:
    claim = await running(store)
    await store.settle([end(claim)])

    async with rival.transaction():
        await rival.execute("DELETE FROM jobs")
        assert await store.delete_finished(before=later(99), limit=10) == 0


async def test_no_statement_reads_all_jobs(store: Store, rival: asyncpg.Connection) -> None:
    """With a million jobs, a statement that reads each of them stops the installation."""
    assert store
    await rival.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")

    for name, statement in statements(Dialect.POSTGRESQL).items():
        await rival.execute(f"PREPARE {name}_ AS {statement.text}")
        count = max(map(int, re.findall(r"\$(\d)", statement.text)), default=0)
        arguments = f"({', '.join(['NULL'] * count)})" if count else ""
        plan = await rival.fetch(f"EXPLAIN EXECUTE {name}_{arguments}")

        assert not [line for (line,) in plan if "Seq Scan on jobs" in line], name


async def _after(rival: asyncpg.Connection, sql: str, call: Coroutine[object, object, T]) -> T:
    """Run `sql` in a transaction that commits once the call waits for it; the call's answer."""
    async with asyncio.TaskGroup() as group, rival.transaction():
        await rival.execute(sql)
        task = group.create_task(call)
        await eventually(lambda: _somebody_waits(rival))
    return task.result()


async def _refused(store: Store, job: NewJob) -> bool:
    try:
        await store.insert([job])
    except ParentAborted:
        return True
    return False


async def _somebody_waits(rival: asyncpg.Connection) -> bool:
    return bool(await rival.fetchval("SELECT bool_or(NOT granted) FROM pg_locks"))


async def _answers(store: Store, job_id: str) -> bool:
    with suppress(StoreUnavailable):
        return await store.get(job_id) is not None
    return False
