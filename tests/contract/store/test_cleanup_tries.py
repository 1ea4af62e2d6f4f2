"""What the port `Store` promises about clean-ups that fail: their tries are counted, and due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler.core.job import Claim, Cleanup, CleanupTries, Failure, FailureKind
from scheduler.core.ports.store import Store
from tests.support.stores import abort, claimed, cleaning, ids_of, ids_waiting, known, later

FAILURE = Failure(kind=FailureKind.EXCEPTION, type="OSError", message="disk full")
TWO = CleanupTries(ended=2, allowed=5, next_at=later(20), error=FAILURE)


async def failed(store: Store, tries: CleanupTries = TWO) -> Claim:
    """A clean-up that has failed and waits for the time of its next try."""
    clean = await cleaning(store)
    assert await store.settle_cleanup(
        clean.id, token=clean.token, cleanup=Cleanup.PENDING, tries=tries
    )
    return clean


async def tries_of(store: Store, job_id: str) -> tuple[Cleanup | None, CleanupTries]:
    abort_ = (await known(store, job_id)).abort
    assert abort_ is not None
    assert await store.abort_of(job_id) == abort_
    return abort_.cleanup, abort_.tries


async def test_a_clean_up_that_failed_waits_for_no_worker_before_its_time(store: Store) -> None:
    """The pause holds no slot, and no node takes the clean-up early, whoever names its id."""
    clean = await failed(store)

    assert await tries_of(store, clean.id) == (Cleanup.PENDING, TWO)
    assert await ids_waiting(store) == []
    assert list(await store.claim([clean.id], node_id="a1", at=later(10))) == []
    assert ids_of(await store.resume_cleanups(at=later(19.999), limit=10)) == []


async def test_a_clean_up_that_is_due_waits_for_a_worker(store: Store) -> None:
    """The claim says how often it was tried, or the tries would never be used up."""
    clean = await failed(store)

    assert ids_of(await store.resume_cleanups(at=later(20), limit=10)) == [clean.id]

    assert await tries_of(store, clean.id) == (
        Cleanup.PENDING,
        CleanupTries(ended=2, allowed=5, error=FAILURE),
    )
    assert await ids_waiting(store) == [clean.id]
    again = await claimed(store, clean.id)
    assert (again.token, again.cleanup_tries) == (clean.token + 1, 2)
    assert [each.cleanup_tries for each in await store.claims_of("a1", but=[])] == [2]
    assert ids_of(await store.resume_cleanups(at=later(99), limit=10)) == [], "each time only once"


async def test_what_is_due_is_said_by_the_clock_of_the_store(store: Store) -> None:
    """Else a node whose clock is ahead would leave no pause between the tries of all."""
    now = await store.time_of_day()
    soon, due = [
        await failed(store, CleanupTries(ended=1, allowed=5, next_at=now + timedelta(seconds=s)))
        for s in (60, -60)
    ]

    assert ids_of(await store.resume_cleanups(limit=10)) == [due.id]
    assert (await tries_of(store, soon.id))[1].next_at is not None


async def test_those_that_are_due_longest_come_first(store: Store) -> None:
    late = await failed(store, CleanupTries(ended=1, allowed=5, next_at=later(12)))
    early = await failed(store, CleanupTries(ended=1, allowed=5, next_at=later(11)))

    assert ids_of(await store.resume_cleanups(at=later(30), limit=1)) == [early.id]
    assert ids_of(await store.resume_cleanups(at=later(30), limit=1)) == [late.id]


@pytest.mark.parametrize(
    ("cleanup", "tries"),
    [
        (Cleanup.DONE, CleanupTries(ended=3, allowed=5)),
        (Cleanup.FAILED, CleanupTries(ended=5, allowed=5, error=FAILURE)),
    ],
)
async def test_the_last_try_is_kept(store: Store, cleanup: Cleanup, tries: CleanupTries) -> None:
    """Its user reads how often it was tried, and why it failed."""
    clean = await cleaning(store)

    await store.settle_cleanup(clean.id, token=clean.token, cleanup=cleanup, tries=tries)

    assert await tries_of(store, clean.id) == (cleanup, tries)
    (outline,) = await store.outlines([clean.id])
    assert outline.abort == (await known(store, clean.id)).abort
    assert ids_of(await store.resume_cleanups(at=later(99), limit=10)) == []


async def test_a_try_that_is_cut_short_uses_none_up(store: Store) -> None:
    """A drain or a lost lease is no fault of the clean-up."""
    clean = await failed(store)
    await store.resume_cleanups(at=later(20), limit=10)
    again = await claimed(store, clean.id)

    await store.settle_cleanup(again.id, token=again.token, cleanup=Cleanup.PENDING)

    _, tries = await tries_of(store, clean.id)
    assert (tries.ended, tries.error, tries.next_at) == (2, FAILURE, None)
    assert await ids_waiting(store) == [clean.id]


async def test_the_death_of_a_node_uses_up_no_try(store: Store) -> None:
    clean = await failed(store)
    await store.resume_cleanups(at=later(20), limit=10)
    await claimed(store, clean.id)
    await store.bury("a1")

    released = await store.release_orphans(losses_max=3, at=later(30))

    assert (ids_of(released.to_enqueue), released.left_undone) == ([clean.id], ())
    assert (await claimed(store, clean.id, node_id="b1")).cleanup_tries == 2


async def test_a_clean_up_that_waits_for_its_time_outlives_its_node(store: Store) -> None:
    """The time is in the store: any node resumes it, and nobody counts a loss."""
    clean = await failed(store)
    await store.bury("a1")

    released = await store.release_orphans(losses_max=1, at=later(15))

    assert (released.to_enqueue, released.left_undone) == ([], ())
    assert ids_of(await store.resume_cleanups(at=later(20), limit=10)) == [clean.id]


async def test_a_job_is_kept_while_its_clean_up_waits_for_its_time(store: Store) -> None:
    """A deleted job would never be undone."""
    await failed(store)

    assert await store.delete_finished(before=later(999), limit=10) == 0


async def test_another_abort_does_not_touch_the_tries(store: Store) -> None:
    clean = await failed(store)

    await abort(store, clean.id)

    assert await tries_of(store, clean.id) == (Cleanup.PENDING, TWO)


async def test_a_clean_up_whose_handler_no_node_knows_says_for_how_long(store: Store) -> None:
    """And how often it was tried stays: a node that knows the handler may come."""
    clean = await cleaning(store)
    unknown = CleanupTries(ended=0, allowed=5, next_at=later(20), error=FAILURE)
    assert clean.unknown_s is None
    for _ in range(2):
        assert await store.settle_cleanup(
            clean.id, token=clean.token, cleanup=Cleanup.PENDING, tries=unknown, unknown=True
        )
        assert await tries_of(store, clean.id) == (Cleanup.PENDING, unknown)
        await store.resume_cleanups(at=later(20), limit=10)
        clean = await claimed(store, clean.id)
        assert (clean.cleanup_tries, clean.unknown_s is None) == (0, False)

    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.PENDING)
    assert (await claimed(store, clean.id)).unknown_s is None, "a node knew it meanwhile"
