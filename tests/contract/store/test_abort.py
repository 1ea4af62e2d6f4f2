"""What the port `Store` promises about aborts: durable at once, and none is overlooked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.job import NOTHING_RAN, Cleanup, Death, Status
from scheduler.core.ports.store import Store
from tests.support.stores import (
    AT,
    DEATH,
    abort,
    claimed,
    end,
    ids_waiting,
    known,
    later,
    new,
    node,
    queued,
    running,
)


async def test_a_queued_job_is_aborted_at_once(store: Store) -> None:
    job_id = await queued(store, undoable=True)

    job = await abort(store, job_id)

    assert job is not None
    assert job == await known(store, job_id)
    assert (job.status, job.finished_at, job.attempt) == (Status.ABORTED, later(5), 0)
    assert job.abort is not None
    assert (job.abort.requested_at, job.abort.finished_at) == (later(5), later(5))
    assert (job.abort.reason, job.abort.grace_s) == ("enough", 1.5)
    assert (job.abort.death, job.abort.latency_ms) == (NOTHING_RAN, 0)
    assert job.abort.cleanup is None, "no attempt began, so there is nothing to undo"


async def test_an_aborted_job_is_never_claimed(store: Store) -> None:
    """Guarantee 5. Its id may stay in the queue for a long time."""
    job_id = await queued(store)
    await abort(store, job_id)
    await store.register(node())

    assert list(await store.claim([job_id], node_id="a1", at=later(6))) == []


async def test_a_queued_job_that_ran_before_is_aborted_with_its_clean_up_pending(
    store: Store,
) -> None:
    claim = await running(store, undoable=True)
    await store.settle([end(claim, Status.QUEUED)])

    job = await abort(store, claim.id)

    assert job is not None
    assert job.abort is not None
    assert (job.status, job.abort.cleanup) == (Status.ABORTED, Cleanup.PENDING)
    assert await ids_waiting(store) == [claim.id]


async def test_a_running_job_is_marked_and_continues_to_run(store: Store) -> None:
    """It becomes aborted once its processes are dead, and they are still alive."""
    claim = await running(store)

    job = await abort(store, claim.id)

    assert job is not None
    assert (job.status, job.owner, job.finished_at) == (Status.RUNNING, "a1", None)
    assert job.abort is not None
    assert (job.abort.requested_at, job.abort.reason) == (later(5), "enough")
    assert (job.abort.finished_at, job.abort.death, job.abort.cleanup) == (None, None, None)


async def test_the_first_request_counts(store: Store) -> None:
    claim = await running(store)
    first = await abort(store, claim.id)

    again = await store.request_abort(claim.id, uid="u1", reason="again", grace_s=9, at=later(8))

    assert again == first


async def test_the_verified_death_is_stored(store: Store) -> None:
    claim = await running(store)
    await abort(store, claim.id)

    await store.settle([end(claim, Status.ABORTED, death=DEATH)])

    job = await known(store, claim.id)
    assert job.abort is not None
    assert (job.status, job.finished_at) == (Status.ABORTED, later(9))
    assert (job.abort.death, job.abort.finished_at) == (DEATH, later(9))
    assert (job.abort.latency_ms, job.abort.cleanup) == (4000, None)
    assert await abort(store, claim.id) == job


async def test_an_undoable_job_has_its_clean_up_pending_once_it_is_aborted(store: Store) -> None:
    claim = await running(store, undoable=True)
    await abort(store, claim.id)

    await store.settle([end(claim, Status.ABORTED, death=DEATH)])

    job = await known(store, claim.id)
    assert job.abort is not None
    assert job.abort.cleanup is Cleanup.PENDING
    assert await ids_waiting(store) == [claim.id]


async def test_a_result_that_came_before_the_request_is_kept(store: Store) -> None:
    claim = await running(store, undoable=True)
    await store.settle([end(claim)])
    before = await known(store, claim.id)

    assert await abort(store, claim.id) == before
    assert before.abort is None


async def test_a_result_that_comes_before_the_stop_is_kept(store: Store) -> None:
    claim = await running(store, undoable=True)
    await abort(store, claim.id)
    await store.settle([end(claim)])

    job = await known(store, claim.id)
    assert (job.status, job.result) == (Status.SUCCESSFUL, '"done"')
    assert job.abort is not None
    assert (job.abort.finished_at, job.abort.death, job.abort.cleanup) == (None, None, None)


async def test_a_job_to_be_aborted_is_not_queued_again(store: Store) -> None:
    """Guarantee 5. The node drains while the abort arrives: the next node must not run the job."""
    claim = await running(store, undoable=True)
    await abort(store, claim.id)

    settled = await store.settle([end(claim, Status.QUEUED, death=DEATH)])

    assert settled == {claim.id: Status.ABORTED}

    job = await known(store, claim.id)
    assert job.abort is not None
    assert (job.status, job.finished_at, job.abort.death) == (Status.ABORTED, later(9), DEATH)
    assert job.abort.cleanup is Cleanup.PENDING


async def test_a_settlement_without_a_death_says_that_nothing_ran(store: Store) -> None:
    """A drain gives back a claim whose attempt did not start like that."""
    claim = await running(store)
    await abort(store, claim.id)
    await store.settle([end(claim, Status.QUEUED)])

    job = await known(store, claim.id)
    assert job.abort is not None
    assert (job.status, job.abort.death) == (Status.ABORTED, NOTHING_RAN)


async def test_another_users_job_is_not_aborted_and_not_shown(store: Store) -> None:
    job_id = await queued(store, "u1")

    assert await abort(store, job_id, uid="u2") is None
    assert await abort(store, "unknown") is None

    assert (await known(store, job_id)).status is Status.QUEUED


async def test_a_job_of_another_user_is_not_even_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte that is read and then not shown would tell by its time that it is there."""
    job_id = await queued(store)
    read: list[object] = []
    get = store.get

    async def noting(job_id: str, *, uid: str | None = None) -> object:
        read.append(await get(job_id, uid=uid))
        return read[-1]

    monkeypatch.setattr(store, "get", noting)
    assert await abort(store, job_id, uid="u2") is None
    assert set(read) <= {None}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(9, 0.5, 0.5), (0.5, 9, 0.5), (None, 9, 9), (9, None, 9), (None, None, None)],
)
async def test_the_shortest_grace_period_that_was_asked_for_counts(
    store: Store, first: float | None, second: float | None, kept: float | None
) -> None:
    """A user who cannot wait asks again; the time of the first request is kept."""
    claim = await running(store)
    await abort(store, claim.id, grace_s=first)
    await store.note_survivors(claim.id, token=claim.token, death=DEATH)
    before = await known(store, claim.id)
    again = await store.request_abort(claim.id, uid="u1", reason="now", grace_s=second, at=later(8))
    assert before.abort is not None
    assert again == replace(before, abort=replace(before.abort, grace_s=kept))


