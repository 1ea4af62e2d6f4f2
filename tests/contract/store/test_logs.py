"""What the port `Store` promises about the logs of jobs."""

from __future__ import annotations

from scheduler.core.job import Claim
from scheduler.core.job_log import HEAD_PAGES, TAIL_PAGES, Block, LogPage, LogStream, Written
from scheduler.core.ports.store import Store
from tests.support.stores import claimed, end, later, queued, running


def page(number: int, offset: int, *texts: str) -> LogPage:
    blocks = (Block(later(i), LogStream.STDERR, text) for i, text in enumerate(texts))
    return LogPage(number, offset, tuple(blocks))


async def write(store: Store, claim: Claim, *pages: LogPage) -> None:
    await store.write_log([Written(claim.id, claim.token, each) for each in pages])


async def test_a_log_comes_back_page_by_page(store: Store) -> None:
    """With times, streams, and any text that a job may print."""
    claim = await running(store)
    pages = [page(0, 0, "ü\0\n", "'\"\\"), page(1, 99, "end")]
    await write(store, claim, *pages)

    assert list(await store.log(claim.id)) == pages
    assert list(await store.log(claim.id, after=pages[0].end)) == pages[1:]
    assert list(await store.log(await queued(store))) == []


async def test_pages_may_come_late_twice_and_in_any_order(store: Store) -> None:
    """A write whose answer was lost is repeated, maybe after a later one."""
    claim = await running(store)
    short, long = page(0, 0, "a"), page(0, 0, "a", "b")
    for each in (long, short, long):
        await write(store, claim, each)
    assert list(await store.log(claim.id)) == [long]


async def test_a_later_page_takes_the_slot_of_an_older_one(store: Store) -> None:
    """So a log never outgrows its slots."""
    claim = await running(store)
    pages = [page(number, 10 * number, "x") for number in range(100)]
    for each in (*pages, pages[50]):
        await write(store, claim, each)
    assert list(await store.log(claim.id)) == pages[:HEAD_PAGES] + pages[-TAIL_PAGES:]


async def test_an_attempt_that_was_taken_over_writes_no_log(store: Store) -> None:
    """Guarantee 2. The next attempt's log continues after what is stored when it begins."""
    claim = await running(store)
    await store.bury("a1")
    await store.release_orphans(losses_max=3, at=later(1))
    await claimed(store, claim.id, node_id="b1")
    await write(store, claim, page(0, 0, "late"))
    assert list(await store.log(claim.id)) == []


async def test_the_last_page_may_come_after_the_end(store: Store) -> None:
    """A node's write may be delayed, while no other attempt has begun."""
    claim = await running(store)
    await store.settle([end(claim)])
    await write(store, claim, page(0, 0, "last"))
    assert len(await store.log(claim.id)) == 1


async def test_a_log_is_deleted_with_its_job(store: Store) -> None:
    """Nobody could read it any more."""
    claim = await running(store)
    await write(store, claim, page(0, 0, "a"), page(1, 1, "b"))
    await store.settle([end(claim)])
    assert await store.delete_finished(before=later(99), limit=9) == 1
    assert list(await store.log(claim.id)) == []
    await write(store, claim, page(0, 0, "late"))
    assert list(await store.log(claim.id)) == []
