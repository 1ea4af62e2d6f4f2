"""Limits where several nodes claim at the same time, each by connections of its own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from scheduler.core.job import Status
from scheduler.core.limits.declaration import Limit, Throttle
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.contract.limiters.asking import claim, finish, let_all_go, limited
from tests.support.stores import abort, known, new, node

NODES = ("a1", "b1", "c1")
ROUNDS = 15


async def _opened(stack: AsyncExitStack, url: str, folder: Path) -> dict[str, Store]:
    found = {}
    for name in NODES:
        found[name] = await stack.enter_async_context(open_store(url, data_dir=folder))
        await found[name].register(node(name))
    return found


async def test_nodes_that_claim_at_once_have_no_more_together(
    postgres_url: str, tmp_path: Path
) -> None:
    """The lock of the limiter has the second look after the first is through."""
    options = limited(Limit(2), Limit(1, by="uid"))
    async with AsyncExitStack() as stack:
        stores = await _opened(stack, postgres_url, tmp_path)
        one = stores["a1"]
        for _ in range(ROUNDS):
            sent = [new(f"u{number % 4}") for number in range(9)]
            await one.insert(sent)
            ids = [each.id for each in sent]
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(
                        claim(store, options, *ids[place::3], node_id=name), name=name
                    )
                    for place, (name, store) in enumerate(stores.items())
                ]
            claims = [each for call in calls for each in call.result().claims]
            assert len(claims) <= 2
            assert len({each.uid for each in claims}) == len(claims)
            await finish(one, *claims)
            for job in [await known(one, job_id) for job_id in ids]:
                if job.status is Status.QUEUED:
                    await abort(one, job.id, job.uid)


async def test_nodes_that_let_go_at_once_let_no_more_go(postgres_url: str, tmp_path: Path) -> None:
    """Each may have been woken by the end of the same job."""
    options = limited(Limit(1))
    async with AsyncExitStack() as stack:
        stores = await _opened(stack, postgres_url, tmp_path)
        one = stores["a1"]
        sent = [new() for _ in range(ROUNDS + 1)]
        await one.insert(sent)
        found = await claim(one, options, *[each.id for each in sent])
        for _ in range(ROUNDS):
            await finish(one, *found.claims)
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(let_all_go(store, options), name=name)
                    for name, store in stores.items()
                ]
            gone = [job_id for call in calls for job_id in call.result()]
            assert len(gone) == 1
            found = await claim(one, options, *gone)


async def test_a_throttle_begins_no_more_on_several_nodes(
    postgres_url: str, tmp_path: Path
) -> None:
    options = limited(throttle=Throttle(1, per_s=3600, burst=4))
    async with AsyncExitStack() as stack:
        stores = await _opened(stack, postgres_url, tmp_path)
        sent = [new() for _ in range(12)]
        await stores["a1"].insert(sent)
        ids = [each.id for each in sent]
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(claim(store, options, *ids[place::3], node_id=name), name=name)
                for place, (name, store) in enumerate(stores.items())
            ]

    assert sum(len(call.result().claims) for call in calls) == 4
