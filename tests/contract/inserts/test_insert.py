"""What the port `Store` promises about inserts: all or none, once, and unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.errors import Conflict
from scheduler.core.job import JsonText, Status
from scheduler.core.ports.store import Store
from tests.support.stores import AT, BYTES_MAX, claimed, end, known, new


async def test_a_stored_job_is_queued_and_as_it_was_sent(store: Store) -> None:
    sent = new(data='{"text": "ü€😀 \\u0000", "n": 1e400}')

    (job,) = (await store.insert([sent])).jobs

    assert (job.id, job.uid, job.task, job.hook) == (sent.id, sent.uid, sent.task, sent.hook)
    assert job.data == sent.data
    assert (job.status, job.attempt, job.created_at) == (Status.QUEUED, 0, AT)
    assert (job.node, job.owner, job.started_at, job.finished_at) == (None, None, None, None)
    assert (job.result, job.error, job.progress, job.abort) == (None, None, None, None)
    assert await store.get(sent.id) == job


async def test_an_unknown_id_is_none(store: Store) -> None:
    assert await store.get("019ab000-0000-7000-8000-ffffffffffff") is None


async def test_a_job_of_another_user_is_none(store: Store) -> None:
    """Nobody can find out by an id that he knows whether others have such a job."""
    sent = new()
    await store.insert([sent])
    assert await store.get(sent.id, uid=f"{sent.uid}x") is None
    assert await store.get(sent.id, uid=sent.uid) == await store.get(sent.id)


async def test_many_jobs_are_returned_in_their_order(store: Store) -> None:
    """The caller tells them apart by their order."""
    sent = [new(data=str(place)) for place in range(50)]

    inserted = await store.insert(sent[::-1])

    assert [job.id for job in inserted.jobs] == [job.id for job in sent[::-1]]
    assert inserted.created


async def test_no_jobs_are_no_jobs(store: Store) -> None:
    assert list((await store.insert([])).jobs) == []


async def test_a_job_of_a_mebibyte_comes_back_whole(store: Store) -> None:
    sent = new(data='"' + "x" * 1_048_574 + '"')

    await store.insert([sent])

    assert (await known(store, sent.id)).data == sent.data


async def test_a_repeated_call_stores_nothing_again(store: Store) -> None:
    """An answer can be lost after the commit: a repeated call must not be refused."""
    sent = [new(), new()]
    first = await store.insert(sent)

    again = await store.insert(sent)

    assert again == first
    assert len(await store.page("u1", limit=10, bytes_max=BYTES_MAX)) == 2


async def test_the_same_key_again_answers_the_first_job(store: Store) -> None:
    first = await store.insert([new(key="k", fingerprint="f")])

    again = await store.insert([new(key="k", fingerprint="f")])

    assert (again.created, first.created) == (False, True)
    assert again.jobs == first.jobs


async def test_the_same_key_answers_the_job_as_it_is_now(store: Store) -> None:
    sent = new(key="k", fingerprint="f")
    await store.insert([sent])
    claim = await claimed(store, sent.id)
    await store.settle([end(claim)])

    (job,) = (await store.insert([new(key="k", fingerprint="f")])).jobs

    assert job == await known(store, sent.id)
    assert job.status is Status.SUCCESSFUL


async def test_the_same_key_with_another_body_is_refused(store: Store) -> None:
    """A client that mixes up its keys must get an error, not the result of another job."""
    await store.insert([new(key="k", fingerprint="f")])

    with pytest.raises(Conflict, match="another request"):
        await store.insert([new(key="k", fingerprint="g")])

    assert len(await store.page("u1", limit=10, bytes_max=BYTES_MAX)) == 1


async def test_the_same_key_of_another_user_is_another_key(store: Store) -> None:
    first = await store.insert([new("u1", key="k", fingerprint="f")])
    other = await store.insert([new("u2", key="k", fingerprint="g")])

    assert other.created
    assert other.jobs[0].id != first.jobs[0].id


async def test_jobs_without_a_key_never_conflict(store: Store) -> None:
    assert (await store.insert([new(), new()])).created
    assert (await store.insert([new(), new()])).created


async def test_a_bulk_with_the_same_keys_answers_the_first_jobs_in_its_order(store: Store) -> None:
    first = await store.insert([new(key="k0", fingerprint="f"), new(key="k1", fingerprint="f")])

    again = await store.insert([new(key="k1", fingerprint="f"), new(key="k0", fingerprint="f")])

    assert not again.created
    assert again.jobs == first.jobs[::-1]


async def test_a_bulk_that_is_stored_in_part_is_refused_as_a_whole(store: Store) -> None:
    await store.insert([new(key="k0", fingerprint="f")])

    with pytest.raises(Conflict, match="other jobs"):
        await store.insert([new(key="k0", fingerprint="f"), new(key="k1", fingerprint="f")])

    assert len(await store.page("u1", limit=10, bytes_max=BYTES_MAX)) == 1


async def test_a_key_that_comes_twice_in_one_bulk_is_refused(store: Store) -> None:
    twice = new(key="k", fingerprint="f")

    with pytest.raises(Conflict, match="same idempotency key"):
        await store.insert([twice, replace(new(key="k", fingerprint="f"), data=JsonText("1"))])

    assert await store.get(twice.id) is None
