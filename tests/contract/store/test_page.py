"""What the port `Store` promises about lists: newest first, filtered, and limited in size."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scheduler.core.job import Failure, FailureKind, Job, Status
from scheduler.core.ports.store import Store
from tests.support.stores import BYTES_MAX, abort, claimed, end, new

FAILURE = Failure(kind=FailureKind.CRASH, message="gone")


@pytest.fixture
async def ids(store: Store) -> dict[Status, str]:
    """A job of each status, oldest first, and one of another user."""
    sent = {status: new(task=f"task-{status}") for status in Status}
    await store.insert([*sent.values(), new("u2")])
    for status in (Status.RUNNING, Status.SUCCESSFUL, Status.TERMINATED):
        claim = await claimed(store, sent[status].id)
        if status is not Status.RUNNING:
            failure = FAILURE if status is Status.TERMINATED else None
            await store.settle([end(claim, status, error=failure)])
    await abort(store, sent[Status.ABORTED].id)
    return {status: job.id for status, job in sent.items()}


async def test_a_page_has_all_jobs_of_its_user_newest_first(
    store: Store, ids: dict[Status, str]
) -> None:
    page = await store.page("u1", limit=10, bytes_max=BYTES_MAX)

    assert _ids(page) == list(ids.values())[::-1]
    assert {job.status: job.id for job in page} == ids


async def test_an_unknown_user_has_no_jobs(store: Store) -> None:
    assert list(await store.page("nobody", limit=10, bytes_max=BYTES_MAX)) == []


@pytest.mark.parametrize("status", Status)
async def test_a_page_can_be_of_one_status(
    store: Store, ids: dict[Status, str], status: Status
) -> None:
    page = await store.page("u1", statuses=[status], limit=10, bytes_max=BYTES_MAX)

    assert _ids(page) == [ids[status]]


async def test_a_page_can_be_of_some_statuses(store: Store, ids: dict[Status, str]) -> None:
    wanted = (Status.QUEUED, Status.TERMINATED)

    page = await store.page("u1", statuses=wanted, limit=10, bytes_max=BYTES_MAX)

    assert _ids(page) == [ids[Status.TERMINATED], ids[Status.QUEUED]]


async def test_a_page_can_be_of_one_task(store: Store, ids: dict[Status, str]) -> None:
    page = await store.page("u1", task="task-running", limit=10, bytes_max=BYTES_MAX)
    assert _ids(page) == [ids[Status.RUNNING]]

    page = await store.page(
        "u1", task="task-running", statuses=[Status.QUEUED], limit=10, bytes_max=BYTES_MAX
    )
    assert _ids(page) == []


async def test_pages_follow_one_another_without_a_gap(store: Store, ids: dict[Status, str]) -> None:
    seen: list[str] = []
    while page := await store.page(
        "u1", before_id=seen[-1] if seen else None, limit=2, bytes_max=BYTES_MAX
    ):
        assert len(page) <= 2
        seen += _ids(page)

    assert seen == list(ids.values())[::-1]


async def test_a_page_takes_the_newest_across_statuses(store: Store) -> None:
    """Each status is read by itself: the limit must still hold for all together."""
    sent = [new() for _ in range(8)]
    await store.insert(sent)
    for job in sent[::2]:
        await abort(store, job.id)

    page = await store.page("u1", limit=3, bytes_max=BYTES_MAX)

    assert _ids(page) == [job.id for job in sent[:-4:-1]]


async def test_a_page_ends_once_its_texts_pass_the_limit(store: Store) -> None:
    """A page of large jobs would fill the memory of the node, and of the client."""
    sent = [new(data='"' + "ü" * 49 + '"') for _ in range(5)]  # 100 bytes each
    await store.insert(sent)

    assert len(await store.page("u1", limit=10, bytes_max=199)) == 2
    assert len(await store.page("u1", limit=10, bytes_max=200)) == 3
    assert len(await store.page("u1", limit=10, bytes_max=500)) == 5


async def test_results_and_errors_count_for_the_limit_too(store: Store) -> None:
    sent = [new(data="1") for _ in range(2)]
    await store.insert(sent)
    failure = Failure(kind=FailureKind.EXCEPTION, message="m" * 500)
    claim = await claimed(store, sent[1].id)
    await store.settle([end(claim, Status.TERMINATED, error=failure)])

    assert len(await store.page("u1", limit=10, bytes_max=400)) == 1


async def test_a_page_has_one_job_however_large_that_is(store: Store) -> None:
    """Else a single large job would hide all that are older."""
    await store.insert([new(data='"' + "x" * 1000 + '"') for _ in range(2)])

    assert len(await store.page("u1", limit=10, bytes_max=0)) == 1


def _ids(page: Sequence[Job]) -> list[str]:
    return [job.id for job in page]
