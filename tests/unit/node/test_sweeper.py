"""The sweeper: which nodes are presumed dead, and which jobs and ids are recovered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import cast

import pytest
from structlog.testing import capture_logs

from scheduler.core.access.audit import Action
from scheduler.core.access.principal import Principal
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import Cleanup, CleanupTries, Node, Order, Status
from scheduler.core.places.labels import LANES_SEEN_MAX
from scheduler.core.ports.queue import Queue
from scheduler.core.quotas.reserve import Reserve
from scheduler.node.sweeper import (
    DELETE_MAX,
    DELETE_PAUSE_S,
    LOST_IDS_LOOK_S,
    RELEASE_EVERY_S,
    SWEEP_EVERY_S,
    Retention,
    Sweeper,
)
from scheduler.service.access.audit import recorded
from tests.fakes import FakeClock, MemoryQueue, MemoryServer, MemoryStore
from tests.support.gate import Gate
from tests.support.job_events import Counting
from tests.support.queues import one_of
from tests.support.stores import (
    abort,
    cleaning,
    end,
    held,
    ids_waiting,
    known,
    new,
    node,
    queued,
    running,
    waiting,
)

LEASE_S = 6.0


class Installation:
    """The sweeper of node `me`, in an installation with other nodes."""

    def __init__(self) -> None:
        self.clock, self.server = FakeClock(), MemoryServer()
        self.store: MemoryStore = MemoryStore(now=self.clock.now)
        self.queue = MemoryQueue(self.server, node_id="me")
        self.sweeper = self.sweeper_with(self.queue)
        self.takes_nothing = False
        """Whether the store takes no renewals, although it answers."""

    def sweeper_with(self, queue: object) -> Sweeper:
        """A sweeper that uses this queue."""
        return Sweeper(
            reserve=Reserve(0),
            store=self.store,
            queue=cast("Queue", queue),
            clock=self.clock,
            node_id="me",
            node_name="me",
            job_events=Counting(self.clock),
            lease_s=LEASE_S,
            losses_max=3,
            retention=Retention(finished_s=60.0, audit_s=3600.0),
        )

    async def sweep(self, *, after_s: float) -> None:
        self.clock.advance(after_s)
        if not self.takes_nothing:
            with suppress(StoreUnavailable):
                await self.store.renew("me", running=0)
        await self.sweeper.release_dead_nodes()

    async def names(self) -> list[str]:
        return [each.id for each in await self.store.nodes()]


@pytest.fixture
async def installation() -> Installation:
    installation = Installation()
    await installation.store.register(node("me"))
    return installation


async def test_a_node_that_is_silent_for_its_lease_is_presumed_dead_and_its_jobs_run_again(
    installation: Installation,
) -> None:
    """Guarantee 4. Within the lease and two sweeps, as the constant says."""
    claim = await running(installation.store, node_id="dead")
    await installation.sweep(after_s=0)
    await installation.sweep(after_s=LEASE_S - 0.001)
    assert await installation.names() == ["dead", "me"]
    await installation.sweep(after_s=0.001)
    assert await installation.names() == ["me"]
    assert (await known(installation.store, claim.id)).status is Status.QUEUED
    assert installation.server.ids == [claim.id]


async def test_a_node_that_renews_lives(installation: Installation) -> None:
    """However slow it is, as long as its beat changes within the lease."""
    await installation.store.register(node("slow"))
    for _ in range(5):
        await installation.sweep(after_s=LEASE_S - 0.1)
        await installation.store.renew("slow", running=0)
    assert "slow" in await installation.names()


async def test_a_node_does_not_presume_itself_dead(installation: Installation) -> None:
    """It notices the loss of its lease by its own deadline."""
    await installation.sweep(after_s=0)
    await installation.sweep(after_s=10 * LEASE_S)
    assert await installation.names() == ["me"]


async def test_a_living_node_of_the_same_name_is_warned_of_once(installation: Installation) -> None:
    """Lists, jobs and log lines name a node by it: nobody could tell the two apart."""
    await installation.store.register(node("killed", name="me"))
    await installation.store.register(node("twin", name="me"))
    await installation.store.register(node("other", name="other"))
    with capture_logs() as logs:
        for _ in range(3):
            await installation.sweep(after_s=SWEEP_EVERY_S)
            for id_ in ("me", "twin", "other"):
                await installation.store.renew(id_, running=0)

    (line,) = logs
    assert (line["log_level"], line["other_node"]) == ("warning", "twin")
    assert "set [node] name, or SCHEDULER_NODE__NAME" in line["event"]


async def test_a_node_that_was_killed_and_started_again_is_no_other_node(
    installation: Installation,
) -> None:
    """Its predecessor is registered until its lease ends, and has the same name."""
    await installation.store.register(node("killed", name="me"))
    with capture_logs() as logs:
        for _ in range(9):
            await installation.sweep(after_s=SWEEP_EVERY_S)
    assert [line["event"] for line in logs] == ["a node is presumed dead"]


class SlowStore(MemoryStore):
    """A store whose next look at the nodes takes a while, as behind a lock."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.takes_s = 0.0

    async def nodes(self) -> Sequence[Node]:
        self._clock.advance(self.takes_s)
        self.takes_s = 0.0
        return await super().nodes()


