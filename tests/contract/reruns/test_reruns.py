"""What the port `Store` promises about re-runs: which jobs can be run again, and that once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.errors import Conflict
from scheduler.core.job import Abort, Cleanup, Failure, FailureKind, Job, NewJob, Rerun, Status
from scheduler.core.ports.store import Store
from scheduler.core.rerun import Reran, RerunFilter, Rerunnable
from tests.support.stores import (
    DEATH,
    abort,
    claimed,
    cleaning,
    end,
    known,
    later,
    new,
    queued,
    running,
)

FAILED = RerunFilter(tasks={"task1"})
LOST = Failure(kind=FailureKind.LOST, message="gone")
RAISED = Failure(kind=FailureKind.EXCEPTION, message="no", type="ValueError", traceback="…")


async def failed(
    store: Store, uid: str = "u1", *, error: Failure = RAISED, ended_s: float = 9
) -> str:
    """A job that ended without success; its id."""
    claim = await claimed(store, await queued(store, uid))
    await store.settle([end(claim, Status.TERMINATED, error=error, ended_s=ended_s)])
    return claim.id


def once(job: Job, *, request: str | None = None, fingerprint: str | None = None) -> NewJob:
    """The re-run of a job by a request of many."""
    rerun = Rerun(job.id, once=True, request=request)
    return new(job.uid, key=f"\x1frerun {job.id}", fingerprint=fingerprint, rerun=rerun)


async def rerunnable(store: Store, which: RerunFilter = FAILED, *, limit: int = 10) -> list[str]:
    return [each.id for each in await store.rerunnable(which, limit=limit)]


async def test_a_rerun_says_what_it_runs_again(store: Store) -> None:
    old = await failed(store)

    (job,) = (await store.insert([new(rerun=Rerun(old))])).jobs

    assert job.rerun_of == old
    assert (await known(store, job.id)).rerun_of == old
    assert [each.rerun_of for each in await store.outlines([job.id])] == [old]
    assert (await known(store, old)).rerun_of is None


async def test_a_jobs_reruns_are_found_newest_first(store: Store) -> None:
    old, other = await failed(store), await failed(store)
    ids = []
    for job_id in (old, old, other, old):
        (job,) = (await store.insert([new(rerun=Rerun(job_id))])).jobs
        ids.append(job.id)

    assert list(await store.reruns(old, uid="u1", limit=10)) == [ids[3], ids[1], ids[0]]
    assert list(await store.reruns(old, uid="u1", limit=1)) == [ids[3]]
    assert list(await store.reruns(old, uid="u2", limit=10)) == []


async def test_failed_jobs_can_be_run_again_oldest_first(store: Store) -> None:
    first, second, third = [await failed(store) for _ in range(3)]
    await running(store)
    await queued(store)

    assert await rerunnable(store) == [first, second, third]
    assert await rerunnable(store, limit=2) == [first, second]


async def test_what_can_be_run_again_comes_with_its_user_and_size(store: Store) -> None:
    """By its size a request takes no more than a node can hold."""
    old = await failed(store, "u7")
    (found,) = await store.rerunnable(FAILED, limit=10)

    assert found._replace(bytes=0) == Rerunnable(old, "u7", 0)
    assert len((await known(store, old)).data) <= found.bytes < 1000


async def test_each_filter_selects(store: Store) -> None:
    theirs = await failed(store, "u2", ended_s=8)
    lost = await failed(store, error=LOST, ended_s=20)
    claim = await running(store)
    await store.settle([end(claim)])
    aborted = await running(store)
    await abort(store, aborted.id)
    await store.settle([end(aborted, Status.ABORTED, death=DEATH)])

    async def found(**wanted: Any) -> list[str]:  # noqa: ANN401 - fields of a filter
        return await rerunnable(store, FAILED._replace(**wanted))

    assert await found() == [theirs, lost]
    assert await found(uid="u1") == [lost]
    assert await found(uid="u3") == []
    assert await found(tasks={"task2"}) == []
    assert await found(tasks=set()) == []
    assert await found(error_kinds={FailureKind.LOST}) == [lost]
    assert await found(error_kinds={FailureKind.TIMEOUT}) == []
    assert await found(error_kinds={FailureKind.TIMEOUT, FailureKind.EXCEPTION}) == [theirs]
    assert await found(since=later(8)) == [theirs, lost]
    assert await found(since=later(8.001)) == [lost]
    assert await found(statuses={Status.SUCCESSFUL}) == [claim.id]
    assert await found(statuses={Status.ABORTED, Status.TERMINATED}) == [theirs, lost, aborted.id]
    assert await found(uid="u1", statuses={Status.ABORTED}) == [aborted.id]
    assert await found(uid="u1", tasks={"task2"}) == []
    assert await found(uid="u1", error_kinds={FailureKind.EXCEPTION}) == []
    assert await found(uid="u1", since=later(20)) == [lost]
    assert await found(uid="u1", since=later(20.001)) == []


async def test_kinds_are_told_apart_whatever_the_messages_say(store: Store) -> None:
    """One with a NUL must not keep the jobs of all others from being run again."""
    words = '\x00 {"kind":"lost"} \\u0000 \\'
    said = replace(RAISED, type=words, message=words, traceback=words)
    theirs = await failed(store, "u2", error=said)
    lost = await failed(store, error=LOST)

    kinds = {FailureKind.EXCEPTION}
    assert await rerunnable(store, FAILED._replace(error_kinds=kinds)) == [theirs]
    assert await rerunnable(store, FAILED._replace(uid="u2", error_kinds=kinds)) == [theirs]
    assert await rerunnable(store, FAILED._replace(error_kinds={FailureKind.LOST})) == [lost]


async def test_what_is_to_be_undone_is_not_over(store: Store) -> None:
    """A re-run beside the `on_abort` of the first one would work on the same things."""
    which = FAILED._replace(statuses={Status.ABORTED})
    claim = await cleaning(store)
    assert await rerunnable(store, which) == []

    tries = replace((await _abort(store, claim.id)).tries, ended=1, allowed=5, next_at=later(60))
    await store.settle_cleanup(claim.id, token=claim.token, cleanup=Cleanup.PENDING, tries=tries)
    assert await rerunnable(store, which) == []


@pytest.mark.parametrize("uid", [None, "u1"])
@pytest.mark.parametrize("cleanup", [Cleanup.DONE, Cleanup.FAILED])
async def test_what_was_undone_for_good_or_bad_is_over(
    store: Store, cleanup: Cleanup, uid: str | None
) -> None:
    which = FAILED._replace(uid=uid, statuses={Status.ABORTED})
    claim = await cleaning(store)
    assert await rerunnable(store, which) == []
    await store.settle_cleanup(claim.id, token=claim.token, cleanup=cleanup)

    assert await rerunnable(store, which) == [claim.id]


async def test_what_was_run_again_is_left_out_and_its_rerun_is_not(store: Store) -> None:
    """So the same request again goes on with what is left, and what failed again is in it."""
    old, other = await failed(store), await failed(store)
    (job,) = (await store.insert([new(rerun=Rerun(old))])).jobs
    assert await rerunnable(store) == [other]
    assert await rerunnable(store, FAILED._replace(uid="u1")) == [other]

    claim = await claimed(store, job.id)
    await store.settle([end(claim, Status.TERMINATED, error=RAISED)])
    assert await rerunnable(store) == [other, job.id]


async def test_many_are_found_in_steps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement looks at a bounded number of jobs, so that no other one waits long."""
    monkeypatch.setattr("scheduler.store.sql_store.LOOKED_AT_MAX", 2)
    ids = [await failed(store, f"u{number % 2}") for number in range(7)]

    assert await rerunnable(store) == ids
    assert await rerunnable(store, FAILED._replace(uid="u1")) == ids[1::2]
    assert await rerunnable(store, FAILED._replace(uid="u1"), limit=2) == [ids[1], ids[3]]
    assert await rerunnable(store, FAILED._replace(tasks={"none"})) == []


