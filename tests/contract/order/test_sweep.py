"""What the port `Store` promises the sweeper: what waits, in order, and what may be deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from scheduler.core.job import Cleanup, Status
from scheduler.core.ports.store import Store
from tests.support.stores import (
    abort,
    claimed,
    cleaning,
    end,
    ids_of,
    ids_waiting,
    later,
    new,
    queued,
    running,
)


async def test_what_waits_comes_oldest_first(store: Store) -> None:
    ids = [await queued(store) for _ in range(4)]
    await claimed(store, ids[1])
    await abort(store, ids[2])

    assert await ids_waiting(store) == [ids[0], ids[3]]
    assert ids_of(await store.waiting_of("u1", limit=1)) == [ids[0]]
    assert ids_of(await store.waiting_of("u1", limit=9)) == [ids[0], ids[3]]
    assert await store.waiting_of("u0", limit=9) == []


async def test_the_lines_of_users_have_the_oldest_of_each_and_how_many_run(store: Store) -> None:
    """Who looks for a fair next one must not read all that waits."""
    sent = [new(uid=uid) for uid in ("b", "a", "b", "c", "a", "c", "d")]
    await store.insert(sent)
    for job in (sent[0], sent[3], sent[5], sent[6]):
        await claimed(store, job.id)

    found = await store.lines(limit=9)
    expected = [("a", sent[1].id, 0), ("b", sent[2].id, 1)]
    assert [(line.head.uid, line.head.id, line.running) for line in found] == expected
    assert [line.head.uid for line in await store.lines(limit=1)] == ["a"]
    assert [line.head.uid for line in await store.lines(after_uid="a", limit=9)] == ["b"]
    assert await store.lines(after_uid="b", limit=9) == []


async def test_a_line_says_that_its_next_one_is_a_clean_up(store: Store) -> None:
    """No limit of running jobs holds it back, and while it runs it is no job that runs."""
    clean = await cleaning(store)
    await queued(store)
    assert [(line.running, line.cleans) for line in await store.lines(limit=9)] == [(0, False)]
    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.PENDING)
    assert [(line.head.id, line.cleans) for line in await store.lines(limit=9)] == [
        (clean.id, True)
    ]


async def test_a_clean_up_waits_until_it_is_claimed(store: Store) -> None:
    clean = await cleaning(store)
    assert await ids_waiting(store) == []

    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.PENDING)
    assert await ids_waiting(store) == [clean.id]

    clean = await claimed(store, clean.id)
    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.DONE)
    assert await ids_waiting(store) == []


async def test_all_that_waits_comes_in_pages(store: Store) -> None:
    """After Redis was flushed: each page is enqueued before the next is read."""
    sent = [new() for _ in range(7)]
    await store.insert(sent)

    pages = [ids_of(page) async for page in store.pages_of_waiting(page=3)]

    ids = [job.id for job in sent]
    assert pages == [ids[:3], ids[3:6], ids[6:]]


async def test_without_waiting_jobs_there_is_no_page(store: Store) -> None:
    assert [page async for page in store.pages_of_waiting(page=3)] == []


async def test_jobs_that_are_claimed_between_pages_do_not_shift_them(store: Store) -> None:
    sent = [new() for _ in range(4)]
    await store.insert(sent)
    seen: list[str] = []

    async for page in store.pages_of_waiting(page=2):
        seen += ids_of(page)
        await claimed(store, page[0].id)

    assert seen == [job.id for job in sent]


async def test_a_node_can_read_the_claims_that_it_holds(store: Store) -> None:
    """The answer to `claim` may have been lost."""
    run, clean = await running(store, node_id="a1"), await cleaning(store, node_id="a1")
    await running(store, node_id="b1")
    await queued(store)

    assert {claim.id: claim for claim in await store.claims_of("a1", but=[])} == {
        run.id: run,
        clean.id: clean,
    }
    assert list(await store.claims_of("a1", but=[run.id, "unknown"])) == [clean]
    assert list(await store.claims_of("a1", but=[run.id, clean.id])) == []
    assert list(await store.claims_of("unknown", but=[])) == []


async def test_a_settled_claim_is_held_no_more(store: Store) -> None:
    ended, given_back = await running(store), await running(store)
    clean = await cleaning(store)
    await store.settle([end(ended), end(given_back, Status.QUEUED)])
    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.DONE)

    assert list(await store.claims_of("a1", but=[])) == []


async def test_the_time_of_day_is_known(store: Store) -> None:
    before = datetime.now(UTC)
    assert timedelta(seconds=-1) < await store.time_of_day() - before < timedelta(seconds=60)


async def test_final_jobs_are_deleted_oldest_end_first(store: Store) -> None:
    claims = [await running(store) for _ in range(4)]
    for claim, seconds in zip(claims, (30, 10, 20, 40), strict=True):
        await store.settle([end(claim, ended_s=seconds)])

    assert await store.delete_finished(before=later(40), limit=2) == 2
    assert await _left(store, *(claim.id for claim in claims)) == [claims[0].id, claims[3].id]
    assert await store.delete_finished(before=later(40), limit=2) == 1
    assert await store.delete_finished(before=later(40), limit=2) == 0
    assert await _left(store, *(claim.id for claim in claims)) == [claims[3].id]


async def test_large_jobs_are_deleted_few_at_a_time_but_at_least_one(store: Store) -> None:
    """Deleting megabytes takes time, and SQLite has no other writer meanwhile."""
    for job in (await store.insert([new(data=f'"{"x" * 1000}"') for _ in range(4)])).jobs:
        await abort(store, job.id)

    step = partial(store.delete_finished, before=later(99), limit=10)
    assert await step(bytes_max=0) == 1
    assert await step(bytes_max=1500) == 2
    assert await step(bytes_max=1500) == 1


async def test_what_has_not_ended_is_kept(store: Store) -> None:
    job_id, claim = await queued(store), await running(store)
    marked = await running(store)
    await abort(store, marked.id)

    assert await store.delete_finished(before=later(99), limit=10) == 0
    assert len(await _left(store, job_id, claim.id, marked.id)) == 3


async def test_a_job_is_kept_until_its_clean_up_has_ended(store: Store) -> None:
    clean = await cleaning(store)
    assert await store.delete_finished(before=later(99), limit=10) == 0

    await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.FAILED)
    assert await store.delete_finished(before=later(99), limit=10) == 1


async def test_the_key_of_a_deleted_job_is_free_again(store: Store) -> None:
    (first,) = (await store.insert([new(key="k", fingerprint="f")])).jobs
    await abort(store, first.id)
    await store.delete_finished(before=later(99), limit=10)

    again = await store.insert([new(key="k", fingerprint="g")])

    assert again.created
    assert again.jobs[0].status is Status.QUEUED


async def _left(store: Store, *job_ids: str) -> list[str]:
    return [job_id for job_id in job_ids if await store.get(job_id) is not None]
