"""Jobs that were let go and cannot begin: others of their limiters go on, on all stores."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.handler import HandlerOptions
from scheduler.core.limits.declaration import Limit
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import UNLIMITED, Quota, Quotas
from scheduler.core.tasks import Tasks
from scheduler.worker.from_store.letting_go import LOOK_S, LettingGo
from tests.contract.limiters.asking import TASK, claim, finish, limited
from tests.contract.limiters.test_limits import ids, jobs
from tests.contract.places.test_store import labelled, needing
from tests.fakes import AT, FakeClock, MemoryQueue
from tests.support.stores import end, known, later, new, node

ONE = limited(Limit(1))
BY_USER = limited(Limit(1, by="uid"))
FULL = Quotas([Quota(pattern="ada", running_max=1)])


class Looks:
    """A node's looks at limiters."""

    def __init__(
        self, store: Store, options: HandlerOptions = ONE, *, quotas: Quotas = UNLIMITED
    ) -> None:
        self._store = store
        self._clock = FakeClock()
        self._letting_go = LettingGo(
            store=store,
            queue=MemoryQueue(),
            clock=self._clock,
            tasks=Tasks({TASK: options}, loaded_at=AT),
            quotas=quotas,
            freed=asyncio.Event(),
        )

    async def let_go(self, *job_ids: str) -> list[str]:
        """Those of some jobs that wait for a worker after some looks."""
        for _ in range(4):
            self._clock.advance(LOOK_S)
            await self._letting_go.step()
        return [each for each in job_ids if (await known(self._store, each)).hold is None]


async def test_who_runs_as_many_as_he_may_keeps_no_others_of_a_limiter_waiting(
    store: Store,
) -> None:
    """One that is let go counts until it begins: here, when another job of its user ends."""
    (runs,) = await jobs(store, 1, uid="eve")
    of_ada, (of_bob,) = await jobs(store, 3, uid="ada"), await jobs(store, 1, uid="bob")
    found = await claim(store, ONE, runs, *of_ada, of_bob)
    plain = new("ada", task="task2")
    await store.insert([plain])
    (other,) = await store.claim([plain.id], node_id="a1", at=later(1))
    looks = Looks(store, quotas=FULL)
    await finish(store, *found.claims)

    assert await looks.let_go(*of_ada, of_bob) == [*of_ada, of_bob]
    begun = await claim(store, ONE, of_bob, quotas=FULL)
    assert ids(begun.claims) == [of_bob]

    await store.settle([end(other)])
    assert [each.id for each in (await claim(store, ONE, *of_ada, quotas=FULL)).held] == of_ada
    await finish(store, *begun.claims)
    assert await looks.let_go(*of_ada) == of_ada[:1], "it can begin, so it keeps its turn"


async def test_what_no_live_node_takes_keeps_no_others_of_its_limiter_waiting(
    store: Store,
) -> None:
    await store.register(labelled("gpu"))
    (runs,) = await jobs(store, 1)
    needy = [await needing(store, "gpu") for _ in range(2)]
    (behind,) = await jobs(store, 1)
    found = await claim(store, ONE, runs, *needy, behind, node_id="gpu")
    assert len(found.held) == 3
    await finish(store, *found.claims)
    await store.bury("gpu")

    assert await Looks(store).let_go(*needy, behind) == [*needy, behind]
    assert ids((await claim(store, ONE, behind)).claims) == [behind]


@pytest.mark.parametrize("options", [ONE, BY_USER])
async def test_where_nobody_else_waits_all_stay_where_they_are(
    store: Store, options: HandlerOptions
) -> None:
    """They would only be met again and again."""
    of_ada = await jobs(store, 3, uid="ada")
    found = await claim(store, options, *of_ada)
    plain = new("ada", task="task2")
    await store.insert([plain])
    await store.claim([plain.id], node_id="a1", at=later(1))
    await finish(store, *found.claims)

    assert await Looks(store, options, quotas=FULL).let_go(*of_ada[1:]) == [of_ada[1]]


async def test_one_that_waits_for_a_worker_alone_keeps_its_turn(store: Store) -> None:
    """All of them may be busy for long: else one would be let go for each look."""
    await store.register(node())
    (runs,) = await jobs(store, 1)
    first, second = await jobs(store, 2, uid="bob")
    (third,) = await jobs(store, 1, uid="ada")
    found = await claim(store, ONE, runs, first, second, third)
    await finish(store, *found.claims)

    assert await Looks(store, quotas=FULL).let_go(first, second, third) == [first]
