"""What `LimiterStore` promises of limits: never more at once, and none waits for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    NOTHING_RAN,
    Again,
    AttemptOutcome,
    Claim,
    Cleanup,
    CleanupTries,
    Hold,
    HoldReason,
    Order,
    Status,
)
from scheduler.core.limits.declaration import Limit
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.store import Retiming, Store
from scheduler.core.quotas.quota import Quota, Quotas
from tests.contract.limiters.asking import (
    TASK,
    claim,
    finish,
    in_limiters,
    let_all_go,
    limited,
    limiter,
)
from tests.support.stores import (
    AT,
    DEATH,
    abort,
    end,
    ids_waiting,
    known,
    later,
    new,
    node,
    queued,
)

ONE = limited(Limit(1))
TWO = limited(Limit(2))
BY_CUSTOMER = limited(Limit(1, by=("uid", "/customer")))
HELD = Hold(HoldReason.LIMIT, None)


async def jobs(store: Store, count: int, uid: str = "u1", data: str = "null") -> list[str]:
    """Insert so many jobs; their ids."""
    await store.register(node())
    sent = [new(uid, data=data) for _ in range(count)]
    await store.insert(sent)
    return [each.id for each in sent]


def ids(claims: Sequence[Claim]) -> list[str]:
    return sorted(each.id for each in claims)


async def test_no_more_are_claimed_than_may_run(store: Store) -> None:
    sent = await jobs(store, 4)

    found = await claim(store, TWO, *sent)

    assert ids(found.claims) == sent[:2]
    assert [each.id for each in found.held] == sent[2:]
    assert [(await known(store, each)).hold for each in sent[2:]] == [HELD] * 2
    assert await ids_waiting(store) == []


async def test_the_common_claim_leaves_limited_jobs_out(store: Store) -> None:
    """It takes no lock of a limiter, so it must not take such a job."""
    await store.register(node())
    limited_job, plain = new(), new(task="task2")
    await store.insert([limited_job, plain])

    found = await store.claim(
        [limited_job.id, plain.id], node_id="a1", at=later(1), but_tasks=[TASK]
    )

    assert ids(found) == [plain.id]


async def test_one_that_ended_makes_room_for_the_next(store: Store) -> None:
    """In the order of their turns, and for as many as ended."""
    sent = await jobs(store, 5)
    found = await claim(store, TWO, *sent)
    assert await let_all_go(store, TWO) == []

    await finish(store, found.claims[0])

    assert await let_all_go(store, TWO) == [sent[2]]
    assert await let_all_go(store, TWO) == []
    assert ids((await claim(store, TWO, sent[2])).claims) == [sent[2]]
    assert await let_all_go(store, TWO) == []


async def test_those_that_were_let_go_count_until_they_begin(store: Store) -> None:
    """Else each look would let go another one, while all workers are busy with others."""
    sent = await jobs(store, 5)
    found = await claim(store, TWO, *sent)
    await finish(store, *found.claims)
    key = limiter(TWO).key

    first = await store.limiters.let_go(key, rules={}, limit=1)
    more = await store.limiters.let_go(key, rules={}, limit=10)

    assert [each.id for each in [*first, *more]] == sent[2:4]
    holding, last = await store.limiters.holding(after="", rules={}, limit=10)
    assert ([each.has_room for each in holding], last) == ([False], None)


async def test_each_key_has_room_of_its_own(store: Store) -> None:
    acme = await jobs(store, 2, data='{"customer": "acme"}')
    other = await jobs(store, 2, data='{"customer": "other"}')
    of_another = await jobs(store, 2, uid="u2", data='{"customer": "acme"}')

    found = await claim(store, BY_CUSTOMER, *acme, *other, *of_another)

    assert ids(found.claims) == [acme[0], other[0], of_another[0]]


async def test_jobs_without_a_key_do_not_wait_for_each_other(store: Store) -> None:
    """One limiter for all of them would let one customer's jobs wait for those of nobody."""
    sent = [
        *await jobs(store, 2, data='{"customer": null}'),
        *await jobs(store, 2, data="[]"),
        *await jobs(store, 2, data='{"customers": 1}'),
    ]

    found = await claim(store, BY_CUSTOMER, *sent)

    assert (ids(found.claims), list(found.held)) == (sent, [])


