"""The lease: shows others that the node lives, and is its own deadline for jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.policy import fence_s, renewal_answer_s, renewal_s, stall_s
from scheduler.worker.lease import TRY_AGAIN_S, Lease
from tests.fakes import FakeClock, MemoryStore
from tests.faults.virtual import VirtualClock, VirtualLoop
from tests.support.eventually import eventually
from tests.support.gate import Gate
from tests.support.stores import abort, node, running

LEASE_S = 6.0
RENEWAL_S, FENCE_S, STALL_S = renewal_s(LEASE_S), fence_s(LEASE_S), stall_s(LEASE_S)


class Installation:
    """A lease, and a record of its calls."""

    def __init__(
        self,
        clock: FakeClock | None = None,
        *,
        store: MemoryStore | None = None,
        shared: bool = True,
    ) -> None:
        self.behind, self.clock = store or MemoryStore(), clock or FakeClock()
        self.loops = 3 if shared else 2
        self.store = Gate(self.behind)
        self.aborts: list[str] = []
        self.held: list[float] = []
        self.losses = 0
        self.calm = asyncio.Event()
        self.calm.set()
        self.lease = Lease(
            node(),
            store=cast("Any", self.store),
            clock=self.clock,
            lease_s=LEASE_S,
            running=lambda: 3,
            on_abort_requested=self.aborts.append,
            on_held=self.held.append,
            on_lost=self._lose,
            calm=self.calm.wait,
            shared=shared,
        )

    def _lose(self) -> None:
        self.losses += 1

    async def beat(self) -> int | None:
        """The beat that others see; None where the node is not registered."""
        return next((each.beat for each in await self.behind.nodes()), None)

    async def renews(self, beats: int) -> None:
        """Let the time for one renewal pass, and wait until it arrives."""
        await eventually(lambda: len(self.clock._sleepers) == 3)
        self.clock.advance(RENEWAL_S)

        async def arrived() -> bool:
            return await self.beat() == beats

        await eventually(arrived)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        await self.lease.begin()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self.lease.keep())
            await eventually(lambda: len(self.clock._sleepers) == self.loops)
            yield
            keeping.cancel()


@pytest.fixture
def installation() -> Installation:
    return Installation()


async def test_it_is_renewed_in_time(installation: Installation) -> None:
    """One renewal may fail without the node being presumed dead."""
    async with installation.kept():
        mark = installation.lease.mark()
        for beats in (1, 2, 3, 4):
            await installation.renews(beats)
        assert installation.lease.unbroken(mark)
    assert installation.losses == 0
    assert installation.held == [beat * RENEWAL_S + FENCE_S for beat in range(5)]


async def test_requested_aborts_are_passed_on(installation: Installation) -> None:
    """The third way in which a node learns of an abort: it works without Redis."""
    async with installation.kept():
        claim = await running(installation.behind)
        await abort(installation.behind, claim.id)
        installation.clock.advance(renewal_answer_s(LEASE_S))
        await eventually(lambda: installation.aborts == [claim.id])


async def test_others_learn_of_new_handlers(installation: Installation) -> None:
    """Else they end the jobs of a handler that only this node has."""
    async with installation.kept():
        await installation.lease.set_tasks(["new"])
        assert [each.tasks for each in await installation.behind.nodes()] == [("new",)]


async def test_a_node_that_was_presumed_dead_comes_back_with_its_new_handlers(
    installation: Installation,
) -> None:
    async with installation.kept():
        await installation.lease.set_tasks(["new"])
        await installation.behind.bury(node().id)
        await installation.renews(2)
        assert [each.tasks for each in await installation.behind.nodes()] == [("new",)]


async def test_new_handlers_are_told_also_where_the_node_is_presumed_dead(
    installation: Installation,
) -> None:
    """It may register with the old ones at this very moment: so it is told until it is there."""
    async with installation.kept(), asyncio.TaskGroup() as group:
        await installation.behind.bury(node().id)
        telling = group.create_task(installation.lease.set_tasks(["new"]))
        await eventually(lambda: len(installation.clock._sleepers) == installation.loops + 1)
        await installation.behind.register(node())
        installation.clock.advance(TRY_AGAIN_S)
        await telling
        assert [each.tasks for each in await installation.behind.nodes()] == [("new",)]


async def test_a_look_for_aborts_that_hangs_delays_no_renewal(installation: Installation) -> None:
    """A lock on the jobs, such as that of VACUUM FULL, is no reason to kill what runs."""
    async with installation.kept():
        hanging = installation.store.hold("aborts_requested", "before")
        installation.clock.advance(renewal_answer_s(LEASE_S))
        await hanging.reached.wait()
        await eventually(lambda: len(installation.clock._sleepers) == 2)
        beat = await installation.beat()
        assert beat is not None
        installation.clock.advance(RENEWAL_S)

        async def renewed() -> bool:
            return await installation.beat() == beat + 1

        await eventually(renewed)
        hanging.let()
    assert installation.losses == 0


async def test_at_the_deadline_all_jobs_are_stopped_though_a_renewal_hangs(
    installation: Installation,
) -> None:
    """Guarantee 1. Others begin the jobs after the lease; the store may hang only for this node."""
    async with installation.kept():
        mark = installation.lease.mark()
        hanging = installation.store.hold("renew", "before")
        installation.clock.advance(RENEWAL_S)
        await hanging.reached.wait()
        installation.clock.advance(FENCE_S - RENEWAL_S - 0.001)
        assert installation.lease.unbroken(mark)
        installation.clock.advance(0.001)
        await eventually(lambda: installation.losses == 1)
        assert not installation.lease.unbroken(mark)
        hanging.let()


async def test_a_node_that_was_stopped_notices_the_loss_before_it_acts(
    installation: Installation,
) -> None:
    """After SIGCONT the guard may be the last task to wake: the first check finds out."""
    async with installation.kept():
        mark = installation.lease.mark()
        installation.clock._passed_s += FENCE_S  # and no task has been woken yet
        assert not installation.lease.unbroken(mark)
        assert installation.losses == 1


async def test_an_answer_that_comes_after_the_deadline_does_not_undo_the_loss(
    installation: Installation,
) -> None:
    """The warden has ended the jobs by then, and that must not count as a crash."""
    async with installation.kept():
        mark = installation.lease.mark()
        hanging = installation.store.hold("renew", "after")
        installation.clock.advance(RENEWAL_S)
        await hanging.reached.wait()
        installation.clock._passed_s += FENCE_S - RENEWAL_S
        hanging.let()
        await eventually(lambda: len(installation.held) > 1)
        assert installation.losses == 1
        assert not installation.lease.unbroken(mark)
        assert installation.lease.unbroken(installation.lease.mark())


def in_virtual_time(trial: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run a trial of minutes in milliseconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(trial())


def test_a_renewal_without_an_answer_does_not_cost_the_lease() -> None:
    """A connection may die silently, and that must not end the jobs of this node."""

    async def one_is_not_answered() -> None:
        installation = Installation(VirtualClock())
        await installation.lease.begin()
        silent = installation.store.hold("renew", "before")
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(installation.lease.keep())
            await silent.reached.wait()
            await asyncio.sleep(LEASE_S)
            keeping.cancel()
        assert installation.losses == 0
        again = RENEWAL_S + renewal_answer_s(LEASE_S)
        assert installation.held[1] == pytest.approx(again + FENCE_S, abs=RENEWAL_S)

    in_virtual_time(one_is_not_answered)


class StallingStore(MemoryStore):
    """A store that answers no renewal during a stall: they hang, or are refused."""

    def __init__(self, *, since: float, for_s: float, refuses: bool) -> None:
        super().__init__()
        self._since, self._until, self._refuses = since, since + for_s, refuses

    async def renew(self, node_id: str, *, running: int) -> bool:
        now = asyncio.get_running_loop().time()
        if self._since <= now < self._until:
            if self._refuses:
                raise StoreUnavailable("stalled")
            await asyncio.sleep(self._until - now)
        return await super().renew(node_id, running=running)


def losses_by_stall(for_s: float, *, since: float, refuses: bool, shared: bool = True) -> int:
    """How often the lease is lost by one stall."""
    found = []

    async def trial() -> None:
        store = StallingStore(since=since, for_s=for_s, refuses=refuses)
        installation = Installation(VirtualClock(), store=store, shared=shared)
        await installation.lease.begin()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(installation.lease.keep())
            await asyncio.sleep(since + for_s + LEASE_S)
            assert (await store.nodes())[0].beat > 0
            keeping.cancel()
        found.append(installation.losses)

    in_virtual_time(trial)
    return found[0]


PHASES = [3 * LEASE_S + phase * RENEWAL_S / 10 for phase in range(11)]
"""Instants from one renewal to the next: a stall may begin at any of them."""


@pytest.mark.parametrize("refuses", [False, True])
def test_a_stall_of_the_store_within_its_bound_costs_nothing_whenever_it_begins(
    *, refuses: bool
) -> None:
    """The docs say so: nobody has to fear a lock or a restart of the database of that length."""
    assert STALL_S == 4.0
    assert [losses_by_stall(STALL_S, since=since, refuses=refuses) for since in PHASES] == [0] * 11


@pytest.mark.parametrize("refuses", [False, True])
def test_a_stall_as_long_as_the_lease_costs_it_once(*, refuses: bool) -> None:
    """The node may be cut off alone, and others take its jobs: guarantee 1."""
    assert [losses_by_stall(LEASE_S, since=since, refuses=refuses) for since in PHASES] == [1] * 11


@pytest.mark.parametrize("refuses", [False, True])
def test_no_stall_costs_a_node_that_has_a_store_of_its_own(*, refuses: bool) -> None:
    """Nobody else could take its jobs: to kill them would only run them twice."""
    for for_s in (LEASE_S, 100 * LEASE_S):
        assert losses_by_stall(for_s, since=LEASE_S, refuses=refuses, shared=False) == 0


async def test_a_node_whose_own_store_forgot_it_stops_all_jobs() -> None:
    """Somebody put another file in its place: what runs belongs to no job in it."""
    installation = Installation(shared=False)
    async with installation.kept():
        await installation.behind.bury("a1")
        await eventually(lambda: len(installation.clock._sleepers) == 2)
        installation.clock.advance(renewal_answer_s(LEASE_S))
        await eventually(lambda: installation.losses == 1)
        assert installation.held == []


async def test_an_unavailable_store_is_tried_again(installation: Installation) -> None:
    """One lost renewal is no reason to stop the jobs."""
    async with installation.kept():
        failing = installation.store.hold("renew", "before")
        installation.clock.advance(RENEWAL_S)
        await failing.reached.wait()
        failing.let(StoreUnavailable("away"))
        await installation.renews(1)
        assert installation.losses == 0


async def test_a_node_that_was_presumed_dead_stops_all_jobs_and_registers_again(
    installation: Installation,
) -> None:
    """Other nodes may run its jobs by now."""
    async with installation.kept():
        mark = installation.lease.mark()
        await installation.behind.bury("a1")
        await installation.renews(2)
        await eventually(lambda: len(installation.held) == 2)
        assert installation.losses == 1
        assert not installation.lease.unbroken(mark)
        await installation.renews(3)


async def test_a_node_that_came_back_is_not_presumed_dead_by_an_old_beat(
    installation: Installation,
) -> None:
    """Guarantee 1. A slow sweeper still has the beat from before, and must not bury it by that.

    The answer to the last renewal before the silence may have been lost, so its beat counts too.
    """
    async with installation.kept():
        installation.store.lose_answer("renew", StoreUnavailable("lost"))
        await installation.renews(1)
        await installation.behind.bury("a1")
        await installation.renews(3)
        assert not await installation.behind.bury("a1", beat=0)
        assert not await installation.behind.bury("a1", beat=1)


async def test_after_a_loss_nothing_begins_before_nobody_ends_jobs_any_more(
    installation: Installation,
) -> None:
    """The warden ends what it finds when it comes to it: it would take a new attempt for an old."""
    installation.calm.clear()
    async with installation.kept():
        installation.lease._lose()
        await installation.renews(1)
        assert not installation.lease.unbroken(installation.lease.mark())
        installation.calm.set()
        async with asyncio.timeout(20):
            await installation.lease.held()


async def test_a_job_not_taken_over_stays_with_a_node_that_came_back(
    installation: Installation,
) -> None:
    """Guarantee 1. The attempt is still being killed; no other may begin before that is done."""
    async with installation.kept():
        claim = await running(installation.behind)
        await installation.behind.bury("a1")
        await installation.renews(2)
        await eventually(lambda: len(installation.held) == 2)
        job = await installation.behind.get(claim.id)
        assert job is not None
        assert (job.status, job.owner) == ("running", "a1")


async def test_a_wait_for_the_lease_ends_when_it_is_held_again(
    installation: Installation,
) -> None:
    """Workers claim nothing meanwhile: they could only give it back."""
    async with installation.kept():
        await installation.lease.held()
        installation.lease._lose()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(installation.lease.held())
            await asyncio.sleep(0)
            assert not waiting.done()
            await installation.renews(1)


async def test_a_lease_that_was_given_up_is_gone_at_once(installation: Installation) -> None:
    """After a drain no other node has to wait until the lease expires."""
    await installation.lease.begin()
    await installation.lease.end()
    assert await installation.beat() is None
