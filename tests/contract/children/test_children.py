"""What the port `Store` promises about jobs that jobs submit: found below their parent, or refused.

"Below" a job are its children, their children, and so on, as far as they are the same user's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.core.errors import ParentAborted
from scheduler.core.job import Status
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.fakes import MemoryStore
from tests.support.stores import BYTES_MAX, DEATH, abort, claimed, end, known, later, new, running

NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"


@pytest.fixture(name="url", params=["sqlite", "postgres", "memory"])
def url_fixture(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store; "memory" for the fake that other tests use."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path}/store.db" if request.param == "sqlite" else "memory"


@pytest.fixture(name="store")
async def store_fixture(url: str, tmp_path: Path) -> AsyncIterator[Store]:
    if url == "memory":
        yield MemoryStore()
        return
    async with open_store(url, data_dir=tmp_path) as opened:
        yield opened


async def child(store: Store, parent: str | None, uid: str = "u1") -> str:
    """Insert a queued job with this parent; its id."""
    (job,) = (await store.insert([new(uid, parent=parent)])).jobs
    return job.id


async def unaborted(store: Store, job_id: str, *, grace_s: float | None = None) -> set[str]:
    return set(await store.unaborted(job_id, uid="u1", grace_s=grace_s, limit=100))


async def refuse(store: Store, job_id: str, *, limit: int = 100, uid: str = "u1") -> int:
    return await store.refuse_children(job_id, uid=uid, limit=limit)


async def test_a_job_keeps_its_parent_whatever_happens_to_it(store: Store) -> None:
    """A retry belongs to the same parent, or an abort of the parent would miss it."""
    root = await child(store, None)
    job_id = await child(store, root)
    claim = await claimed(store, job_id)
    held = await store.claims_of("a1", but=())
    await store.settle([end(claim, Status.QUEUED, death=DEATH)])
    again = await claimed(store, job_id)
    await store.bury("a1")
    await store.release_orphans(losses_max=3, at=later(2))

    (outline,) = await store.outlines([job_id])
    (listed, _) = await store.page("u1", limit=2, bytes_max=BYTES_MAX)
    everywhere = [claim, *held, again, outline, listed, await known(store, job_id)]
    assert [each.parent for each in everywhere] == [root] * 6
    assert (await known(store, root)).parent is None


async def test_a_parent_need_not_exist_nor_be_the_users_own(store: Store) -> None:
    """It is a statement: its job may be deleted, or run in another installation."""
    theirs = await child(store, None, "u2")

    mine = [await child(store, NOBODYS), await child(store, theirs)]

    assert [(await known(store, each)).parent for each in mine] == [NOBODYS, theirs]


async def test_a_page_of_children_has_those_of_one_user_and_parent_newest_first(
    store: Store,
) -> None:
    root = await child(store, None)
    mine = [await child(store, root) for _ in range(3)]
    await child(store, mine[0])
    await child(store, root, "u2")
    await abort(store, mine[1])

    page = await store.page("u1", parent=root, limit=2, bytes_max=BYTES_MAX)
    rest = await store.page("u1", parent=root, before_id=page[-1].id, limit=2, bytes_max=BYTES_MAX)
    queued = await store.page(
        "u1", parent=root, statuses=[Status.QUEUED], task="task1", limit=9, bytes_max=BYTES_MAX
    )

    assert [job.id for job in (*page, *rest)] == mine[::-1]
    assert [job.id for job in queued] == [mine[2], mine[0]]
    assert not await store.page("u1", parent=NOBODYS, limit=9, bytes_max=BYTES_MAX)
    assert len(await store.page("u1", parent=root, limit=9, bytes_max=0)) == 1


async def test_a_page_of_children_of_all_users_has_those_of_the_parent(store: Store) -> None:
    """Who runs the service looks for what a job began, in whoever's name."""
    root = await child(store, None)
    children = [await child(store, root, uid) for uid in ("u1", "u2", "u1", "u3")]
    await child(store, children[0])
    await abort(store, children[2])

    page = await store.page(None, parent=root, limit=3, bytes_max=BYTES_MAX)
    rest = await store.page(None, parent=root, before_id=page[-1].id, limit=3, bytes_max=BYTES_MAX)
    queued = await store.page(
        None, parent=root, statuses=[Status.QUEUED], task="task1", limit=9, bytes_max=BYTES_MAX
    )

    assert [job.id for job in (*page, *rest)] == children[::-1]
    assert [job.id for job in queued] == [children[3], children[1], children[0]]
    assert not await store.page(None, parent=root, task="task9", limit=9, bytes_max=BYTES_MAX)
    assert not await store.page(None, parent=NOBODYS, limit=9, bytes_max=BYTES_MAX)
    assert len(await store.page(None, parent=root, limit=9, bytes_max=0)) == 1


