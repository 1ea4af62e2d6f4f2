"""What the port `LimiterStore` promises of throttles: starts are spaced, by the store's clock."""

from __future__ import annotations

from datetime import UTC, datetime

from scheduler.core.job import Again, AttemptOutcome, HoldReason, Status
from scheduler.core.limits.declaration import Limit, Throttle
from scheduler.core.ports.store import Store
from tests.contract.limiters.asking import claim, finish, let_all_go, limited, limiter
from tests.contract.limiters.test_limits import ids, jobs
from tests.support.eventually import eventually
from tests.support.stores import DEATH, abort, end, ids_waiting, known

HOURLY = limited(throttle=Throttle(1, per_s=3600))
BURST = limited(throttle=Throttle(1, per_s=3600, burst=2))
QUICK = limited(throttle=Throttle(10, per_s=1))


async def test_one_begins_and_the_others_wait_for_their_time(store: Store) -> None:
    first, second = await jobs(store, 2)
    since = datetime.now(UTC)

    found = await claim(store, HOURLY, first, second)

    assert ids(found.claims) == [first]
    hold = (await known(store, second)).hold
    assert hold is not None
    assert hold.reason == HoldReason.THROTTLE
    assert hold.until is not None
    assert 3590 < (hold.until - since).total_seconds() < 3610
    assert await ids_waiting(store) == []
    assert await store.promote(limit=10) == []


async def test_its_end_makes_no_room(store: Store) -> None:
    """A throttle counts starts, not what runs."""
    first, second = await jobs(store, 2)
    found = await claim(store, HOURLY, first, second)

    await finish(store, *found.claims)

    assert await let_all_go(store, HOURLY) == []
    opens_s = await store.limiters.next_opening_s()
    assert opens_s is not None
    assert 3590 < opens_s < 3610


async def test_each_key_has_a_pace_of_its_own(store: Store) -> None:
    """Wherever it is looked at: as jobs are claimed, held and let go."""
    by_uid = limited(throttle=Throttle(10, per_s=1, by="uid"))
    mine, others = await jobs(store, 3), await jobs(store, 2, uid="u2")

    found = await claim(store, by_uid, *mine, *others)

    assert ids(found.claims) == sorted([mine[0], others[0]])
    gone = list[str]()

    async def both_go() -> bool:
        gone.extend(await let_all_go(store, by_uid))
        return len(gone) >= 2

    await eventually(both_go)
    assert sorted(gone) == sorted([mine[1], others[1]])


async def test_a_further_attempt_is_a_start_like_any_other(store: Store) -> None:
    """A service that allows a hundred calls counts those of retries, too."""
    first, second = await jobs(store, 2)
    (begun,) = (await claim(store, BURST, first)).claims
    again = Again(outcome=AttemptOutcome.TERMINATED, after_s=0)
    ended = end(begun, Status.QUEUED, death=DEATH)
    object.__setattr__(ended, "again", again)
    await store.settle([ended])
    await store.promote(limit=9)

    assert ids((await claim(store, BURST, first)).claims) == [first]

    late = await claim(store, BURST, second)
    assert (list(late.claims), [each.id for each in late.held]) == ([], [second])


async def test_a_burst_begins_at_once(store: Store) -> None:
    sent = await jobs(store, 4)

    found = await claim(store, BURST, *sent)

    assert ids(found.claims) == sent[:2]


async def test_the_next_is_let_go_when_its_time_has_come(store: Store) -> None:
    sent = await jobs(store, 4)
    found = await claim(store, QUICK, *sent)
    assert ids(found.claims) == sent[:1]
    gone = list[str]()

    async def goes() -> bool:
        gone.extend(await let_all_go(store, QUICK))
        return bool(gone)

    await eventually(goes)

    assert gone == [sent[1]]
    assert await let_all_go(store, QUICK) == [], "the next one waits until this one has begun"
    assert ids((await claim(store, QUICK, sent[1])).claims) == [sent[1]]


