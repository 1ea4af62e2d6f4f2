"""The lease: proof of life to others, and the node's own deadline for what it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.policy import fence_s, renewal_s
from scheduler.worker.lease import Lease
from tests.fakes import FakeClock, MemoryStore
from tests.faults.virtual import VirtualClock, VirtualLoop
from tests.support.eventually import eventually
from tests.support.gate import Gate
from tests.support.stores import abort, node, running

LEASE_S = 6.0
RENEWAL_S, FENCE_S = renewal_s(LEASE_S), fence_s(LEASE_S)


class Installation:
    """A lease, and what it calls out."""

    def __init__(self, clock: FakeClock | None = None) -> None:
        self.behind, self.clock = MemoryStore(), clock or FakeClock()
        self.store = Gate(self.behind)
        self.aborts: list[str] = []
        self.held: list[float] = []
        self.losses = 0
        self.lease = Lease(
            node(),
            store=cast("Any", self.store),
            clock=self.clock,
            lease_s=LEASE_S,
            running=lambda: 3,
            on_abort_requested=self.aborts.append,
            on_held=self.held.append,
            on_lost=self._lose,
        )

    def _lose(self) -> None:
        self.losses += 1

    async def beat(self) -> int | None:
        """How often others saw it renew; None where they do not know it."""
        return next((each.beat for each in await self.behind.nodes()), None)

    async def renews(self, beats: int) -> None:
        """Let time for one renewal pass, and see it arrive."""
        await eventually(lambda: len(self.clock._sleepers) == 2)
        self.clock.advance(RENEWAL_S)

        async def arrived() -> bool:
            return await self.beat() == beats

        await eventually(arrived)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        await self.lease.begin()
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self.lease.keep())
            await eventually(lambda: len(self.clock._sleepers) == 2)
            yield
            keeping.cancel()


@pytest.fixture
def installation() -> Installation:
    return Installation()


async def test_it_is_renewed_in_time(installation: Installation) -> None:
    """A renewal may fail, and nobody presumes the node dead."""
    async with installation.kept():
        mark = installation.lease.mark()
        for beats in (1, 2, 3, 4):
            await installation.renews(beats)
        assert installation.lease.unbroken(mark)
    assert installation.losses == 0
    assert installation.held == [place * RENEWAL_S + FENCE_S for place in range(5)]


async def test_a_renewal_brings_the_aborts(installation: Installation) -> None:
    """The third way of an abort, the one that works without Redis."""
    async with installation.kept():
        claim = await running(installation.behind)
        await abort(installation.behind, claim.id)
        await installation.renews(1)
        await eventually(lambda: installation.aborts == [claim.id])


async def test_what_runs_is_ended_at_the_deadline_though_a_renewal_hangs(
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


async def test_a_node_that_was_stopped_notices_before_it_acts(installation: Installation) -> None:
    """After SIGCONT the guard may be the last to wake: whoever asks first finds out."""
    async with installation.kept():
        mark = installation.lease.mark()
        installation.clock._passed_s += FENCE_S  # and nobody has been woken yet
        assert not installation.lease.unbroken(mark)
        assert installation.losses == 1


async def test_an_answer_that_comes_after_the_deadline_does_not_undo_the_loss(
    installation: Installation,
) -> None:
    """The warden has ended the jobs by then; they must not be taken for crashed."""
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


def test_a_renewal_that_falls_silent_costs_itself_and_not_the_lease() -> None:
    """A connection may die unheard, and what runs here must not die of it."""

    async def one_falls_silent() -> None:
        installation = Installation(VirtualClock())
        await installation.lease.begin()
        silent = installation.store.hold("renew", "before")
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(installation.lease.keep())
            await silent.reached.wait()
            await asyncio.sleep(LEASE_S)
            keeping.cancel()
        assert installation.losses == 0
        assert installation.held == [sent * RENEWAL_S + FENCE_S for sent in (0, 2, 3, 4)]

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(one_falls_silent())


async def test_a_store_that_is_away_is_tried_again(installation: Installation) -> None:
    """One lost renewal is no reason to give up."""
    async with installation.kept():
        failing = installation.store.hold("renew", "before")
        installation.clock.advance(RENEWAL_S)
        await failing.reached.wait()
        failing.let(StoreUnavailable("away"))
        await installation.renews(1)
        assert installation.losses == 0


async def test_a_node_that_was_buried_ends_all_and_comes_back(installation: Installation) -> None:
    """Others may run its jobs by now."""
    async with installation.kept():
        mark = installation.lease.mark()
        await installation.behind.bury("a1")
        await installation.renews(2)
        await eventually(lambda: len(installation.held) == 2)
        assert installation.losses == 1
        assert not installation.lease.unbroken(mark)
        await installation.renews(3)


async def test_a_node_that_comes_back_is_not_taken_for_silent_since_then(
    installation: Installation,
) -> None:
    """Guarantee 1. A slow sweeper remembers an old beat, and must not bury the node again by that.

    The answer of the last renewal before the silence may have been lost, so that counts as well.
    """
    async with installation.kept():
        installation.store.lose_answer("renew", StoreUnavailable("lost"))
        await installation.renews(1)
        await installation.behind.bury("a1")
        await installation.renews(3)
        assert not await installation.behind.bury("a1", beat=0)
        assert not await installation.behind.bury("a1", beat=1)


async def test_what_nobody_took_over_stays_with_a_node_that_comes_back(
    installation: Installation,
) -> None:
    """Guarantee 1. What ran is still being killed; nobody may begin the job before it is dead."""
    async with installation.kept():
        claim = await running(installation.behind)
        await installation.behind.bury("a1")
        await installation.renews(2)
        await eventually(lambda: len(installation.held) == 2)
        job = await installation.behind.get(claim.id)
        assert job is not None
        assert (job.status, job.owner) == ("running", "a1")


async def test_who_waits_for_the_lease_goes_on_when_it_is_held_again(
    installation: Installation,
) -> None:
    """Workers claim nothing in between: they could only give it back."""
    async with installation.kept():
        await installation.lease.held()
        installation.lease._lose()
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(installation.lease.held())
            await asyncio.sleep(0)
            assert not waiting.done()
            await installation.renews(1)


async def test_at_the_end_others_need_not_wait_for_it(installation: Installation) -> None:
    """A drained node leaves nothing that somebody would have to bury."""
    await installation.lease.begin()
    await installation.lease.end()
    assert await installation.beat() is None