async def test_a_job_with_several_limits_needs_room_in_all_of_them(store: Store) -> None:
    both = limited(Limit(2), Limit(1, by="uid"))
    ada, bob, eve = [await jobs(store, 2, uid=uid) for uid in ("ada", "bob", "eve")]

    found = await claim(store, both, ada[0], ada[1], bob[0])
    assert ids(found.claims) == [ada[0]], "the second of ada takes no room from bob for long"
    assert await let_all_go(store, both) == [bob[0]]
    more = await claim(store, both, bob[0], eve[0])
    assert ids(more.claims) == [bob[0]]

    await finish(store, *found.claims)
    await claim(store, both, bob[1], eve[1])
    assert set(await let_all_go(store, both)) & {ada[1], eve[0]}


async def test_two_nodes_together_claim_no_more(store: Store) -> None:
    """Each looks under the lock of the limiter, so the second sees what the first did."""
    sent = await jobs(store, 12)
    await store.register(node("b1"))
    asked = [sent[number::6] for number in range(6)]

    async with asyncio.TaskGroup() as group:
        claims = [
            group.create_task(claim(store, TWO, *some, node_id=["a1", "b1"][number % 2]))
            for number, some in enumerate(asked)
        ]

    assert sum(len(each.result().claims) for each in claims) <= 2
    running = [each for each in sent if (await known(store, each)).status is Status.RUNNING]
    assert len(running) <= 2


@pytest.mark.parametrize("cleanup", [Cleanup.DONE, Cleanup.FAILED])
async def test_a_key_is_held_until_the_clean_up_is_over(store: Store, cleanup: Cleanup) -> None:
    """What the job did is not undone before that: the next one would meet it."""
    await store.register(node())
    first = new(undoable=True)
    await store.insert([first])
    (ran,) = (await claim(store, ONE, first.id)).claims
    (second,) = await jobs(store, 1)
    await abort(store, first.id)
    await store.settle([end(ran, Status.ABORTED, death=DEATH)])

    assert (await claim(store, ONE, second)).claims == []
    assert await let_all_go(store, ONE) == []
    (undo,) = await store.claim([first.id], node_id="a1", at=later(2), but_tasks=[TASK])
    assert await let_all_go(store, ONE) == []
    tries = CleanupTries(ended=1, allowed=2, next_at=later(3))
    await store.settle_cleanup(first.id, token=undo.token, cleanup=Cleanup.PENDING, tries=tries)
    assert await let_all_go(store, ONE) == [], "its next try is to come"
    await store.resume_cleanups(at=later(4), limit=10)
    (undo,) = await store.claim([first.id], node_id="a1", at=later(5))
    await store.settle_cleanup(first.id, token=undo.token, cleanup=cleanup)

    assert await let_all_go(store, ONE) == [second]


async def test_the_clean_up_of_a_job_that_was_queued_again_holds_its_key(store: Store) -> None:
    """What its attempts did is there, though it held nothing when it was aborted."""
    await store.register(node())
    first = new(undoable=True)
    await store.insert([first])
    (ran,) = (await claim(store, ONE, first.id)).claims
    ended = end(ran, Status.QUEUED, death=DEATH)
    object.__setattr__(ended, "again", Again(outcome=AttemptOutcome.TERMINATED, after_s=3600))
    await store.settle([ended])
    assert await let_all_go(store, ONE) == []
    await abort(store, first.id)
    (second,) = await jobs(store, 1)

    assert [each.id for each in (await claim(store, ONE, second)).held] == [second]
    assert await let_all_go(store, ONE) == []
    (undo,) = await store.claim([first.id], node_id="a1", at=later(2), but_tasks=[TASK])
    await store.settle_cleanup(first.id, token=undo.token, cleanup=Cleanup.DONE)

    assert await let_all_go(store, ONE) == [second]
    assert await store.limiters.freed(limit=100) == []