async def test_no_node_is_presumed_dead_because_the_store_answered_late() -> None:
    """A lock held up the renewals as well as this look; the node has the rest of its lease."""
    installation = Installation()
    installation.store = store = SlowStore(installation.clock)
    installation.sweeper = installation.sweeper_with(installation.queue)
    await store.register(node("other"))
    await installation.sweep(after_s=0)
    store.takes_s = 10 * LEASE_S
    await installation.sweep(after_s=1)
    await installation.sweep(after_s=LEASE_S - 1.001)
    assert await installation.names() == ["other"]
    await installation.sweep(after_s=0.001)
    assert await installation.names() == []


async def test_no_node_is_presumed_dead_because_the_store_was_unavailable(
    installation: Installation,
) -> None:
    """No node could renew, and results wait to be written: each node gets a whole lease again."""
    await installation.store.register(node("other"))
    await installation.sweep(after_s=0)
    installation.store.away = True
    with pytest.raises(StoreUnavailable):
        await installation.sweep(after_s=10 * LEASE_S)
    installation.store.away = False
    await installation.sweep(after_s=0)
    await installation.sweep(after_s=LEASE_S - 0.001)
    assert "other" in await installation.names()
    await installation.sweep(after_s=0.001)
    assert "other" not in await installation.names()


