"""What the port `Store` promises about jobs that are stored as claimed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from scheduler.core.errors import Conflict, ParentAborted
from scheduler.core.job import Status
from scheduler.core.ports.store import Store
from tests.support.stores import (
    AT,
    BYTES_MAX,
    abort,
    end,
    ids_of,
    ids_waiting,
    known,
    later,
    new,
    node,
    queued,
    running,
    untimed,
)


async def test_a_job_stored_as_claimed_is_like_one_that_was_claimed_after(store: Store) -> None:
    """Whatever looks at the row later cannot tell the two apart."""
    await store.register(node("a1", name="node-a"))
    sent = new(undoable=True, hook="http://h/", parent="p", traceparent="00-1-2-01")
    twin = replace(sent, id=new().id)
    await store.insert([twin])

    inserted = await store.insert([sent], claimer="a1")
    (claim,) = await store.claim([twin.id], node_id="a1", at=AT)

    assert inserted.created
    (job,) = inserted.jobs
    assert inserted.claims == (replace(claim, id=sent.id, eligible_at=job.eligible_at),)
    twin_job = untimed(await known(store, twin.id))
    assert untimed(await known(store, sent.id)) == replace(twin_job, id=sent.id)
    assert await store.claims_of("a1", but=[twin.id]) == [*inserted.claims]


async def test_the_answer_shows_the_job_as_it_was_submitted(store: Store) -> None:
    await store.register(node())
    sent = new()
    (job,) = (await store.insert([sent], claimer="a1")).jobs
    assert untimed(job) == sent.stored()


async def test_a_job_stored_as_claimed_waits_for_nobody(store: Store) -> None:
    await store.register(node())
    sent = new()
    await store.insert([sent], claimer="a1")
    assert await ids_waiting(store) == []
    assert list(await store.claim([sent.id], node_id="a1", at=later(1))) == []


async def test_it_is_settled_by_its_token(store: Store) -> None:
    await store.register(node())
    (claim,) = (await store.insert([new()], claimer="a1")).claims
    assert await store.settle([end(replace(claim, token=2))]) == {}
    assert await store.settle([end(claim)]) == {claim.id: Status.SUCCESSFUL}


async def test_for_a_node_that_is_not_registered_it_is_queued(store: Store) -> None:
    """No node would notice its death, and the job would stay running for ever."""
    sent = new()
    inserted = await store.insert([sent], claimer="stranger")
    assert (inserted.created, list(inserted.claims)) == (True, [])
    assert untimed(await known(store, sent.id)) == sent.stored()


async def test_it_is_released_with_its_node(store: Store) -> None:
    await store.register(node())
    (claim,) = (await store.insert([new()], claimer="a1")).claims
    await store.bury("a1")
    released = await store.release_orphans(losses_max=3, at=later(1))
    assert ids_of(released.to_enqueue) == [claim.id]
    assert (await known(store, claim.id)).status is Status.QUEUED


async def test_its_abort_is_seen_by_its_node(store: Store) -> None:
    await store.register(node())
    (claim,) = (await store.insert([new()], claimer="a1")).claims
    await abort(store, claim.id)
    assert list(await store.aborts_requested("a1")) == [claim.id]


async def test_a_repeat_claims_nothing(store: Store) -> None:
    """Whoever asks again does not know whether the first claim reached its worker."""
    await store.register(node())
    sent = new(key="k", fingerprint="f")
    first = await store.insert([sent], claimer="a1")
    for again in (sent, new(key="k", fingerprint="f")):
        repeated = await store.insert([again], claimer="a1")
        assert [job.id for job in repeated.jobs] == [sent.id]
        assert list(repeated.claims) == []
    assert await store.claims_of("a1", but=[]) == [*first.claims]


async def test_what_is_refused_is_not_claimed(store: Store) -> None:
    await store.register(node())
    await store.insert([new(key="k", fingerprint="f")])
    parent = await running(store)
    await store.refuse_children(parent.id, uid="u1", limit=10)
    with pytest.raises(Conflict):
        await store.insert([new(key="k", fingerprint="other")], claimer="a1")
    with pytest.raises(ParentAborted):
        await store.insert([new(parent=parent.id)], claimer="a1")
    assert await store.claims_of("a1", but=[]) == [parent]


async def test_many_that_are_stored_at_once_are_told_apart(store: Store) -> None:
    """Each call gets its own claims, and those without a node get none."""
    for name in ("a1", "a2"):
        await store.register(node(name, name=name))
    sent = [new() for _ in range(30)]
    claimers = ["a1", None, "a2", "stranger", None]
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(store.insert([each], claimer=claimers[place % 5]))
            for place, each in enumerate(sent)
        ]
    for place, (each, call) in enumerate(zip(sent, calls, strict=True)):
        owner = claimers[place % 5] if place % 5 in {0, 2} else None
        job, claims = await known(store, each.id), call.result().claims
        assert (job.owner, job.node) == (owner, owner)
        assert [claim.id for claim in claims] == [each.id] * (owner is not None)
    assert len(await store.page("u1", limit=99, bytes_max=BYTES_MAX)) == 30
    assert len(await ids_waiting(store)) == 18


async def test_of_a_death_and_a_claim_one_comes_first(store: Store) -> None:
    """A node is buried while a job is stored for it: the job is queued, or released with it."""
    for name in (f"n{number}" for number in range(20)):
        await store.register(node(name))
        sent = new()
        async with asyncio.TaskGroup() as group:
            inserting = group.create_task(store.insert([sent], claimer=name))
            group.create_task(store.bury(name))
        await store.release_orphans(losses_max=3, at=later(1))
        assert inserting.result().created
        assert (await known(store, sent.id)).owner is None
    assert await queued(store) in await ids_waiting(store)