async def test_a_job_that_is_given_back_holds_nothing(store: Store) -> None:
    """A drain lets others begin elsewhere."""
    first, second = await jobs(store, 2)
    found = await claim(store, ONE, first, second)

    await store.settle([end(found.claims[0], Status.QUEUED, death=NOTHING_RAN)])

    assert ids((await claim(store, ONE, first)).claims) == [first]
    assert await let_all_go(store, ONE) == []


async def test_a_job_that_waits_for_its_next_attempt_holds_nothing(store: Store) -> None:
    first, second = await jobs(store, 2)
    found = await claim(store, ONE, first, second)
    again = Again(outcome=AttemptOutcome.TERMINATED, after_s=3600)
    ended = end(found.claims[0], Status.QUEUED, death=DEATH)
    object.__setattr__(ended, "again", again)

    await store.settle([ended])

    assert await let_all_go(store, ONE) == [second]


async def test_a_dead_nodes_job_holds_its_key_until_it_is_taken_back(store: Store) -> None:
    """Only then is it sure that nothing of it runs."""
    first, second = await jobs(store, 2)
    await claim(store, ONE, first, second)

    await store.bury("a1")
    await store.register(node("b1"))
    assert await let_all_go(store, ONE) == []
    await store.release_orphans(losses_max=3, at=later(9))

    assert ids((await claim(store, ONE, first, node_id="b1")).claims) == [first]
    assert await let_all_go(store, ONE) == []


async def test_an_abort_waits_for_no_key(store: Store) -> None:
    first, second, third = await jobs(store, 3)
    found = await claim(store, ONE, first, second, third)

    job = await abort(store, second)

    assert job is not None
    assert (job.status, job.hold) == (Status.ABORTED, None)
    await finish(store, *found.claims)
    assert await let_all_go(store, ONE) == [third]


async def test_a_job_that_is_aborted_after_it_was_let_go_makes_room(store: Store) -> None:
    """Nobody ended then, so only the look at all limiters finds it."""
    first, second, third = await jobs(store, 3)
    found = await claim(store, ONE, first, second, third)
    await finish(store, *found.claims)
    assert await let_all_go(store, ONE) == [second]

    await abort(store, second)

    assert await let_all_go(store, ONE) == [third]


async def test_a_limit_that_is_raised_lets_more_go_and_one_that_is_lowered_fewer(
    store: Store,
) -> None:
    sent = await jobs(store, 5)
    found = await claim(store, ONE, *sent)
    assert ids(found.claims) == sent[:1]

    three = limited(Limit(3))
    assert await let_all_go(store, three) == sent[1:3]
    more = await claim(store, three, *sent[1:3])
    assert ids(more.claims) == sent[1:3]

    await finish(store, *found.claims, more.claims[0])
    assert await let_all_go(store, ONE) == []
    await finish(store, more.claims[1])
    assert await let_all_go(store, ONE) == [sent[3]]


@pytest.mark.parametrize("options", [limited(), limited(Limit(1, by="uid"))])
async def test_a_limit_that_a_handler_has_no_more_holds_nobody(
    store: Store, options: HandlerOptions
) -> None:
    """Nor goes on letting so many go in a second as once ran at a time."""
    sent = await jobs(store, 5)
    await claim(store, ONE, *sent)

    assert await let_all_go(store, options) == sent[1:]


async def test_what_limits_the_jobs_of_an_unknown_handler_goes_on(store: Store) -> None:
    """Another node may know it."""
    await claim(store, ONE, *await jobs(store, 3))

    assert await let_all_go(store, replace(limited(), name="another")) == []


