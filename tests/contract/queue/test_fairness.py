"""What the port `Queue` promises about users: whose turn it is, and what of his is next."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from random import Random

import pytest

from scheduler.core.job import NOBODY, WaitingJob
from scheduler.core.ports.queue import Queue, Share
from scheduler.queue.dequeuer import RESTORE_S
from tests.fakes import MemoryQueue, MemoryServer
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    all_of,
    installation_fixture,
    one_of,
    opened,
    queue_fixture,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401
from tests.support.stores import waiting

STARTS = 210
"""Thirty turns of users whose weights are 1, 2 and 4."""
AT_ONCE_S = RESTORE_S / 2
"""By then nobody has counted the users anew."""
SHARES = {
    "one": Share(1),
    "two": Share(2),
    "four": Share(4),
    "half": Share(0.5),
    "capped": Share(1, 2),
}


def share_of(uid: str) -> Share:
    return SHARES.get(uid, Share())


@pytest.fixture(name="shared")
async def shared_fixture(installation: Installation) -> AsyncIterator[Queue]:
    """The queue as a node sees it that knows of shares."""
    async with installation.open("shared", share_of=share_of) as queue:
        yield queue


def numbered(uid: str, count: int) -> list[WaitingJob]:
    return [WaitingJob(f"{uid}-{number:04}", uid, number) for number in range(count)]


async def test_the_first_job_of_a_newcomer_is_next_whatever_others_have_queued(
    queue: Queue, installation: Installation
) -> None:
    """Else a user who queues a thousand jobs makes everybody wait behind them."""
    await queue.enqueue(numbered("a", 1000))
    async with installation.open("b") as other:
        for number in range(20):
            held = [await queue.dequeue(wait_s=ANSWER_S), await other.dequeue(wait_s=ANSWER_S)]
            await queue.enqueue(waiting(f"b-{number}", uid=f"b{number % 7}"))
            found = await other.dequeue(wait_s=ANSWER_S)
            assert found == [f"b-{number}"]
            await other.acknowledge([*found, *held[1]])
            await queue.acknowledge(held[0])


async def test_each_of_several_ids_is_chosen_as_if_those_before_it_ran(queue: Queue) -> None:
    """A node that claims ahead takes no more of one user than it would one by one."""
    await queue.enqueue([*numbered("a", 9), *numbered("b", 2), *numbered("c", 1)])

    assert await queue.dequeue(wait_s=ANSWER_S, limit=8) == [
        *("a-0000", "b-0000", "c-0000"),
        *("a-0001", "b-0001"),
        *("a-0002", "a-0003", "a-0004"),
    ]


async def test_among_equals_next_is_who_has_waited_longest_since_his_last_start(
    queue: Queue,
) -> None:
    """Also who submits one job at a time: he is no newcomer each time."""
    for uid in ("a", "b", "c"):
        await queue.enqueue(numbered(uid, 1))
        await queue.acknowledge(await queue.dequeue(wait_s=ANSWER_S))
    for uid in ("c", "a", "b"):
        await queue.enqueue([*numbered(uid, 1), WaitingJob(f"{uid}-again", uid, 9)])

    found: list[str] = []
    for _ in range(6):
        found += await queue.dequeue(wait_s=ANSWER_S)
        await queue.acknowledge(found[-1:])
    again = ["a-again", "b-again", "c-again"]
    assert found == ["a-0000", "b-0000", "c-0000", *again]


async def test_newcomers_come_in_the_order_in_which_they_came(queue: Queue) -> None:
    """Whatever they are called: else one of them could wait behind newcomers for ever."""
    await queue.enqueue(numbered("m", 9))
    found: list[str] = []
    for uid in ("z", "y", "x"):
        found += await queue.dequeue(wait_s=ANSWER_S)
        await queue.enqueue(numbered(uid, 1))
    found += await queue.dequeue(wait_s=ANSWER_S, limit=1)

    assert [each[0] for each in found] == ["m", "z", "y", "x"]


async def test_of_a_user_next_is_what_has_been_eligible_longest(queue: Queue) -> None:
    await queue.enqueue([WaitingJob("1", "u", 30), WaitingJob("2", "u", 20)])
    await queue.enqueue([WaitingJob("3", "u", 10), WaitingJob("4", "u", -5)])
    await queue.enqueue([WaitingJob("2", "u", 40)])

    assert await all_of(queue, expected=4) == ["4", "3", "1", "2"], "what is moved waits once"


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7, 8, 14])
async def test_users_run_by_their_weights_however_few_slots_there_are(
    slots: int, shared: Queue
) -> None:
    """All slots are busy, and each job takes as long as any other."""
    users = {"one": 1, "two": 2, "four": 4}
    for uid in users:
        await shared.enqueue(numbered(uid, 200))
    running: deque[str] = deque()
    started: Counter[str] = Counter()
    for _ in range(STARTS):
        if len(running) == slots:
            await shared.acknowledge([running.popleft()])
        [job_id] = await shared.dequeue(wait_s=ANSWER_S)
        running.append(job_id)
        started[job_id.partition("-")[0]] += 1

    for uid, weight in users.items():
        assert started[uid] == pytest.approx(STARTS * weight / 7, rel=0.1)


async def test_a_user_who_runs_as_much_as_he_may_is_passed_over_until_one_of_his_ends(
    shared: Queue, installation: Installation
) -> None:
    """And then a worker that waits is woken, on any node."""
    await shared.enqueue([*numbered("capped", 4), *numbered("z", 1)])
    found = await shared.dequeue(wait_s=ANSWER_S, limit=9)
    assert sorted(found) == ["capped-0000", "capped-0001", "z-0000"]
    assert await shared.dequeue(wait_s=PAUSE_S) == []
    await shared.enqueue(numbered("capped", 5)[4:])
    assert await shared.dequeue(wait_s=PAUSE_S) == []

    async with installation.open("b") as other, asyncio.TaskGroup() as group:
        waiter = group.create_task(one_of(other, wait_s=60))
        await installation.blocked(1)
        await shared.acknowledge(["capped-0000"])
    assert waiter.result() == "capped-0002"


async def test_postponed_ids_wait_in_their_lines_until_one_of_the_user_ends(queue: Queue) -> None:
    """The store knew that he runs as much as he may: nobody asks it again and again."""
    await queue.enqueue([*numbered("a", 4), *numbered("b", 2)])
    assert len(await queue.dequeue(wait_s=ANSWER_S, limit=4)) == 4
    await queue.postpone([WaitingJob("a-0001", "a", 1)])

    assert await queue.dequeue(wait_s=PAUSE_S) == []
    await queue.acknowledge(["a-0000"])
    assert await all_of(queue, expected=3) == ["a-0001", "a-0002", "a-0003"]


async def test_what_counts_for_nobody_holds_no_user_back(shared: Queue) -> None:
    """A clean-up is no job that its user runs: he waits neither longer nor for its end."""
    await shared.enqueue([WaitingJob("clean", NOBODY)], ahead=True)
    await shared.enqueue(numbered("capped", 3))
    assert await shared.dequeue(wait_s=ANSWER_S, limit=9) == ["clean", "capped-0000", "capped-0001"]
    await shared.acknowledge(["clean"])
    assert await shared.dequeue(wait_s=PAUSE_S) == []


async def test_a_node_that_starts_tells_the_shares_of_those_who_wait(
    queue: Queue, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes a limit need not wait until each user submits once more."""
    monkeypatch.setattr("scheduler.queue.dequeuer.RESTORE_S", 0.01)
    await queue.enqueue(numbered("capped", 4))
    async with installation.open("limiting", share_of=share_of) as limiting:
        await limiting.join(str(await installation.look.get(installation.key("store")) or "x"))
        assert len(await limiting.dequeue(wait_s=ANSWER_S, limit=9)) == 2
        async with installation.open("lifting") as lifting:
            await lifting.join(str(await installation.look.get(installation.key("store"))))
            found = [await one_of(lifting, wait_s=ANSWER_S) for _ in range(2)]
    assert found == ["capped-0002", "capped-0003"]