async def test_what_is_below_a_job_is_found_through_jobs_that_are_over(store: Store) -> None:
    """A job that submits the next stage and returns is over before that stage begins."""
    root = (await running(store)).id
    done = await claimed(store, await child(store, root))
    await store.settle([end(done)])
    last = await child(store, done.id)
    await child(store, NOBODYS)

    assert await unaborted(store, root) == {root, last}
    assert await unaborted(store, done.id) == {last}
    assert await unaborted(store, last) == {last}
    assert await unaborted(store, NOBODYS) == set()


async def test_nothing_of_another_user_is_below_a_job(store: Store) -> None:
    """Who names a foreign parent must not get his job aborted, and who aborts not a foreign one."""
    root = await child(store, None)
    foreign = await child(store, root, "u2")
    await child(store, foreign)

    assert await unaborted(store, root) == {root}
    assert not await store.unaborted(root, uid="u2", grace_s=None, limit=9)
    assert await refuse(store, root, uid="u2") == 0
    assert await refuse(store, root) == 1


async def test_what_is_aborted_is_passed_over_and_what_is_below_it_still_found(
    store: Store,
) -> None:
    """So an abort that broke off can be repeated."""
    root = await child(store, None)
    middle = await child(store, root)
    last = await child(store, middle)
    for job_id in (root, middle):
        await abort(store, job_id)

    assert await unaborted(store, root) == {last}
    await abort(store, last)
    assert await unaborted(store, root) == set()


async def test_a_running_job_with_a_longer_grace_period_is_to_be_aborted_again(
    store: Store,
) -> None:
    """A second, more urgent abort must reach the jobs below as well."""
    claim = await running(store)
    assert await unaborted(store, claim.id) == {claim.id}
    await abort(store, claim.id, grace_s=5)

    assert await unaborted(store, claim.id) == set()
    assert await unaborted(store, claim.id, grace_s=5) == set()
    assert await unaborted(store, claim.id, grace_s=0) == {claim.id}

    await abort(store, claim.id, grace_s=0)
    assert await unaborted(store, claim.id, grace_s=0) == set()


async def test_no_more_than_the_limit_is_found_or_changed_at_a_time(store: Store) -> None:
    """A tree of any size must not delay the other writes."""
    root = await child(store, None)
    for _ in range(5):
        await child(store, root)

    assert len(await store.unaborted(root, uid="u1", grace_s=None, limit=4)) == 4
    assert [await refuse(store, root, limit=4) for _ in range(3)] == [4, 2, 0]


async def test_a_job_that_refuses_children_gets_none(store: Store) -> None:
    root = await child(store, None)
    before = new(parent=root, key="k", fingerprint="f")
    await store.insert([before])
    assert await refuse(store, root) == 2

    for parent in (root, before.id):
        with pytest.raises(ParentAborted, match="aborted with its children"):
            await store.insert([new(), new(parent=parent)])

    again = await store.insert([new(parent=root, key="k", fingerprint="f")])
    assert ([job.id for job in again.jobs], again.created) == ([before.id], False)
    assert len(await store.page("u1", limit=9, bytes_max=BYTES_MAX)) == 2, "all or none"


async def test_a_job_refuses_only_children_of_its_own_user(store: Store) -> None:
    """Else a user could learn from the refusal what another one aborted."""
    root = await child(store, None)
    await refuse(store, root)

    assert (await known(store, await child(store, root, "u2"))).parent == root


async def test_a_job_that_runs_and_has_a_queued_child_is_in_wait(store: Store) -> None:
    """Only such jobs can be waiting for what cannot run."""
    waits, _, foreign, busy = [await running(store) for _ in range(4)]
    await child(store, waits.id)
    await child(store, foreign.id, "u2")
    runs = await claimed(store, await child(store, busy.id))
    elsewhere = await running(store, node_id="b1")
    await child(store, elsewhere.id)

    assert set(await store.parents_in_wait("a1")) == {waits.id}

    await store.settle([end(runs, Status.QUEUED)])
    assert set(await store.parents_in_wait("a1")) == {waits.id, busy.id}

    await store.settle([end(waits)])
    assert set(await store.parents_in_wait("a1")) == {busy.id}
