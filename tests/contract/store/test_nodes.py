"""What the port `Store` promises about nodes: which live, and what happens to dead nodes' jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scheduler.core.job import NOTHING_RAN, Cleanup, CleanupTries, FailureKind, Status
from scheduler.core.policy import lost_failure, waiting_cleanup
from scheduler.core.ports.store import Store
from tests.support.stores import (
    abort,
    claimed,
    cleaning,
    end,
    ids_of,
    known,
    later,
    node,
    queued,
    running,
)


class Taken(NamedTuple):
    """What became of the jobs of dead nodes, by their ids."""

    to_enqueue: Sequence[str]
    ended: Sequence[str]
    left_undone: Sequence[str] = ()


NONE = Taken(to_enqueue=[], ended=[])


async def test_registered_nodes_are_listed_by_name(store: Store) -> None:
    a, b = node("2", name="a"), node("1", name="b")
    await store.register(b)
    await store.register(a)

    assert list(await store.nodes()) == [a, b]


async def test_a_node_comes_back_with_the_beat_that_it_gives(store: Store) -> None:
    """So that no sweeper takes it for silent because of an earlier beat."""
    await store.register(replace(node(), beat=7))
    assert [each.beat for each in await store.nodes()] == [7]
    assert not await store.bury("a1", beat=0)


async def test_to_register_again_changes_nothing(store: Store) -> None:
    """The answer to the first call may have been lost."""
    await store.register(node())
    await store.renew("a1", running=1)

    await store.register(node())

    (found,) = await store.nodes()
    assert found.beat == 1


async def test_a_renewal_shows_that_the_node_lives(store: Store) -> None:
    await store.register(node())

    assert await store.renew("a1", running=2)
    assert await store.renew("a1", running=3)

    assert list(await store.nodes()) == [replace(node(), beat=2, running=3)]


async def test_a_node_that_loads_its_handlers_anew_says_which_it_has(store: Store) -> None:
    """Other nodes end a job whose handler no node has."""
    await store.register(node())
    await store.renew("a1", running=3)

    assert await store.set_tasks("a1", ["resize", "shout"])
    assert not await store.set_tasks("unknown", ["shout"])

    assert list(await store.nodes()) == [
        replace(node(), beat=1, running=3, tasks=("resize", "shout"))
    ]


async def test_a_node_finds_the_requested_aborts_of_its_own_jobs(store: Store) -> None:
    """The third way of an abort: it works when Redis is gone."""
    mine, other = await running(store, node_id="a1"), await running(store, node_id="b1")
    await running(store, node_id="a1")
    ended = await running(store, node_id="a1")
    for claim in (mine, other, ended):
        await abort(store, claim.id)
    await store.settle([end(ended)])

    assert set(await store.aborts_requested("a1")) == {mine.id}


async def test_a_clean_up_is_no_requested_abort(store: Store) -> None:
    """The abort is done, and its clean-up must be completed."""
    await cleaning(store)

    assert set(await store.aborts_requested("a1")) == set()


async def test_a_renewal_tells_a_buried_node_that_it_owns_nothing(store: Store) -> None:
    await store.register(node())
    await store.bury("a1")

    assert not await store.renew("a1", running=0)
    assert not await store.renew("unknown", running=0)
    assert list(await store.nodes()) == []


async def test_a_buried_node_claims_nothing(store: Store) -> None:
    job_id = await queued(store)
    await store.register(node())
    await store.bury("a1")

    assert list(await store.claim([job_id], node_id="a1", at=later(1))) == []


async def test_a_node_is_buried_once(store: Store) -> None:
    await store.register(node())

    assert await store.bury("a1")
    assert not await store.bury("a1")


async def test_a_node_that_renewed_since_is_not_buried(store: Store) -> None:
    """It was slow, and renewed between the sweeper's read and its decision."""
    await store.register(node())
    await store.renew("a1", running=0)

    assert not await store.bury("a1", beat=0)
    assert await store.bury("a1", beat=1)


async def test_jobs_of_registered_nodes_are_left_alone(store: Store) -> None:
    claim = await running(store)
    before = await known(store, claim.id)

    assert await _release(store) == NONE
    assert await known(store, claim.id) == before