async def test_jobs_are_found_whole(store: Store) -> None:
    ids = [await failed(store) for _ in range(3)]

    found = await store.whole([ids[2], ids[0], "019ab000-0000-7000-8000-ffffffffffff"])

    assert list(found) == [await known(store, ids[0]), await known(store, ids[2])]


async def test_one_job_is_run_again_once_by_requests_of_many(store: Store) -> None:
    """Two that meet, on two nodes: the second one takes none of the first one's jobs."""
    job = await known(store, await failed(store))
    other = await known(store, await failed(store))
    await store.insert([once(job, request="u1/a", fingerprint="f")])

    with pytest.raises(Conflict):
        await store.insert([once(job, request="u1/b", fingerprint="g")])
    with pytest.raises(Conflict):
        await store.insert([once(other), once(job)])
    assert not (await store.insert([once(job, fingerprint="f")])).created
    assert await rerunnable(store) == [other.id]


async def test_a_request_of_many_finds_what_it_made(store: Store) -> None:
    """Its answer may be lost: the same again has the same answer."""
    jobs = [await known(store, await failed(store, uid)) for uid in ("u1", "u2")]
    made = [once(job, request="/a", fingerprint="f") for job in jobs]
    await store.insert(made)
    await store.insert([once(await known(store, await failed(store)), request="/b")])

    assert list(await store.reruns_of_request("/a")) == [
        (Reran(job.id, job.uid, again.id), "f") for job, again in zip(jobs, made, strict=True)
    ]
    assert list(await store.reruns_of_request("/c")) == []


async def _abort(store: Store, job_id: str) -> Abort:
    found = (await known(store, job_id)).abort
    assert found is not None
    return found
