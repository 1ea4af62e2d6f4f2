"""A node's look at schedules: what is due becomes jobs, and what waits goes when it may."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from scheduler.basics.clock import new_id
from scheduler.core.access.principal import Role
from scheduler.core.access.token import Token
from scheduler.core.errors import StoreRefused
from scheduler.core.job import Failure, FailureKind, HoldReason, Job, Status
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quota, Quotas
from scheduler.core.schedules import timing
from scheduler.core.schedules.schedule import Misfire, Overlap, Schedule, SkipReason
from scheduler.core.schedules.timing import Timing
from scheduler.core.schedules.zones import NoSuchZone
from scheduler.node.schedule_look import LOOK_S, OVERLAP_S, ScheduleLook
from scheduler.service.schedules.firing import Firings
from scheduler.service.schedules.schedules import upcoming
from scheduler.service.service import Service
from tests.contract.schedules.making import KEY, plan, schedule
from tests.fakes import FakeClock, MemoryQueue, MemoryStore
from tests.support.stores import claimed, end, known, queued

TOKEN_ID = "t1"  # noqa: S105 - no secret


class Node:
    """A node's look, on fakes; the store's clock moves by hand."""

    def __init__(self, *quotas: Quota) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(now=self.clock.now)
        self.queue = MemoryQueue()
        self.outcomes: dict[str, int] = {}
        self.aborted: list[str] = []
        firings = Firings(
            store=cast("Store", self.store),
            queue=self.queue,
            clock=self.clock,
            new_id=new_id,
            quotas=Quotas(quotas),
            on_occurrences=self._count,
        )
        self.look = ScheduleLook(
            store=cast("Store", self.store),
            queue=self.queue,
            firings=firings,
            service=cast("Service", self),
            nearer=asyncio.Event(),
        )

    def _count(self, outcome: str, number: int) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + number

    async def abort_replaced(self, job_id: str, uid: str) -> None:
        """In place of the service's."""
        self.aborted.append(job_id)
        at = self.clock.now()
        await self.store.request_abort(job_id, uid=uid, reason=None, grace_s=None, at=at)

    async def put(self, **fields: Any) -> Schedule:  # noqa: ANN401 - fields of a plan
        token_id = fields.pop("token_id", None)
        wanted = schedule(plan(**fields), cursor=self.clock.now(), token_id=token_id, set_by="web")
        stored = await self.store.schedules.put(wanted, revision=None)
        assert stored is not None
        return stored

    async def steps(self) -> None:
        """All that is to be done now."""
        while await self.look.step() == 0:
            pass

    async def pass_(self, hours: float = 1) -> None:
        """Some hours go by, and the node looks."""
        self.clock.advance(hours * 3600)
        await self.steps()

    @property
    def jobs(self) -> list[Job]:
        return [row.job for row in self.store.rows.values() if row.job.schedule]

    async def skipped(self) -> Mapping[Any, int]:
        found = (await self.store.schedules.standing(KEY)).schedule
        assert found is not None
        recent = await self.store.schedules.recent(found, limit=100)
        return {each.skipped: each.count for each in recent if each.skipped}


@pytest.fixture
def node() -> Node:
    return Node()


async def test_what_is_due_becomes_a_job_that_waits_for_a_worker(node: Node) -> None:
    await node.put(data='{"n": 1}', priority=60, max_attempts=3, hook="https://example.com")
    await node.steps()
    assert node.jobs == []

    await node.pass_()

    (job,) = node.jobs
    assert (job.uid, job.task, job.data, job.hook) == (
        "u1",
        "task1",
        '{"n": 1}',
        "https://example.com",
    )
    assert (job.priority, job.max_attempts, job.submitted_by) == (60, 3, "web")
    assert (job.schedule, job.status) == ("nightly", Status.QUEUED)
    assert job.scheduled_for is not None
    assert job.scheduled_for.minute == 0
    assert list(node.queue.server.ids) == [job.id]
    assert node.outcomes == {"job": 1}
    await node.steps()
    assert len(node.jobs) == 1


async def test_the_next_look_is_when_the_next_schedule_is_due(node: Node) -> None:
    assert await node.look.step() == LOOK_S
    of = await node.put()
    assert of.next_at is not None
    assert await node.look.step() == LOOK_S
    left = of.next_at - node.clock.now()
    node.clock.advance(left.total_seconds() - 0.25)
    assert 0.2 < await node.look.step() <= 0.25


