"""What was held and needs labels goes to its lane, whatever lets it go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from scheduler.core.job import HoldReason, Order, WaitingJob
from scheduler.core.limits.declaration import Limit
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import UNLIMITED
from scheduler.core.schedules.schedule import Schedule
from scheduler.core.tasks import Tasks
from scheduler.worker.from_store.limited import LimitedClaims
from tests.contract.limiters.asking import claim, finish, in_limiters, limited
from tests.contract.places.test_store import labelled, needing
from tests.contract.schedules.making import firing, hours, schedule
from tests.support.stores import after, end, later, new

GPU = Order(needs=("gpu",))


def lanes(jobs: Iterable[WaitingJob]) -> list[tuple[str, str]]:
    """The ids and lanes of jobs that were let go."""
    return [(job.id, job.lane) for job in jobs]


async def test_a_limited_job_is_claimed_held_and_let_go_in_its_lane(store: Store) -> None:
    options = limited(Limit(1))
    await store.register(labelled("gpu"))
    first, second = [await needing(store, "gpu") for _ in range(2)]
    assert [each.job.lane for each in await in_limiters(store, options, [first])] == ["gpu"]

    claims, held = await claim(store, options, first, second, node_id="gpu")

    assert [each.id for each in claims] == [first]
    assert lanes(held) == [(second, "gpu")]
    await finish(store, *claims)
    (freed,) = await store.limiters.freed(limit=9)
    gone = await store.limiters.let_go(freed.key, rules={}, limit=9)
    assert lanes(gone) == [(second, "gpu")]


async def test_those_in_a_lane_are_held_with_the_one_that_is_met(store: Store) -> None:
    """Else a worker would meet each of ten thousand."""
    options = limited(Limit(1))
    await store.register(labelled("gpu"))
    sent = [await needing(store, "gpu") for _ in range(5)]
    tasks = Tasks({options.name: options}, loaded_at=later(0))
    limits = LimitedClaims(store=store, tasks=tasks, quotas=UNLIMITED)

    claims, held = await limits.claim(sent[:2], node_id="gpu", at=later(1))

    assert [each.id for each in claims] == sent[:1]
    assert lanes(held) == [(job_id, "gpu") for job_id in sent[1:]]


async def test_a_successor_is_let_go_in_its_lane(store: Store) -> None:
    await store.register(labelled("plain"))
    first = new()
    second = new(after=after(first.id), order=GPU)
    await store.insert([first])
    await store.insert([second])
    (begun,) = await store.claim([first.id], node_id="plain", at=later(1))
    await store.settle([end(begun)])

    resolved = await store.dependencies.resolve(limit=9)

    assert lanes(resolved.freed) == [(second.id, "gpu")]


async def test_the_job_of_a_schedule_is_let_go_in_its_lane(store: Store) -> None:
    await store.register(labelled("gpu"))
    stored = await store.schedules.put(schedule(), revision=None, audit=[])
    assert isinstance(stored, Schedule)
    made = firing(stored, hours(1), hours(2), held=HoldReason.OVERLAP).made
    jobs = [each._replace(job=replace(each.job, order=GPU)) for each in made]
    of = firing(stored, hours(1), hours(2), held=HoldReason.OVERLAP)
    occurrences = [
        replace(occurrence, job_id=each.job.id)
        for occurrence, each in zip(of.occurrences, jobs, strict=True)
    ]
    await store.schedules.fire(replace(of, made=jobs, occurrences=occurrences))

    gone = (await store.schedules.let_go(limit=9)).waiting

    assert lanes(gone) == [(jobs[0].job.id, "gpu")]
