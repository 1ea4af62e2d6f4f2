"""What the port `LimiterStore` promises of keys for which very many jobs wait."""

from __future__ import annotations

from typing import Final

from scheduler.core.job import Claim
from scheduler.core.ports.store import Store
from tests.contract.limiters.asking import claim, finish, let_all_go
from tests.contract.limiters.test_limits import ONE, ids, jobs
from tests.fakes import MemoryStore
from tests.support.stores import ids_waiting, later, new

MANY: Final = 10_000
AT_ONCE: Final = 1000


async def test_ten_thousand_jobs_that_wait_for_a_key_are_in_nobodys_way(store: Store) -> None:
    """They are held: whoever looks for work finds the others alone, and one end lets one go."""
    sent: list[str] = []
    running: list[Claim] = []
    # The fake goes through all of them, again and again.
    for _ in range(1 if isinstance(store, MemoryStore) else MANY // AT_ONCE):
        part = await jobs(store, AT_ONCE)
        running += (await claim(store, ONE, *part)).claims
        sent += part
    assert ids(running) == sent[:1]

    mine, other = new(task="task2"), new("u2", task="task2")
    await store.insert([mine, other])
    assert {*await ids_waiting(store)} == {mine.id, other.id}
    assert [line.head.id for line in await store.lines(limit=9)] == [mine.id, other.id]
    found = await store.claim([mine.id, other.id], node_id="a1", at=later(1))
    assert ids(found) == sorted([mine.id, other.id])

    await finish(store, *running)
    assert await let_all_go(store, ONE) == sent[1:2]
    assert await ids_waiting(store) == sent[1:2]
