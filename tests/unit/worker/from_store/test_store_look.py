"""Whose job a node takes from the store where no id comes from the queue."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from scheduler.core.job import Claim, Order, Purpose, Status
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.places.labels import LANES_SEEN_MAX, PLAIN, Place
from scheduler.core.ports.queue import Share
from scheduler.service.pauses import PauseService
from scheduler.worker.from_store.store_look import STORE_LOOK_S, StoreLook
from tests.fakes import AT, FakeClock, MemoryStore
from tests.support.stores import abort, end, new, node

SHARES = {"double": Share(weight=2), "capped": Share(running_max=1)}


@dataclass
class Look:
    """A store, and a look into it that claims what it finds."""

    store: MemoryStore = field(default_factory=MemoryStore)
    clock: FakeClock = field(default_factory=FakeClock)
    busy_max: int | None = None
    place: Place = PLAIN

    def __post_init__(self) -> None:
        self.pauses = PauseService(
            store=self.store, clock=self.clock, node_name="n", nearer=asyncio.Event()
        )
        self.look = StoreLook(
            store=self.store,
            clock=self.clock,
            share_of=lambda uid: SHARES.get(uid, Share()),
            busy_max=lambda: self.busy_max,
            place=self.place,
            pauses=self.pauses,
        )

    async def submit(self, uid: str, count: int) -> None:
        await self.store.insert([new(uid=uid) for _ in range(count)])

    async def start(self) -> Claim | None:
        found = await self.look.next()
        if found is None:
            return None
        [claim] = await self.store.claim([found.id], node_id="n", at=AT)
        return claim


@pytest.fixture(name="look")
async def look_fixture() -> Look:
    look = Look()
    await look.store.register(node("n"))
    return look


async def users_of(look: Look, starts: int, *, slots: int) -> list[str]:
    """Who starts, where each job ends as the last slot is needed."""
    claims: list[Claim] = []
    for _ in range(starts):
        if len(claims) >= slots:
            await look.store.settle([end(claims[-slots])])
        claim = await look.start()
        assert claim is not None
        claims.append(claim)
    return [claim.uid for claim in claims]


@pytest.mark.parametrize("slots", [1, 2])
async def test_a_newcomer_is_next_and_then_all_take_turns(look: Look, slots: int) -> None:
    """With one slot nobody runs anything when it is free: the last starts count."""
    await look.submit("a", 9)
    await users_of(look, 3, slots=slots)
    await look.submit("b", 3)

    assert (await users_of(look, 4, slots=slots))[:2] in (["b", "a"], ["b", "b"])


async def test_weights_and_caps_count(look: Look) -> None:
    await look.submit("capped", 9)
    await look.submit("double", 9)
    await look.submit("one", 9)

    started = await users_of(look, 7, slots=7)
    assert (started.count("capped"), started.count("double"), started.count("one")) == (1, 4, 2)


async def test_slots_that_are_kept_are_for_users_who_run_nothing(look: Look) -> None:
    """As in the queue: all that run count, also those of users of whom nothing waits."""
    look.busy_max = 2
    await look.submit("gone", 1)
    assert await look.start() is not None
    await look.submit("a", 3)
    assert [await look.start() is None for _ in range(2)] == [False, True]

    look.clock.advance(STORE_LOOK_S)
    await look.submit("b", 2)
    assert [claim and claim.uid for claim in [await look.start() for _ in range(2)]] == ["b", None]


async def test_a_clean_up_of_who_runs_as_much_as_he_may_is_next(look: Look) -> None:
    """It is no job that runs more: the abort that left it must not wait for other jobs."""
    await look.store.insert([new(uid="capped", undoable=True)])
    aborted = await look.start()
    assert aborted is not None
    await look.submit("capped", 2)
    await look.store.request_abort(aborted.id, uid="capped", reason=None, grace_s=None, at=AT)
    await look.store.settle([end(aborted, Status.ABORTED)])
    [running] = await look.store.claim(
        [(await look.store.waiting_of("capped", limit=9))[1].id], node_id="n", at=AT
    )
    clean = await look.start()
    assert clean is not None
    assert (clean.id, clean.purpose) == (aborted.id, Purpose.CLEAN)
    assert await look.start() is None, f"{running.id} runs"


async def test_where_many_users_wait_it_goes_on_with_the_next_ones(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cost of one look does not grow with them, and nobody is left out."""
    monkeypatch.setattr("scheduler.worker.from_store.store_look.USERS_MAX", 2)
    for uid in ("a", "b", "c", "d", "e"):
        await look.submit(uid, 1)

    assert sorted(await users_of(look, 5, slots=9)) == ["a", "b", "c", "d", "e"]


async def test_where_nothing_waits_it_rests_for_a_while(look: Look) -> None:
    assert look.look.is_due
    assert await look.start() is None
    assert not look.look.is_due
    look.clock.advance(STORE_LOOK_S)
    assert look.look.is_due


async def test_a_job_is_found_in_however_many_lanes() -> None:
    """Behind lanes that the node does not take, and in the next look behind those that it takes."""
    needs = [f"l{number:03}" for number in range(LANES_SEEN_MAX + 1)]
    look, other = Look(place=Place(("l000", needs[-1]))), Look(place=Place((needs[-1],)))
    jobs = [new(order=Order(needs=(label,))) for label in needs]
    for each in look, other:
        await each.store.insert(jobs)

    assert (found := await other.look.next()) is not None
    assert found.id == jobs[-1].id
    found_ids = {job.id for _ in range(2) if (job := await look.look.next())}
    assert found_ids == {jobs[0].id, jobs[-1].id}


async def test_a_paused_node_finds_its_clean_up_behind_however_many_of_others(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that no node takes now may wait for days: in nobody's way."""
    monkeypatch.setattr("scheduler.worker.from_store.store_look.CLEANUPS_MAX", 2)
    await look.store.register(node("gpu", labels=["gpu"]))
    needing = [new(undoable=True, order=Order(needs=("gpu",))) for _ in range(5)]
    own = new(undoable=True)
    await look.store.insert([*needing, own])
    for job in [*needing, own]:
        [claim] = await look.store.claim([job.id], node_id="gpu", at=AT)
        await abort(look.store, job.id)
        await look.store.settle([end(claim, Status.ABORTED)])
    await look.store.pauses.put(PauseKey(PauseKind.NODE, "n"), reason=None, until=None, by=None)
    await look.pauses.look()

    found = await look.look.next()
    assert found is not None
    assert found.id == own.id