async def test_what_runs_without_having_been_dequeued_counts_for_its_user(
    queue: Queue, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that an idle worker began as it was submitted may run for hours."""
    monkeypatch.setattr("scheduler.queue.dequeuer.HOLD_S", 0.01)
    queue.hold("direct", "a")
    await eventually(lambda: installation.look.hget(installation.key("loads"), "a"))
    await queue.enqueue([*numbered("a", 1), *numbered("b", 1)])
    assert await queue.dequeue(wait_s=ANSWER_S, limit=2) == ["b-0000", "a-0000"]

    await queue.acknowledge(["direct"])
    assert sorted(await installation.inflight("a")) == ["a-0000", "b-0000"]


async def test_what_began_without_a_dequeue_counts_before_anybody_is_chosen(queue: Queue) -> None:
    """Else the first job of somebody else waits for a slot, which may take hours."""
    in_vain = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        waits = queue.dequeue(wait_s=ANSWER_S, in_vain=in_vain.set)
        found = group.create_task(waits, name="dequeue")
        await in_vain.wait()
        queue.hold("direct", "a")
        await queue.enqueue([*numbered("a", 2), *numbered("b", 1)])
    assert found.result() == ["b-0000"]

    queue.hold("another", "b")
    await queue.enqueue(numbered("c", 1))
    assert await queue.dequeue(wait_s=ANSWER_S, limit=3) == ["c-0000", "a-0000", "a-0001"]


async def test_a_hold_that_ends_soon_costs_nothing(
    queue: Queue, installation: Installation
) -> None:
    """Most jobs that begin so are over before anybody could be unfair to others."""
    await queue.forgetful()
    before = (await installation.look.info("stats"))["total_commands_processed"]
    for number in range(50):
        queue.hold(str(number), "a")
        await queue.acknowledge([str(number)])
    after = (await installation.look.info("stats"))["total_commands_processed"]
    assert after - before < 25
    assert await installation.inflight("a") == []


async def test_loads_that_are_wrong_are_counted_anew(
    queue: Queue, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else wrote them, or the server lost some: nobody waits for ever."""
    monkeypatch.setattr("scheduler.queue.dequeuer.RESTORE_S", 0.01)
    await queue.enqueue([*numbered("a", 3), *numbered("b", 3)])
    await queue.dequeue(wait_s=ANSWER_S, limit=2)
    await installation.look.hset(installation.key("loads"), mapping={"a": 700, "nobody": 1})
    await installation.look.hdel(installation.key("loads"), "b")

    async def as_it_is() -> bool:
        return bool(
            await installation.look.hgetall(installation.key("loads")) == {"a": "1", "b": "1"}
        )

    await eventually(as_it_is)


async def test_after_a_flush_what_runs_counts_again_and_the_order_is_the_same(
    queue: Queue, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs go on while the server forgets them."""
    monkeypatch.setattr("scheduler.queue.dequeuer.RESTORE_S", 0.01)
    await queue.enqueue(numbered("a", 9))
    assert len(await queue.dequeue(wait_s=ANSWER_S, limit=3)) == 3
    await installation.look.flushall()
    assert await queue.forgetful()
    await queue.remind([*numbered("a", 9)[3:], *numbered("b", 9)])
    await queue.remember()

    first = await queue.dequeue(wait_s=ANSWER_S)

    async def counted() -> bool:
        loads = await installation.look.hgetall(installation.key("loads"))
        return sum(map(int, loads.values())) == 4

    await eventually(counted, within_s=20)
    following = await queue.dequeue(wait_s=ANSWER_S, limit=3)
    assert Counter(job_id[0] for job_id in [*first, *following])["b"] >= 3


async def test_after_a_flush_a_node_that_takes_nothing_more_is_known_by_what_it_runs(
    queue: Queue, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its slots are all busy: other nodes would count the loads of users without it for hours."""
    monkeypatch.setattr("scheduler.queue.dequeuer.RESTORE_S", 0.01)
    await queue.enqueue(numbered("a", 1))
    assert await queue.dequeue(wait_s=ANSWER_S) == ["a-0000"]
    await installation.look.flushall()

    await eventually(lambda: installation.look.sismember(installation.key("nodes"), "a"))
    assert await installation.inflight("a") == ["a-0000"]


async def test_turns_begin_anew_after_the_last_one(
    queue: Queue, installation: Installation
) -> None:
    """Once in many years; users keep their levels then."""
    await queue.enqueue([*numbered("a", 3), *numbered("b", 3)])
    await queue.dequeue(wait_s=ANSWER_S, limit=2)
    await installation.look.zadd(installation.key("turns"), {"": 2**43 - 2, "a": 2**43 - 1})
    await queue.enqueue(numbered("c", 3))

    found = await queue.dequeue(wait_s=ANSWER_S, limit=7)
    assert Counter(each[0] for each in found[:1]) == {"c": 1}
    assert Counter(each[0] for each in found[:4]) == {"a": 1, "b": 1, "c": 2}


class Both:
    """A real queue and a fake one, which do the same."""

    def __init__(self, real: Queue, chance: Random) -> None:
        self.server = MemoryServer()
        self.server.lines.share_of = share_of
        self.real, self.fake, self.chance = real, MemoryQueue(self.server), chance
        self.held: list[WaitingJob] = []
        self.known: dict[str, WaitingJob] = {}

    async def enqueue(self) -> None:
        uids = self.chance.choices(["newcomer", *SHARES], k=self.chance.randint(1, 4))
        first = len(self.known)
        jobs = [WaitingJob(f"{first + n:03}", uid, -n) for n, uid in enumerate(uids)]
        self.known |= {job.id: job for job in jobs}
        ahead = self.chance.random() < 0.1
        for queue in (self.real, self.fake):
            await queue.enqueue(jobs, ahead=ahead)

    async def dequeue(self) -> None:
        limit = self.chance.randint(1, 6)
        expected = await self.fake.dequeue(wait_s=0, limit=limit)
        if expected:
            assert list(await self.real.dequeue(wait_s=ANSWER_S, limit=limit)) == expected
            self.held += [self.known[job_id] for job_id in expected]

    async def let_go(self) -> None:
        if not self.held:
            return
        job = self.held.pop(self.chance.randrange(len(self.held)))
        way = self.chance.choice(["acknowledge", "acknowledge", "give_back", "postpone"])
        for queue in (self.real, self.fake):
            match way:
                case "acknowledge":
                    await queue.acknowledge([job.id])
                case "give_back":
                    await queue.give_back(job.id)
                case _:
                    await queue.postpone([job])


@pytest.mark.parametrize("seed", range(6))
async def test_the_order_is_the_one_that_the_fake_has(seed: int, shared: Queue) -> None:
    """Many tests rely on the fake; and it says the same in other words."""
    both = Both(shared, Random(seed))  # noqa: S311 - the same steps in each run
    for _ in range(200):
        await both.chance.choice([both.enqueue, both.dequeue, both.let_go])()


async def test_dropped_ids_wait_no_more_and_their_users_go_on(queue: Queue) -> None:
    """A backlog of what is paused is out of the way of all others at once."""
    await queue.enqueue([*numbered("a", 4), *numbered("b", 2)])
    assert await queue.dequeue(wait_s=ANSWER_S) == ["a-0000"]

    await queue.drop([*numbered("a", 3), *numbered("b", 2), *numbered("c", 1)])

    assert await all_of(queue, expected=1) == ["a-0003"]
    await queue.acknowledge(["a-0000", "a-0003"])
    await queue.enqueue(numbered("b", 1))
    assert await all_of(queue, expected=1) == ["b-0000"]


@pytest.mark.parametrize("lane", ["", "gpu"])
async def test_who_had_nothing_left_as_his_last_one_ended_is_next_as_anybody(
    shared: Queue, lane: str
) -> None:
    """He ran as much as he may, and what waited was put aside; also where others need labels."""
    if lane:
        await shared.enqueue([WaitingJob("needs", "z", 0, lane)])
    await shared.enqueue(numbered("capped", 4))
    assert len(await shared.dequeue(wait_s=ANSWER_S, limit=9)) == 2
    await shared.drop(numbered("capped", 4)[2:])
    await shared.acknowledge(["capped-0000", "capped-0001"])

    await shared.enqueue(numbered("capped", 5)[4:])

    assert await shared.dequeue(wait_s=AT_ONCE_S) == ["capped-0004"]


async def test_who_was_postponed_and_has_nothing_left_is_next_as_anybody(queue: Queue) -> None:
    """Of a user without a limit that the server knows of."""
    await queue.enqueue(numbered("a", 1))
    assert await queue.dequeue(wait_s=ANSWER_S) == ["a-0000"]
    await queue.postpone(numbered("a", 1))
    await queue.drop(numbered("a", 1))

    await queue.enqueue(numbered("a", 2)[1:])

    assert await queue.dequeue(wait_s=AT_ONCE_S) == ["a-0001"]
