"""The lease and aborts go ahead: no line of other calls makes a node lose its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import pytest

from scheduler.core.job import Claim, Progress
from scheduler.core.ports.store import Store
from tests.support.stores import abort, new, node, running

CALLS: Final = 60
LARGE: Final = "x" * 70_000
"""More text than writes of one transaction share."""

Call = Callable[[Store, Claim], Awaitable[object]]
Others = Callable[[Store, Claim, int], Coroutine[Any, Any, object]]


async def renewal(store: Store, _claim: Claim) -> object:
    return await store.renew("a1", running=1)


async def registration(store: Store, _claim: Claim) -> None:
    await store.register(node("a2"))


async def request(store: Store, claim: Claim) -> object:
    return await abort(store, claim.id)


async def look(store: Store, claim: Claim) -> object:
    return await store.abort_of(claim.id)


async def large_page(store: Store, _claim: Claim, _number: int) -> object:
    return await store.page("reader", limit=100, bytes_max=8_000_000)


async def large_report(store: Store, claim: Claim, number: int) -> None:
    progress = Progress(done=number, total=None, message=LARGE)
    await store.report({(claim.id, claim.token): progress})


@pytest.mark.parametrize("call", [renewal, registration, request, look])
@pytest.mark.parametrize("others", [large_page, large_report])
async def test_what_the_lease_and_aborts_need_does_not_wait_for_other_calls(
    store: Store, call: Call, others: Others
) -> None:
    """Whoever floods a node with submissions or lists must not have its running jobs killed."""
    claim = await running(store)
    await store.insert([new("reader", data=f'"{LARGE}"') for _ in range(40)])
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(others(store, claim, number)) for number in range(CALLS)]
        await asyncio.sleep(0)

        await call(store, claim)

        assert sum(each.done() for each in waiting) < CALLS / 2


async def test_calls_that_go_ahead_take_effect_in_their_order(store: Store) -> None:
    """A renewal that was sent before a burial must not come after it, and the other way round."""
    await store.register(node("a1"))
    async with asyncio.TaskGroup() as group:
        renewals = [group.create_task(store.renew("a1", running=each)) for each in range(5)]
    assert all(each.result() is not None for each in renewals)
    (found,) = await store.nodes()
    assert (found.beat, found.running) == (5, 4)