async def test_a_job_whose_node_died_is_queued_again(store: Store) -> None:
    claim = await running(store)
    await store.bury("a1")

    assert await _release(store) == Taken(to_enqueue=[claim.id], ended=[])

    job = await known(store, claim.id)
    assert (job.status, job.owner, job.node) == (Status.QUEUED, None, "node-a")
    assert (job.started_at, job.finished_at, job.error) == (None, None, None)
    assert await _release(store) == NONE
    assert not await store.settle([end(claim)]), "the dead node's result comes too late"


async def test_a_job_whose_nodes_died_too_often_ends(store: Store) -> None:
    """The job may be what kills them."""
    job_id = await queued(store)
    for place in range(2):
        await claimed(store, job_id, node_id=f"n{place}")
        await store.bury(f"n{place}")
        assert await _release(store) == Taken(to_enqueue=[job_id], ended=[])
    await claimed(store, job_id, node_id="last")
    await store.bury("last")

    assert await _release(store) == Taken(to_enqueue=[], ended=[job_id])

    job = await known(store, job_id)
    assert (job.status, job.finished_at, job.attempt) == (Status.TERMINATED, later(50), 3)
    assert job.error is not None
    assert (job.error.kind, job.error.message) == (FailureKind.LOST, "the job's node died 3 times")


async def test_a_drain_is_no_loss(store: Store) -> None:
    claim = await running(store)
    await store.settle([end(claim, Status.QUEUED)])
    await claimed(store, claim.id, node_id="b1")
    await store.bury("b1")

    assert await _release(store, losses_max=2) == Taken(to_enqueue=[claim.id], ended=[])


async def test_a_job_to_be_aborted_is_aborted_when_its_node_died(store: Store) -> None:
    """Its processes died with the node, or its warden ended them."""
    plain, undoable = await running(store), await running(store, undoable=True)
    for claim in (plain, undoable):
        await abort(store, claim.id)
    await store.bury("a1")

    released = await store.release_orphans(losses_max=1, at=later(50))

    assert released.to_enqueue == [waiting_cleanup(undoable.id, "")], "it counts for no user"
    assert released.ended == [plain.id, undoable.id]
    for claim, cleanup in ((plain, None), (undoable, Cleanup.PENDING)):
        job = await known(store, claim.id)
        assert (job.status, job.finished_at, job.owner) == (Status.ABORTED, later(50), None)
        assert job.abort is not None
        assert (job.abort.death, job.abort.cleanup) == (NOTHING_RAN, cleanup)


async def test_a_clean_up_whose_node_died_waits_again_and_fails_at_last(store: Store) -> None:
    clean = await cleaning(store)
    before = replace(await known(store, clean.id), owner=None)
    await store.bury("a1")

    assert await _release(store, losses_max=2) == Taken(to_enqueue=[clean.id], ended=[])
    assert await known(store, clean.id) == before

    late = await claimed(store, clean.id, node_id="b1")
    await store.bury("b1")
    assert await _release(store, losses_max=2) == NONE._replace(left_undone=(clean.id,))
    assert before.abort is not None
    tries = CleanupTries(error=lost_failure(2))
    left = replace(before.abort, cleanup=Cleanup.FAILED, tries=tries)
    assert (await known(store, clean.id)).abort == left
    assert not await store.settle_cleanup(late.id, token=late.token, cleanup=Cleanup.DONE)


async def test_losses_of_the_job_are_no_losses_of_its_clean_up(store: Store) -> None:
    """A clean-up has as many tries as any job, however many its job had lost."""
    job_id = await queued(store, undoable=True)
    await claimed(store, job_id)
    await store.bury("a1")
    await _release(store, losses_max=2)
    await abort(store, job_id)
    await claimed(store, job_id)
    await store.bury("a1")

    assert await _release(store, losses_max=2) == Taken(to_enqueue=[job_id], ended=[])


async def test_a_clean_up_that_was_taken_back_is_not_ended_by_its_late_node(store: Store) -> None:
    clean = await cleaning(store)
    await store.bury("a1")
    await _release(store)

    assert not await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.FAILED)


async def _release(store: Store, *, losses_max: int = 3) -> Taken:
    released = await store.release_orphans(losses_max=losses_max, at=later(50))
    return Taken(ids_of(released.to_enqueue), *released[1:])