async def test_what_was_missed_is_told(node: Node) -> None:
    await node.put(misfire=Misfire.ONCE, catchup_s=7200.0)

    await node.pass_(5)

    assert len(node.jobs) == 1
    assert await node.skipped() == {SkipReason.MISSED: 4}
    assert node.outcomes == {"job": 1, "missed": 4}


@pytest.mark.parametrize("key", [PauseKey(PauseKind.TASK, "task1"), PauseKey(PauseKind.UID, "u1")])
async def test_an_occurrence_of_what_is_paused_is_skipped(node: Node, key: PauseKey) -> None:
    """And told so; the next one after the pause is made."""
    await node.put()
    await node.store.pauses.put(key, reason=None, until=None, by=None)
    await node.pass_()
    assert (node.jobs, await node.skipped()) == ([], {SkipReason.PAUSED: 1})

    await node.store.pauses.end(key)
    await node.pass_()
    assert len(node.jobs) == 1


async def test_an_occurrence_beyond_a_quota_is_skipped() -> None:
    """As far as there is room, jobs are made."""
    node = Node(Quota(pattern="u1", queued_max=2))
    await queued(cast("Store", node.store))
    await node.put(misfire=Misfire.ALL, catchup_s=1e5, overlap=Overlap.ALLOW)

    await node.pass_(3)

    assert len(node.jobs) == 1
    assert node.outcomes == {"job": 1, "quota": 2}
    await node.pass_()
    assert node.outcomes == {"job": 1, "quota": 3}


@pytest.mark.parametrize(
    ("overlap", "jobs"), [(Overlap.SKIP, 1), (Overlap.QUEUE_ONE, 2), (Overlap.ALLOW, 3)]
)
async def test_what_overlaps_is_made_as_the_schedule_says(
    node: Node, overlap: Overlap, jobs: int
) -> None:
    """Nothing ends for three hours."""
    await node.put(overlap=overlap)
    for _ in range(3):
        await node.pass_()
    assert len(node.jobs) == jobs
    assert node.outcomes.get("overlap", 0) == 3 - jobs


async def test_one_that_waits_goes_once_the_earlier_one_is_over(node: Node) -> None:
    await node.put(overlap=Overlap.QUEUE_ONE)
    await node.pass_()
    await node.pass_()
    first, second = node.jobs
    assert second.hold is not None
    assert second.hold.reason == HoldReason.OVERLAP
    assert await node.look.step() == OVERLAP_S

    await node.store.settle([end(await claimed(cast("Store", node.store), first.id))])
    await node.steps()

    assert (await known(cast("Store", node.store), second.id)).hold is None
    assert list(node.queue.server.ids)[-1] == second.id
    assert await node.look.step() == LOOK_S


async def test_what_is_replaced_is_aborted_and_proven_dead_first(node: Node) -> None:
    await node.put(overlap=Overlap.REPLACE)
    await node.pass_()
    (first,) = node.jobs
    claim = await claimed(cast("Store", node.store), first.id)

    await node.pass_()

    second = node.jobs[-1]
    assert node.aborted == [first.id]
    assert second.hold is not None
    assert second.hold.reason == HoldReason.REPLACE
    await node.store.settle([end(claim, Status.ABORTED)])
    await node.steps()
    assert (await known(cast("Store", node.store), second.id)).hold is None
    assert node.aborted == [first.id]


def token(**fields: Any) -> Token:  # noqa: ANN401 - fields of a token
    return replace(
        Token(
            id="t1",
            digest="0" * 64,
            name="web",
            role=Role.USER,
            uids=("u1",),
            created_at=FakeClock().now(),
            created_by=None,
            expires_at=None,
            revoked_at=None,
            used_at=None,
        ),
        **fields,
    )


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (None, "was revoked"),
        ({"revoked_at": FakeClock().now()}, "was revoked"),
        ({"expires_at": FakeClock().now()}, "has expired"),
        ({"role": Role.VIEWER}, "may not submit for this user"),
        ({"uids": ("u2",)}, "may not submit for this user"),
    ],
)
async def test_a_schedule_of_who_lost_the_right_is_paused(
    node: Node, fields: dict[str, Any] | None, why: str
) -> None:
    """It would go on as nobody; its note says what happened."""
    if fields is not None:
        await node.store.tokens.add(token(**fields))
    await node.put(token_id=TOKEN_ID)

    await node.pass_()

    found = (await node.store.schedules.standing(KEY)).schedule
    assert found is not None
    assert (node.jobs, found.plan.paused, found.next_at) == ([], True, None)
    assert found.plan.note == f"paused, since 'web', who set it, {why}"


