"""An upgrade in the middle of work: nodes of an earlier version keep one list of ids for all users.

They push to it, take from it and move ids from there to their in-flight lists; an id has no user
there. Nothing is lost, and what waits does not wait long.
"""

from __future__ import annotations

from scheduler.core.job import WaitingJob
from scheduler.core.ports.queue import Queue
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
from tests.support.stores import waiting


async def earlier(installation: Installation, *ids: str) -> None:
    """Enqueue ids as a node of an earlier version does."""
    await installation.look.rpush(installation.key("queue"), *ids)


async def test_all_that_waited_is_enqueued_anew_with_its_users(
    queue: Queue, installation: Installation
) -> None:
    """Else a newcomer would wait behind a list that was filled before the upgrade."""
    await earlier(installation, *map(str, range(1000)))
    facts = await installation.look.info("server")
    await installation.look.set(installation.key("epoch"), facts["run_id"])

    assert await queue.forgetful(), "the server does not know the users"
    assert await installation.queued() == []
    assert not await installation.look.exists(installation.key("epoch")), "for an earlier node"
    await queue.remind([WaitingJob("1", "a"), WaitingJob("2", "a")])
    await queue.enqueue(waiting("3", uid="b"))
    await queue.remember()
    assert await all_of(queue, expected=3) == ["1", "3", "2"]


async def test_what_a_node_of_an_earlier_version_enqueues_is_taken_and_acknowledged(
    queue: Queue, installation: Installation
) -> None:
    """After the ids with users: the sweeper gives these ones their users, where they wait long."""
    await queue.enqueue(waiting("1"))
    await earlier(installation, "2", "3")
    assert await queue.dequeue(wait_s=ANSWER_S, limit=9) == ["1", "2", "3"]

    await queue.give_back("3")
    await queue.acknowledge(["1", "2"])
    assert await installation.inflight("a") == []
    assert await one_of(queue, wait_s=ANSWER_S) == "3"


async def test_what_a_node_of_an_earlier_version_had_in_flight_is_recovered(
    queue: Queue, installation: Installation
) -> None:
    await installation.look.sadd(installation.key("nodes"), "old")
    await installation.look.rpush(installation.key("inflight:old"), "1", "2")

    assert await queue.missing(waiting("1", "2", "3")) == waiting("3")
    assert await queue.recover(["a"]) == 2
    assert await all_of(queue, expected=2) == ["1", "2"]


async def test_what_it_enqueued_counts_as_missing_until_it_has_its_user(
    queue: Queue, installation: Installation
) -> None:
    """A user's line may be so long that nobody ever takes from that list."""
    await earlier(installation, "1")
    assert await queue.missing(waiting("1")) == waiting("1")
    await queue.enqueue(waiting("1"))
    assert await all_of(queue, expected=2) == ["1", "1"], "twice, which does no harm"