async def test_a_throttle_that_a_handler_has_no_more_holds_nobody(store: Store) -> None:
    """Else the jobs that wait would go one by one, as long as that takes."""
    sent = await jobs(store, 4)
    await claim(store, HOURLY, *sent)

    assert await let_all_go(store, limited()) == sent[1:]


async def test_a_throttle_that_lets_more_begin_opens_by_that(store: Store) -> None:
    """For the jobs that wait, and for those that come: not after the long time from before."""
    sent = await jobs(store, 3)
    await claim(store, HOURLY, *sent[:2])

    async def goes() -> bool:
        return await let_all_go(store, QUICK) == [sent[1]]

    await eventually(goes)
    assert ids((await claim(store, QUICK, sent[1])).claims) == [sent[1]]
    await claim(store, HOURLY, sent[2])
    opens_s = await store.limiters.next_opening_s()
    assert opens_s is not None
    assert opens_s < 1


async def test_a_job_that_comes_finds_a_throttle_that_lets_more_begin(store: Store) -> None:
    first, second = await jobs(store, 2)
    await claim(store, HOURLY, first)

    await claim(store, QUICK, second)

    opens_s = await store.limiters.next_opening_s()
    assert opens_s is not None
    assert opens_s < 1


async def test_a_throttle_that_was_closed_stays_closed_where_it_lets_more_begin(
    store: Store,
) -> None:
    (first,) = await jobs(store, 1)
    slow = limited(throttle=Throttle(1, per_s=60, burst=2))
    assert await store.limiters.close(limiter(slow), after_s=3600)

    await claim(store, QUICK, first)
    await let_all_go(store, QUICK)

    opens_s = await store.limiters.next_opening_s()
    assert opens_s is not None
    assert opens_s > 3590


async def test_a_limiter_that_is_closed_opens_no_earlier(store: Store) -> None:
    (first,) = await jobs(store, 1)
    closing = limiter(QUICK)
    assert await store.limiters.close(closing, after_s=3600)
    assert not await store.limiters.close(closing, after_s=60), "it is closed for longer"

    found = await claim(store, QUICK, first)

    assert list(found.claims) == []
    opens_s = await store.limiters.next_opening_s()
    assert opens_s is not None
    assert 3590 < opens_s < 3610


async def test_a_limiter_that_holds_jobs_can_be_closed(store: Store) -> None:
    sent = await jobs(store, 2)
    await claim(store, QUICK, *sent)

    assert await store.limiters.close(limiter(QUICK), after_s=3600)

    opens_s = await store.limiters.next_opening_s()
    assert opens_s is not None
    assert opens_s > 3590


async def test_a_limit_and_a_throttle_go_together(store: Store) -> None:
    both = limited(Limit(1), throttle=Throttle(1, per_s=3600, burst=5))
    sent = await jobs(store, 3)
    found = await claim(store, both, *sent)
    assert ids(found.claims) == sent[:1]

    await finish(store, *found.claims)

    assert await let_all_go(store, both) == [sent[1]]
    assert ids((await claim(store, both, sent[1])).claims) == [sent[1]]


async def test_a_throttled_job_is_aborted_at_once(store: Store) -> None:
    first, second = await jobs(store, 2)
    await claim(store, HOURLY, first, second)

    job = await abort(store, second)

    assert job is not None
    assert job.status is Status.ABORTED
    assert (await store.counts(count_max=10)).held == {}


async def test_throttled_jobs_are_counted_by_their_reason(store: Store) -> None:
    await claim(store, HOURLY, *await jobs(store, 3))

    assert (await store.counts(count_max=10)).held == {"throttle": 2}


async def test_a_limiter_is_kept_while_it_is_not_open(store: Store) -> None:
    """Without its row, a burst would begin at once."""
    await claim(store, HOURLY, *await jobs(store, 1))

    assert await store.limiters.forget(idle_s=0, limit=10) == 0
    assert await store.limiters.forget(idle_s=-7200, limit=10) == 1
