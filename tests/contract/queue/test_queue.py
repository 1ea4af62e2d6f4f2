"""What the port `Queue` promises about ids: their order, and that none is lost."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from scheduler.core.policy import waiting_cleanup
from scheduler.core.ports.queue import Queue
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    all_of,
    installation_fixture,
    one_of,
    opened,
    patiently,
    queue_fixture,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401
from tests.support.stores import ids_of, waiting


async def test_ids_come_out_in_the_order_they_went_in(queue: Queue) -> None:
    await queue.enqueue(waiting("1", "2"))
    await queue.enqueue(waiting("3"))

    assert [await one_of(queue, wait_s=ANSWER_S) for _ in range(3)] == ["1", "2", "3"]


async def test_ids_that_go_ahead_come_first_in_their_own_order(queue: Queue) -> None:
    await queue.enqueue(waiting("3", "4"))
    await queue.enqueue(waiting("1", "2"), ahead=True)

    assert [await one_of(queue, wait_s=ANSWER_S) for _ in range(4)] == ["1", "2", "3", "4"]


async def test_enqueueing_no_ids_does_nothing(queue: Queue, installation: Installation) -> None:
    await queue.enqueue([])
    queue.announce([])

    assert await installation.queued() == []


async def test_an_empty_queue_answers_none_when_the_time_is_up(queue: Queue) -> None:
    async with asyncio.timeout(ANSWER_S):
        assert await one_of(queue, wait_s=PAUSE_S) is None


async def test_each_enqueued_id_wakes_a_worker_on_any_node(
    queue: Queue, installation: Installation
) -> None:
    """No worker waits for its whole idle window while there is work."""
    async with (
        installation.open("b") as other,
        asyncio.timeout(ANSWER_S),
        asyncio.TaskGroup() as group,
    ):
        waiters = [group.create_task(one_of(queue, wait_s=60)) for _ in range(3)]
        waiters += [group.create_task(one_of(other, wait_s=60)) for _ in range(3)]
        await installation.blocked(2)
        await other.enqueue(waiting(*"123456"))

    assert sorted(str(task.result()) for task in waiters) == list("123456")


async def test_dozens_of_workers_wait_on_one_connection(
    queue: Queue, installation: Installation
) -> None:
    """A connection for each waiters worker of each node would exhaust the server."""
    ids = [f"{n:02}" for n in range(60)]
    before = await installation.look.client_list()
    async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
        waiters = [group.create_task(one_of(queue, wait_s=60)) for _ in ids]
        await installation.blocked(1)
        clients = await installation.look.client_list()
        await queue.enqueue(waiting(*ids))

    assert [task.result() for task in waiters] == ids, "served in the order they came"
    assert len(clients) < len(before) + 4


async def test_several_ids_come_at_once_as_far_as_they_wait(
    queue: Queue, installation: Installation
) -> None:
    """In their order, all of them in flight; what comes later is not waited for."""
    await queue.enqueue(waiting("1", "2", "3"))

    assert await queue.dequeue(wait_s=ANSWER_S, limit=2) == ["1", "2"]
    assert await installation.inflight("a") == ["1", "2"]
    assert await queue.dequeue(wait_s=ANSWER_S, limit=2) == ["3"]
    assert await queue.dequeue(wait_s=PAUSE_S, limit=2) == []

    await queue.acknowledge(["1", "3"])
    assert await installation.inflight("a") == ["2"]


async def test_callers_share_the_ids_that_wait(queue: Queue) -> None:
    """Else one would take all, and the slot beside it would stay idle."""
    async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
        callers = [group.create_task(queue.dequeue(wait_s=ANSWER_S, limit=20)) for _ in range(2)]
        await asyncio.sleep(0)
        await queue.enqueue(waiting("1", "2", "3", "4"))
    shares = [len(caller.result()) for caller in callers]
    assert sum(shares) in {2, 3, 4}, "the first that comes may wake a caller by itself"
    assert 0 not in shares


async def test_an_id_is_moved_to_the_nodes_in_flight_list_until_acknowledged(
    queue: Queue, installation: Installation
) -> None:
    """If it were popped, it would be lost with a node that is killed."""
    await queue.enqueue(waiting("1", "2"))

    assert await one_of(queue, wait_s=ANSWER_S) == "1"
    assert await installation.inflight("a") == ["1"]
    assert await installation.queued() == ["2"]

    await queue.acknowledge(["1"])
    assert await installation.inflight("a") == []


async def test_acknowledging_twice_has_the_effect_of_once(
    queue: Queue, installation: Installation
) -> None:
    await queue.enqueue(waiting("1", "1", "1"), ahead=True)
    for _ in range(2):
        await one_of(queue, wait_s=ANSWER_S)

    await queue.acknowledge(["1"])
    assert await installation.inflight("a") == ["1"]
    await queue.acknowledge(["1"])
    await queue.acknowledge(["1"])
    assert await installation.inflight("a") == []
    assert await installation.queued() == ["1"]


async def test_an_id_that_is_given_back_comes_next(
    queue: Queue, installation: Installation
) -> None:
    await queue.enqueue(waiting("1", "2", "3"))
    for _ in range(2):
        await one_of(queue, wait_s=ANSWER_S)

    await queue.give_back("2")
    await queue.give_back("1")
    await queue.give_back("1")

    assert await installation.inflight("a") == []
    assert await all_of(queue, expected=3) == ["1", "2", "3"]


async def test_a_cancelled_dequeue_loses_nothing(queue: Queue, installation: Installation) -> None:
    """Workers are cancelled at any moment; an id that just arrives goes to another worker."""
    ids = [f"{n:03}" for n in range(200)]
    chance = Random(2)  # noqa: S311 - the same moments in each run
    found: list[str] = []

    async def take_one() -> None:
        job_id = await one_of(queue, wait_s=60)
        assert job_id is not None
        found.append(job_id)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for job_id in ids:
            worker = group.create_task(take_one())
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
            await queue.enqueue(waiting(job_id))
            await asyncio.sleep(chance.choice([0, 0, 0, 0.0005, 0.001]))
            worker.cancel()
    taken = list(found)
    rest = await all_of(queue, expected=len(ids) - len(taken))

    assert sorted(taken + rest) == ids, "each id was found once"
    assert len(rest) > 0, "some of the cancelled calls were too early"
    assert sorted(await installation.inflight("a")) == ids, "all are held, none is a stray"


async def test_an_id_whose_worker_left_goes_to_the_next_worker(
    queue: Queue, installation: Installation
) -> None:
    async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
        first = group.create_task(one_of(queue, wait_s=60))
        second = group.create_task(one_of(queue, wait_s=60))
        await installation.blocked(1)
        first.cancel()
        await queue.enqueue(waiting("1"))

    assert second.result() == "1"


async def test_an_id_that_no_worker_waits_for_returns_to_the_queue(
    queue: Queue, installation: Installation
) -> None:
    """The connection still waits after the last worker left; its id must not stay in flight."""
    async with asyncio.timeout(ANSWER_S), installation.open("b") as other:
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(one_of(queue, wait_s=60))
            await installation.blocked(1)
            worker.cancel()
        await other.enqueue(waiting("1"))

        assert await one_of(other, wait_s=60) == "1"

        async def nothing_in_flight() -> bool:
            return await installation.inflight("a") == []

        await eventually(nothing_in_flight)


async def test_an_id_with_a_lost_answer_returns_while_the_node_lives(
    queue: Queue, installation: Installation
) -> None:
    """Its id is in flight and no worker has it: the worst case of a lost connection."""
    await queue.enqueue(waiting("2"))
    await installation.look.rpush(installation.key("inflight:a"), "1")
    await installation.look.client_kill_filter(_type="normal", skipme=True)

    found = [await patiently(lambda: one_of(queue, wait_s=ANSWER_S)) for _ in range(2)]

    assert found in (["1", "2"], ["2", "1"])


async def test_ids_that_other_nodes_left_in_flight_return_in_order(
    queue: Queue, installation: Installation
) -> None:
    await queue.enqueue(waiting("1", "2", "3", "4", "5"))
    assert await one_of(queue, wait_s=ANSWER_S) == "1"
    await leave_in_flight(installation, "gone", ["2", "3"])
    await leave_in_flight(installation, "live", ["4"])

    assert await queue.recover(["live"]) == 2
    assert await queue.recover(["live"]) == 0

    assert await installation.queued() == ["2", "3", "5"]
    assert await installation.inflight("a") == ["1"], "its own are not touched"
    assert await installation.inflight("live") == ["4"], "nor those of the living"


async def leave_in_flight(installation: Installation, node_id: str, ids: list[str]) -> None:
    """Leave ids in flight, as a node does that is killed after it took them."""
    await installation.look.sadd(installation.key("nodes"), node_id)
    for job_id in ids:
        await installation.look.zrem(installation.key("jobs:u1"), job_id)
        await installation.look.rpush(installation.key(f"inflight:{node_id}"), f"{job_id}/u1")


async def test_a_node_that_ends_returns_what_it_has_in_flight(
    queue: Queue, installation: Installation
) -> None:
    await queue.enqueue(waiting("1", "2", "3"))
    async with installation.open("b") as other:
        for _ in range(2):
            await one_of(other, wait_s=ANSWER_S)

    assert await installation.queued() == ["1", "2", "3"]


async def test_ids_neither_near_the_head_nor_in_flight_are_missing(
    queue: Queue, installation: Installation
) -> None:
    async with installation.open("b") as other:
        await queue.enqueue(waiting("1", "2", "3"))
        await one_of(queue, wait_s=ANSWER_S)
        await one_of(other, wait_s=ANSWER_S)

        assert ids_of(await queue.missing(waiting("0", "1", "2", "3", "4"))) == ["0", "4"]
        assert await queue.missing([]) == []


async def test_a_clean_up_in_the_line_of_a_user_is_reported_missing(queue: Queue) -> None:
    """It is to come ahead of all."""
    cleanup = waiting_cleanup("1", "")
    await queue.enqueue(waiting("1"))
    assert await queue.missing([cleanup]) == [cleanup]

    await queue.enqueue([cleanup], ahead=True)
    assert await queue.missing([cleanup]) == []
    assert await one_of(queue, wait_s=ANSWER_S) == "1"
    assert await queue.missing([cleanup]) == []


async def test_an_id_far_behind_those_that_came_ahead_is_reported_missing(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.queue.redis_queue.NEAR", 2)
    await queue.enqueue(waiting("1", "2", "3"), ahead=True)
    await queue.enqueue(waiting("4", "5", "6"))

    found = await queue.missing(waiting("1", "2", "3", "4", "5", "6"))
    assert ids_of(found) == ["3"], "but any number of a user are known"