async def test_none_passes_one_that_waits(store: Store) -> None:
    """Else a stream of new jobs would let the held one wait for ever."""
    first, second = await jobs(store, 2)
    found = await claim(store, ONE, first, second)
    await finish(store, *found.claims)
    (third,) = await jobs(store, 1)

    passing = await claim(store, ONE, third)

    assert (list(passing.claims), [each.id for each in passing.held]) == ([], [third])
    assert await let_all_go(store, ONE) == [second]


async def test_a_job_that_a_pause_refuses_takes_no_room(store: Store) -> None:
    first, second = await jobs(store, 2)
    await store.pauses.put(PauseKey(PauseKind.UID, "u1"), reason=None, until=None, by=None)
    (other,) = await jobs(store, 1, uid="u2")

    found = await claim(store, ONE, first)
    assert (list(found.claims), list(found.held)) == ([], [])
    await store.pauses.hold([first, second], ahead_max=0)

    assert ids((await claim(store, ONE, other)).claims) == [other]


async def test_the_jobs_of_a_paused_user_keep_no_others_of_a_limiter_waiting(
    store: Store,
) -> None:
    """Met one by one, each a second after the other, ten thousand would take hours."""
    (runs,) = await jobs(store, 1, uid="u3")
    paused, (other,) = await jobs(store, 3), await jobs(store, 1, uid="u2")
    found = await claim(store, ONE, runs, *paused, other)
    key = PauseKey(PauseKind.UID, "u1")
    await store.pauses.put(key, reason=None, until=None, by=None)
    await finish(store, *found.claims)
    assert await let_all_go(store, ONE) == paused[:1]

    held = await store.pauses.hold(paused[:1], ahead_max=10)

    assert [each.id for each in held] == paused
    assert await let_all_go(store, ONE) == [other]
    await store.pauses.end(key)
    assert [each.id for each in await store.pauses.let_go(key, limit=10)] == paused


async def test_a_job_that_a_quota_refuses_takes_no_room(store: Store) -> None:
    """It was let go, and is back in its user's line: others of the limiter go on meanwhile."""
    quotas = Quotas([Quota(pattern="u1", running_max=1)])
    plain = new(task="task2")
    await store.insert([plain])
    first, second = await jobs(store, 2)
    (other,) = await jobs(store, 1, uid="u2")
    found = await claim(store, ONE, first, second, other)
    await store.claim([plain.id], node_id="a1", at=later(1))
    await finish(store, *found.claims)
    assert await let_all_go(store, ONE) == [second]

    refused = await claim(store, ONE, second, quotas=quotas)

    assert (list(refused.claims), list(refused.held)) == ([], [])
    assert await let_all_go(store, ONE) == [other]


async def test_the_next_jobs_of_a_user_are_held_with_the_one_that_is_met(store: Store) -> None:
    """Without a worker that meets each of them."""
    sent = await jobs(store, 6)
    found = await claim(store, TWO, *sent[:2])
    assert len(found.claims) == 2

    ahead = await store.limiters.next_jobs("u1", tasks=[TASK], limit=3, bytes_max=100)
    assert [each.job.id for each in ahead] == sent[2:5]
    held = await store.limiters.hold(await in_limiters(store, TWO, [each.job.id for each in ahead]))

    assert [each.id for each in held] == sent[2:5]
    assert await ids_waiting(store) == sent[5:]
    assert not await store.limiters.hold([])


async def test_jobs_with_much_data_are_met_one_by_one(store: Store) -> None:
    await jobs(store, 1, data='"long"')

    assert list(await store.limiters.next_jobs("u1", tasks=[TASK], limit=3, bytes_max=5)) == []