@pytest.mark.parametrize("remaining", [1, 3])
async def test_a_schedule_ends_with_its_last_job(node: Node, remaining: int) -> None:
    """What it has left goes down with each; who sets it anew begins anew, and makes up for none."""
    await node.put(remaining=remaining, overlap=Overlap.ALLOW)
    for number in range(1, 6):
        await node.pass_()
        assert len(node.jobs) == min(number, remaining)

    found = (await node.store.schedules.standing(KEY)).schedule
    assert found is not None
    assert (found.plan.remaining, found.plan.paused, found.next_at) == (0, False, None)
    assert upcoming(found) == ()


async def test_of_many_that_were_missed_only_so_many_are_made_up_for(node: Node) -> None:
    """The earliest, and what is skipped does not count."""
    await node.put(remaining=2, overlap=Overlap.ALLOW, misfire=Misfire.ALL, catchup_s=36_000.0)
    node.clock.advance(5 * 3600)
    await node.steps()

    assert len(node.jobs) == 2
    assert node.outcomes == {"job": 2}


async def test_a_schedule_whose_jobs_keep_failing_is_paused(node: Node) -> None:
    """At its next time, and its note says so; who sets it again begins anew."""
    store = cast("Store", node.store)
    error = Failure(kind=FailureKind.EXCEPTION, message="no")
    await node.put(pause_after_failures=2, note="sales")
    for number in range(1, 4):
        await node.pass_()
        assert len(node.jobs) == min(number, 2)
        for job in node.jobs[number - 1 :]:
            claim = await claimed(store, job.id)
            await node.store.settle([end(claim, Status.TERMINATED, error=error)])

    found = (await node.store.schedules.standing(KEY)).schedule
    assert found is not None
    assert (found.plan.paused, found.plan.note) == (True, "paused after 2 failures in a row\nsales")

    again = replace(found, plan=replace(found.plan, paused=False), changed_at=node.clock.now())
    await node.store.schedules.put(
        replace(again, next_at=again.next_due(again.cursor)), revision=found.revision
    )
    await node.pass_()
    assert len(node.jobs) == 3


async def test_a_schedule_goes_on_while_its_token_has_force(node: Node) -> None:
    await node.store.tokens.add(token())
    await node.put(token_id=TOKEN_ID)
    await node.pass_()
    assert len(node.jobs) == 1


async def test_jobs_wait_in_the_store_while_the_queue_is_away(node: Node) -> None:
    """The sweeper enqueues them."""
    await node.put()
    node.queue.away = True
    await node.pass_()
    assert len(node.jobs) == 1


async def test_a_schedule_that_is_refused_keeps_no_other_one_waiting(node: Node) -> None:
    await node.put()
    other = schedule(plan(), key=KEY._replace(name="other"), id="s2", cursor=node.clock.now())
    await node.store.schedules.put(other, revision=None)
    handle, tried = node.look._firings.handle, []

    async def failing(standing: Any) -> bool:  # noqa: ANN401 - as it comes
        tried.append(standing.schedule.key.name)
        if len(tried) == 1:
            raise StoreRefused("no")
        return await handle(standing)

    node.look._firings.handle = failing  # type: ignore[method-assign]
    node.clock.advance(3600)
    await node.look.step()
    assert len(tried) == 2
    assert len(node.jobs) == 1


def unknown(name: str) -> ZoneInfo:
    """In place of `zone`, of a node whose rules of zones are old."""
    raise NoSuchZone(name, ())


async def test_a_schedule_in_a_zone_that_only_other_nodes_know_is_left_to_them(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are of a later version: what they store must not end this node."""
    await node.put(timing=Timing(cron="0 * * * *", timezone="America/Coyhaique"))
    other = schedule(plan(), key=KEY._replace(name="other"), id="s2", cursor=node.clock.now())
    await node.store.schedules.put(other, revision=None)

    with monkeypatch.context() as patch:
        patch.setattr(timing, "zone", unknown)
        await node.pass_()
        assert [job.schedule for job in node.jobs] == ["other"]

    await node.steps()
    assert [job.schedule for job in node.jobs] == ["other", KEY.name]
