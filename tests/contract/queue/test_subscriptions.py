"""What the port `Queue` promises about announced aborts, revocations and changes."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.change import changed
from scheduler.core.ports.queue import Queue
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    channels,
    heard,
    installation_fixture,
    next_of,
    opened,
    queue_fixture,
    subscribed,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401


async def test_an_announced_abort_raises_a_flag_for_a_day(
    queue: Queue, installation: Installation
) -> None:
    assert not await queue.abort_announced("1")
    await queue.announce_abort("1", node_id="b")

    assert await queue.abort_announced("1")
    assert not await queue.abort_announced("2")
    assert 86_000 < await installation.look.ttl(installation.key("abort:1")) <= 86_400


async def test_an_abort_reaches_the_node_that_it_is_announced_to(
    queue: Queue, installation: Installation
) -> None:
    async with installation.open("b") as other, installation.open("c") as third:
        at_b, at_c = other.aborts(), third.aborts()
        async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
            first = group.create_task(next_of(at_b))
            second = group.create_task(next_of(at_c))
            await subscribed(
                installation, installation.key("aborts:b"), installation.key("aborts:c")
            )
            await queue.announce_abort("1", node_id="b")
            await queue.announce_abort("2", node_id="c")

        assert (first.result(), second.result()) == ("1", "2")


async def test_aborts_arrive_again_after_the_server_was_restarted(
    queue: Queue, installation: Installation
) -> None:
    """A node that does not subscribe again after a reconnect would stop no job any more."""
    async with installation.open("b") as other:
        await subscribed(installation, installation.key("aborts:a"))
        await installation.restart()
        await subscribed(installation, installation.key("aborts:a"))

        async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
            reading = group.create_task(next_of(queue.aborts()))
            await asyncio.sleep(0)
            await other.announce_abort("1", node_id="a")

    assert reading.result() == "1"


async def test_an_abort_on_its_own_node_comes_once(queue: Queue) -> None:
    aborts = queue.aborts()
    async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
        reading = group.create_task(next_of(aborts))
        await asyncio.sleep(0)
        await queue.announce_abort("1", node_id="a")

    assert reading.result() == "1"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(PAUSE_S):
            await next_of(aborts)


async def test_a_revocation_reaches_every_node(queue: Queue, installation: Installation) -> None:
    """Nobody knows on which of them the token is in use. Its own node needs no server."""
    async with installation.open("b") as other, installation.open("c") as third:

        async def all_three() -> bool:
            channel = installation.key("revoked")
            return await installation.look.pubsub_numsub(channel) == [(channel, 3)]

        await eventually(all_three)
        async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
            heard_by = [
                group.create_task(next_of(each.revocations())) for each in (queue, other, third)
            ]
            await asyncio.sleep(0)
            await other.announce_revocation("1")

    assert [each.result() for each in heard_by] == ["1", "1", "1"]


async def test_a_change_wakes_the_watchers_of_the_job_on_any_node(
    queue: Queue, installation: Installation
) -> None:
    async with (
        installation.open("b") as other,
        other.watch("1") as event,
        other.watch("2") as unrelated,
    ):
        await heard(event)  # changes before the subscription was active may have been missed
        await heard(unrelated)
        queue.announce([changed("1"), changed("3")])

        await heard(event)
        assert not unrelated.is_set()


async def test_all_watchers_of_a_job_are_woken(queue: Queue, installation: Installation) -> None:
    async with installation.open("b") as other, other.watch("1") as first:
        await heard(first)
        async with other.watch("1") as second:
            queue.announce([changed("1")])
            await heard(first)
            await heard(second)
        queue.announce([changed("1")])
        await heard(first)


async def test_a_watch_that_reconnects_wakes_because_it_may_have_missed_something(
    queue: Queue, installation: Installation
) -> None:
    async with queue.watch("1") as event:
        await heard(event)
        await installation.look.client_kill_filter(_type="pubsub")

        await heard(event)


async def test_without_watchers_nothing_is_subscribed(
    queue: Queue, installation: Installation
) -> None:
    always = {installation.key(channel) for channel in ("aborts:a", "echo:a", "revoked")}
    async with queue.watch("1") as event:
        await heard(event)
        assert await channels(installation) == {*always, installation.key("changed:1")}

    async def only_those() -> bool:
        return await channels(installation) == always

    await eventually(only_those)