async def test_a_request_needs_neither_reason_nor_grace_period(store: Store) -> None:
    job = await store.request_abort(await queued(store), uid="u1", reason=None, grace_s=None, at=AT)

    assert job is not None
    assert job.abort is not None
    assert (job.abort.reason, job.abort.grace_s) == (None, None)


async def test_unfinished_are_those_that_an_abort_would_still_change(store: Store) -> None:
    sent = [new(task=f"task{place % 2}") for place in range(6)]
    await store.insert([*sent, new("u2")])
    ids = [job.id for job in sent]
    await store.settle([end(await claimed(store, ids[0]))])
    await claimed(store, ids[1])
    marked = await claimed(store, ids[2])
    await abort(store, marked.id)
    await abort(store, ids[3])

    async def unfinished(*statuses: Status, task: str | None = None, limit: int = 10) -> list[str]:
        return [*await store.unfinished("u1", statuses=statuses, task=task, limit=limit)]

    assert await unfinished() == [ids[1], ids[4], ids[5]]
    assert await unfinished(limit=2) == [ids[1], ids[4]]
    assert await unfinished(Status.QUEUED) == [ids[4], ids[5]]
    assert await unfinished(Status.RUNNING, Status.SUCCESSFUL) == [ids[1]]
    assert await unfinished(Status.SUCCESSFUL) == []
    assert await unfinished(task="task1") == [ids[1], ids[5]]


async def test_unfinished_jobs_can_be_limited_to_ids_up_to_one(store: Store) -> None:
    """Aborting all jobs does not include those that come in meanwhile."""
    ids = [await queued(store) for _ in range(4)]
    await claimed(store, ids[0])
    await claimed(store, ids[3])

    for place, last_id in enumerate(ids, start=1):
        assert [*await store.unfinished("u1", last_id=last_id, limit=10)] == ids[:place]
    begun = await store.unfinished("u1", statuses=[Status.RUNNING], last_id=ids[2], limit=10)
    assert [*begun] == ids[:1]


async def test_survivors_are_shown_while_the_abort_is_under_way(store: Store) -> None:
    """A job that cannot be killed is not reported dead, and its user sees why."""
    claim = await running(store)
    await abort(store, claim.id)
    stuck = Death(signal="SIGKILL", processes=3, survivors=2)

    await store.note_survivors(claim.id, token=claim.token, death=stuck)

    job = await known(store, claim.id)
    assert (job.status, job.abort and job.abort.death) == (Status.RUNNING, stuck)
    assert job.abort is not None
    assert job.abort.finished_at is None
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    job = await known(store, claim.id)
    assert (job.status, job.abort and job.abort.death) == (Status.ABORTED, DEATH)


async def test_survivors_are_forgotten_where_the_attempt_succeeds_all_the_same(
    store: Store,
) -> None:
    """A death is told of an abort only: here the handler returned before it was reached."""
    claim = await running(store)
    await abort(store, claim.id)
    stuck = Death(signal="SIGKILL", processes=3, survivors=2)
    await store.note_survivors(claim.id, token=claim.token, death=stuck)

    await store.settle([end(claim)])

    job = await known(store, claim.id)
    assert job.status is Status.SUCCESSFUL
    assert job.abort is not None
    assert job.abort.death is None


async def test_survivors_are_not_shown_for_another_attempt_nor_without_an_abort(
    store: Store,
) -> None:
    """Guarantee 2: an old token changes nothing."""
    claim = await running(store)
    stuck = Death(signal="SIGKILL", processes=3, survivors=2)
    before = await known(store, claim.id)
    await store.note_survivors(claim.id, token=claim.token, death=stuck)
    assert await known(store, claim.id) == before
    await abort(store, claim.id)
    before = await known(store, claim.id)
    await store.note_survivors(claim.id, token=claim.token - 1, death=stuck)
    assert await known(store, claim.id) == before


async def test_the_abort_of_a_job_is_read_alone(store: Store) -> None:
    """The abort watcher asks for it: a job's data may be large, and delays others."""
    claim = await running(store)
    assert await store.abort_of(claim.id) is None
    assert await store.abort_of("unknown") is None

    await abort(store, claim.id, grace_s=2.5)

    found = await store.abort_of(claim.id)
    assert found is not None
    assert (found.grace_s, found.reason, found.finished_at) == (2.5, "enough", None)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    assert await store.abort_of(claim.id) == (await known(store, claim.id)).abort