async def test_a_held_job_ends_where_it_has_not_begun_in_time(store: Store) -> None:
    """It may run since it was submitted; that others of its key run does not stop the clock."""
    (first,) = await jobs(store, 1)
    second = new(order=Order(start_within_s=0.001))
    await store.insert([second])
    third = new(order=Order(start_within_s=3600))
    await store.insert([third])
    await claim(store, ONE, first, third.id)
    await asyncio.sleep(0.01)

    await store.expire(limit=10)

    assert (await known(store, second.id)).status is Status.TERMINATED
    assert (await known(store, third.id)).hold == HELD
    due_s = await store.next_due_s()
    assert due_s is not None
    assert 3000 < due_s < 3600


async def test_a_held_job_is_counted_by_its_reason(store: Store) -> None:
    sent = await jobs(store, 3)
    await claim(store, ONE, *sent)

    assert (await store.counts(count_max=100)).held == {"limit": 2}
    assert (await store.counts(count_max=1)).held == {"limit": 1}


async def test_the_order_is_that_of_turns_also_where_it_changes_meanwhile(store: Store) -> None:
    first, second, third = await jobs(store, 3)
    found = await claim(store, ONE, first, second, third)

    changed = await store.reorder(third, uid="u1", priority=60)

    assert changed is not None
    assert changed.job.hold == HELD
    await finish(store, *found.claims)
    assert await let_all_go(store, ONE) == [third]


async def test_a_time_to_come_holds_a_job_that_waits_for_its_limiter(store: Store) -> None:
    """Else it would begin before the time that its user has chosen by now."""
    first, second, third = await jobs(store, 3)
    found = await claim(store, ONE, first, second, third)
    run_at = datetime.now(UTC) + timedelta(hours=1)

    changed = await store.reorder(second, uid="u1", retiming=Retiming(run_at))
    same = await store.reorder(third, uid="u1", retiming=Retiming(AT))

    assert changed is not None
    assert changed.job.hold is not None
    assert changed.job.hold.reason == HoldReason.RUN_AT
    assert same is not None
    assert same.job.hold == HELD
    await finish(store, *found.claims)
    assert await let_all_go(store, ONE) == [third]


async def test_limiters_that_nobody_is_in_are_deleted(store: Store) -> None:
    """A key for each customer would be as many rows as there ever were customers."""
    sent = await jobs(store, 2)
    found = await claim(store, ONE, *sent)
    assert await store.limiters.forget(idle_s=-60, limit=10) == 0, "one is held"
    await finish(store, *found.claims)
    assert await store.limiters.forget(idle_s=-60, limit=10) == 0, "and one waits"
    await let_all_go(store, ONE)
    assert await store.limiters.forget(idle_s=60, limit=10) == 0, "it was used just now"

    assert await store.limiters.forget(idle_s=-60, limit=10) == 1
    assert ids((await claim(store, ONE, sent[1])).claims) == [sent[1]]


async def test_a_look_at_all_limiters_goes_on_where_the_last_one_ended(store: Store) -> None:
    options = limited(Limit(1, by="uid"))
    for uid in ("ada", "bob", "eve"):
        found = await claim(store, options, *await jobs(store, 2, uid=uid))
        await finish(store, *found.claims)

    first, last = await store.limiters.holding(after="", rules={}, limit=2)
    more, end_of_all = await store.limiters.holding(after=last or "", rules={}, limit=2)

    keys = [each.key for each in (*first, *more) if each.has_room]
    assert keys == [limiter(options, uid=uid).key for uid in ("ada", "bob", "eve")]
    assert end_of_all is None


async def test_a_job_that_is_claimed_twice_in_a_call_holds_its_key_once(store: Store) -> None:
    """An id may come twice from the queue."""
    first = await queued(store)
    await store.register(node())
    (asked,) = await in_limiters(store, TWO, [first])

    found = await asyncio.gather(  # noqa: TID251 - two calls that meet
        store.limiters.claim([asked], node_id="a1", at=later(1), quotas=Quotas()),
        store.limiters.claim([asked], node_id="a1", at=later(1), quotas=Quotas()),
    )

    assert sum(len(each.claims) for each in found) == 1
    (second,) = await jobs(store, 1)
    assert ids((await claim(store, TWO, second)).claims) == [second]