async def test_no_node_is_presumed_dead_because_the_store_took_no_writes(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers all the same, as a PostgreSQL that is read-only; then each has a lease again."""

    async def refused(*_: object, **__: object) -> bool:
        raise StoreUnavailable("it is read-only")

    await installation.store.register(node("other"))
    installation.takes_nothing = True
    for _ in range(2 * round(LEASE_S)):
        with suppress(StoreUnavailable), monkeypatch.context() as read_only:
            read_only.setattr(installation.store, "bury", refused)
            await installation.sweep(after_s=SWEEP_EVERY_S)
    installation.takes_nothing = False
    await installation.sweep(after_s=0.1)
    await installation.sweep(after_s=LEASE_S - 1.2)
    assert "other" in await installation.names()
    await installation.sweep(after_s=1.2)
    assert "other" not in await installation.names()


async def test_ids_in_flight_at_a_dead_node_go_back_to_the_queue(
    installation: Installation,
) -> None:
    """It had dequeued the id and not yet claimed the job."""
    job_id = await queued(installation.store)
    dead = MemoryQueue(installation.server, node_id="dead")
    await dead.enqueue(waiting(job_id))
    await one_of(dead, wait_s=0)
    await installation.sweep(after_s=0)
    assert installation.server.ids == [job_id]


async def test_jobs_of_a_node_that_lived_between_two_sweeps_are_released_later(
    installation: Installation,
) -> None:
    """Where the nodes are the same as before, an idle node must cost next to nothing."""
    await installation.sweep(after_s=0)
    claim = await running(installation.store, node_id="brief")
    await installation.store.bury("brief")
    await installation.sweep(after_s=SWEEP_EVERY_S)
    assert (await known(installation.store, claim.id)).status is Status.RUNNING
    await installation.sweep(after_s=RELEASE_EVERY_S - SWEEP_EVERY_S)
    assert (await known(installation.store, claim.id)).status is Status.QUEUED


async def test_a_release_that_failed_is_tried_again_by_the_next_sweep(
    installation: Installation,
) -> None:
    """The store released the jobs, but the queue did not recover the ids in flight."""
    job_id = await queued(installation.store)
    dead = MemoryQueue(installation.server, node_id="dead")
    await dead.enqueue(waiting(job_id))
    await one_of(dead, wait_s=0)
    installation.queue.away = True
    with pytest.raises(QueueUnavailable):
        await installation.sweep(after_s=0)
    installation.queue.away = False
    await installation.sweep(after_s=SWEEP_EVERY_S)
    assert installation.server.ids == [job_id]


async def test_all_waiting_jobs_are_enqueued_again_in_an_emptied_queue(
    installation: Installation,
) -> None:
    """D1: Redis may be emptied at any moment."""
    ids = [await queued(installation.store) for _ in range(3)]
    with capture_logs() as logs:
        await installation.sweeper.restore_ids()
    assert installation.server.ids == ids
    assert [(entry["event"], entry["jobs"]) for entry in logs] == [
        ("waiting jobs are enqueued anew", 3)
    ]
    await installation.sweeper.restore_ids()
    assert installation.server.ids == ids, "it is done once"


async def test_an_empty_queue_of_an_empty_store_is_no_event(installation: Installation) -> None:
    """Each first start finds both; a line that something was emptied would frighten."""
    with capture_logs() as logs:
        await installation.sweeper.restore_ids()
    assert logs == []


async def test_a_queue_that_was_emptied_is_told_even_without_jobs(
    installation: Installation,
) -> None:
    """Somebody has flushed a Redis that others use: its operator looks for that line."""
    await installation.sweeper.restore_ids()
    installation.server.flush()
    with capture_logs() as logs:
        await installation.sweeper.restore_ids()
    assert [entry["event"] for entry in logs] == ["waiting jobs are enqueued anew"]


async def test_other_nodes_that_sweep_meanwhile_enqueue_nothing(installation: Installation) -> None:
    """Else each id would be enqueued once by each node."""
    ids = [await queued(installation.store) for _ in range(3)]
    gated = Gate(installation.queue)
    remembering = gated.hold("remember", "before")
    other = installation.sweeper_with(MemoryQueue(installation.server, node_id="other"))
    async with asyncio.TaskGroup() as group:
        group.create_task(installation.sweeper_with(gated).restore_ids())
        await remembering.reached.wait()
        await other.restore_ids()
        remembering.let()
    assert installation.server.ids == ids


async def test_if_the_node_that_enqueues_all_dies_another_one_enqueues_all(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1. It does so once the first one has been silent for so long that it must be dead."""
    ids = [await queued(installation.store) for _ in range(3)]
    dead = MemoryQueue(installation.server, node_id="dead")
    await dead.forgetful()
    with monkeypatch.context() as dies:
        dies.setattr("tests.fakes.queue.REMIND_S", 0)
        assert await dead.remind(waiting(*ids[:1]))
    await installation.sweeper.restore_ids()
    assert installation.server.ids == ids


async def test_a_queue_that_is_emptied_again_meanwhile_is_filled_by_a_later_sweep(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1. The ids from before are gone; continuing would enqueue some of the others twice."""
    monkeypatch.setattr("scheduler.node.sweeper.ENQUEUE_MAX", 1)
    for _ in range(2):
        await queued(installation.store)
    gated = Gate(installation.queue)
    first = gated.hold("remind", "after")
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(installation.sweeper_with(gated).restore_ids())
            await first.reached.wait()
            installation.server.flush()
            first.let()
    assert logs == []
    assert await installation.queue.forgetful()


async def test_a_lost_id_is_enqueued_again(installation: Installation) -> None:
    """Its submit was interrupted between store and queue."""
    await installation.queue.remember()
    job_id = await queued(installation.store)
    await installation.sweeper.restore_ids()
    assert installation.server.ids == [job_id]


async def aborted(installation: Installation) -> str:
    """A job whose clean-up waits for a worker."""
    claim = await running(installation.store, undoable=True)
    await abort(installation.store, claim.id)
    await installation.store.settle([end(claim, Status.ABORTED)])
    return claim.id


async def test_a_lost_clean_up_comes_before_all_that_its_user_has_queued(
    installation: Installation,
) -> None:
    """The queue did not answer for a moment as its job was aborted."""
    await installation.queue.remember()
    before = await queued(installation.store)
    await installation.queue.enqueue(waiting(before))
    undone = await aborted(installation)

    await installation.sweeper.restore_ids()
    assert installation.server.ids == [undone, before]
    installation.clock.advance(LOST_IDS_LOOK_S)
    await installation.sweeper.restore_ids()
    assert installation.server.ids == [undone, before], "it is there"


async def test_clean_ups_come_before_all_in_an_emptied_queue(installation: Installation) -> None:
    """Else one would wait for a job of its user that runs, where he may run no more."""
    before, undone = await queued(installation.store), await aborted(installation)

    await installation.sweeper.restore_ids()
    assert [entry.id for entry in installation.server.lines.first] == [undone]
    assert installation.server.ids.count(before) == 1


async def test_lost_ids_are_found_in_however_many_lanes(installation: Installation) -> None:
    """Of so many lanes at a time, beside those that need no label."""
    await installation.queue.remember()
    needs = [f"l{number:03}" for number in range(LANES_SEEN_MAX + 1)]
    jobs = [new(order=Order(needs=(label,))) for label in needs]
    await installation.store.insert(jobs)
    for _ in range(2):
        await installation.sweeper.restore_ids()
        installation.clock.advance(LOST_IDS_LOOK_S)
    assert sorted(installation.server.ids) == [job.id for job in jobs]
    installation.server.flush()
    await installation.queue.remember()
    for _ in range(2):
        await installation.sweeper.restore_ids()
        installation.clock.advance(LOST_IDS_LOOK_S)
    assert len(installation.server.ids) == len(jobs), "it begins again at the first one"


async def test_a_newcomers_lost_id_is_found_however_much_others_have_queued(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be next; behind all older ids it would be looked for hours later."""
    monkeypatch.setattr("scheduler.node.sweeper.LOOK_AFTER_USERS_MAX", 1)
    await installation.queue.remember()
    sent = [new(uid="a") for _ in range(150)]
    await installation.store.insert(sent)
    await installation.queue.enqueue(waiting(*(job.id for job in sent), uid="a"))
    lost = [new(uid="b"), new(uid="b")]
    await installation.store.insert(lost)

    for _ in range(2):
        await installation.sweeper.restore_ids()
        installation.clock.advance(LOST_IDS_LOOK_S)
    assert [job.id in installation.server.ids for job in lost] == [True, True]


async def test_a_held_job_is_not_taken_for_a_lost_one(installation: Installation) -> None:
    """Nor is it enqueued where the queue was emptied: it would only be in others' way."""
    await held(installation.store)
    await installation.sweeper.restore_ids()
    await installation.queue.remember()
    await installation.sweeper.restore_ids()
    assert not installation.server.ids


async def test_the_oldest_ids_are_not_looked_for_in_every_sweep(installation: Installation) -> None:
    """Less often is enough: idle workers also ask the store for waiting jobs."""
    await installation.queue.remember()
    await installation.sweeper.restore_ids()
    await queued(installation.store)
    installation.clock.advance(SWEEP_EVERY_S)
    await installation.sweeper.restore_ids()
    assert not installation.server.ids
    installation.clock.advance(SWEEP_EVERY_S)
    await installation.sweeper.restore_ids()
    assert installation.server.ids


async def test_old_jobs_are_deleted_and_recent_ones_kept(installation: Installation) -> None:
    """Retention counts from the end of a job."""
    claim = await running(installation.store)
    await installation.store.settle([end(claim, ended_s=0)])
    installation.clock.advance(59)
    await installation.sweeper.delete_old_jobs()
    assert await installation.store.get(claim.id) is not None
    installation.clock.advance(DELETE_PAUSE_S)
    await installation.sweeper.delete_old_jobs()
    assert await installation.store.get(claim.id) is None


async def test_the_deletion_pauses_only_when_no_job_was_old(installation: Installation) -> None:
    """A million old jobs are deleted step by step; a node without any rarely asks."""

    async def deleted() -> bool:
        claim = await running(installation.store)
        await installation.store.settle([end(claim, ended_s=0)])
        await installation.sweeper.delete_old_jobs()
        return await installation.store.get(claim.id) is None

    installation.clock.advance(100)
    assert await deleted()
    assert await deleted()
    await installation.sweeper.delete_old_jobs()
    assert not await deleted()
    installation.clock.advance(DELETE_PAUSE_S)
    assert await deleted()


async def test_old_records_of_the_audit_log_are_deleted_step_by_step(
    installation: Installation,
) -> None:
    """It must not grow for ever, and its deletion must not delay other writes."""
    audit, sweeper = installation.store.audit, installation.sweeper
    by = Principal(name="web", grants=())
    for _ in range(DELETE_MAX + 1):
        await audit.add(recorded(by, Action.LOGIN, at=installation.clock.now()))
    installation.clock.advance(3599)
    await sweeper.delete_old_audit()
    assert len(audit.records) == DELETE_MAX + 1
    installation.clock.advance(DELETE_PAUSE_S)
    await sweeper.delete_old_audit()
    assert len(audit.records) == 1
    await sweeper.delete_old_audit()
    assert not audit.records


async def test_a_node_whose_clock_is_ahead_deletes_nothing_that_is_to_be_kept(
    installation: Installation,
) -> None:
    """What one node alone believes must not cost all users their results."""
    now = installation.clock.now()
    installation.store.now = lambda: now
    claim = await running(installation.store)
    await installation.store.settle([end(claim, ended_s=0)])
    by = Principal(name="web", grants=())
    await installation.store.audit.add(recorded(by, Action.LOGIN, at=now))

    installation.clock.advance(10 * 365 * 86_400)
    await installation.sweeper.delete_old_jobs()
    await installation.sweeper.delete_old_audit()

    assert await installation.store.get(claim.id) is not None
    assert installation.store.audit.records


async def test_a_step_that_fails_does_not_prevent_the_others(
    installation: Installation,
) -> None:
    """Old jobs must be deleted without Redis too, and a later sweep must do every step."""
    claim = await running(installation.store)
    await installation.store.settle([end(claim, ended_s=0)])
    installation.queue.away = True
    async with asyncio.TaskGroup() as group:
        sweeping = group.create_task(installation.sweeper.run())
        await installation.clock.pass_until(lambda: claim.id not in installation.store.rows)
        sweeping.cancel()


async def test_a_clean_up_whose_next_try_is_due_is_enqueued(installation: Installation) -> None:
    """Its node may be gone: every node looks, so that no clean-up waits for a certain one."""
    at = installation.clock.now() + timedelta(seconds=4)
    clean = await cleaning(installation.store, node_id="me")
    await installation.store.settle_cleanup(
        clean.id,
        token=clean.token,
        cleanup=Cleanup.PENDING,
        tries=CleanupTries(ended=1, allowed=2, next_at=at),
    )

    async with asyncio.TaskGroup() as group:
        sweeping = group.create_task(installation.sweeper.run())
        await installation.clock.pass_until(lambda: clean.id in installation.server.ids)
        sweeping.cancel()

    assert installation.clock.now() >= at
    assert await ids_waiting(installation.store) == [clean.id]


async def test_jobs_that_are_lost_or_left_undone_with_their_nodes_are_errors(
    installation: Installation,
) -> None:
    """Their own nodes can log nothing any more; each names its user, who may have to act."""
    lost = await running(installation.store, node_id="dead")
    clean = await cleaning(installation.store, node_id="dead")
    for row in installation.store.rows.values():
        row.losses = 2
    await installation.store.bury("dead")

    with capture_logs() as logged:
        await installation.sweep(after_s=0)

    errors = {line["job"]: line for line in logged if line["log_level"] == "error"}
    assert {job: line["event"] for job, line in errors.items()} == {
        lost.id: "job terminated",
        clean.id: "clean-up failed",
    }
    assert {(line["user"], line["kind"]) for line in errors.values()} == {("u1", "lost")}
