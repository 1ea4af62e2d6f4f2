"""What the port `Queue` promises about the server: ids it lost, its store, the keys it keeps."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.core.change import changed
from scheduler.core.errors import StartError
from scheduler.core.ports.queue import Queue
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    PAUSE_S,
    Installation,
    all_of,
    channels,
    heard,
    installation_fixture,
    one_of,
    opened,
    patiently,
    queue_fixture,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401
from tests.support.stores import waiting


async def test_a_new_namespace_is_forgetful_until_remember(queue: Queue) -> None:
    assert await queue.forgetful()
    assert await queue.forgetful()
    await queue.remember()
    assert not await queue.forgetful()


async def test_remember_needs_no_call_of_forgetful_before(queue: Queue) -> None:
    await queue.remember()

    assert not await queue.forgetful()


async def test_one_node_remembers_for_all(queue: Queue, installation: Installation) -> None:
    await queue.remember()
    async with installation.open("b") as other:
        assert not await other.forgetful()


async def test_a_flushed_server_is_forgetful(queue: Queue, installation: Installation) -> None:
    await queue.remember()
    await installation.look.flushall()

    assert await queue.forgetful()


async def test_an_id_that_a_worker_gets_after_a_flush_is_found_in_flight(
    queue: Queue, installation: Installation
) -> None:
    """Else it would be run again while it is claimed, and never be recovered from a dead node."""
    async with installation.open("b") as other, asyncio.TaskGroup() as group:
        waiters = group.create_task(one_of(queue, wait_s=ANSWER_S))
        await installation.blocked(1)
        await installation.look.flushall()
        await other.enqueue(waiting("1"))
        assert await waiters == "1"

        async def is_found() -> bool:
            """The node registers again right after it got the id."""
            return await other.missing(waiting("1")) == []

        await eventually(is_found)
        assert await other.recover([]) == 1


async def test_a_flush_during_the_reminding_is_noticed(
    queue: Queue, installation: Installation
) -> None:
    """The ids enqueued before the flush are gone: `remember` must have no effect."""
    assert await queue.forgetful()
    await installation.look.flushall()
    await queue.remember()

    assert await queue.forgetful()


async def test_a_restarted_server_is_forgetful(queue: Queue, installation: Installation) -> None:
    """With its append-only file it may have lost the last second, without one all ids."""
    await queue.remember()
    await installation.restart()

    assert await patiently(queue.forgetful)


async def test_nodes_of_one_store_join_one_namespace(
    queue: Queue, installation: Installation
) -> None:
    async with installation.open("b") as other:
        await queue.join("store-1")
        await queue.join("store-1")
        await other.join("store-1")


async def test_a_node_of_another_store_is_refused_with_advice(
    queue: Queue, installation: Installation
) -> None:
    """Two installations in one namespace would take each other's ids and find no jobs for them."""
    await queue.join("store-1")
    async with installation.open("b") as other:
        with pytest.raises(StartError, match="belongs to another store") as refusal:
            await other.join("store-2")

    assert f"[queue] namespace: '{installation.namespace}'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


async def test_a_flushed_registration_comes_back_with_the_ids(
    queue: Queue, installation: Installation
) -> None:
    await queue.join("store-1")
    await installation.look.flushall()
    await queue.forgetful()
    await queue.remember()

    assert await installation.look.get(installation.key("store")) == "store-1"


async def test_every_key_and_channel_is_under_the_one_hash_tag(
    queue: Queue, installation: Installation
) -> None:
    """A Redis Cluster would refuse the scripts otherwise."""
    await use_the_queue(queue, installation, leave_some=True)
    async with queue.watch("1") as event:
        await heard(event)
        names = await installation.keys() | await channels(installation)

    assert len(names) > 5
    assert {name.partition("}")[0] + "}" for name in names} == {f"{{{installation.namespace}}}"}


async def test_when_all_is_acknowledged_only_keys_with_an_owner_remain(
    queue: Queue, installation: Installation
) -> None:
    await use_the_queue(queue, installation, leave_some=False)

    owned = {
        installation.key("store"),  # the installation's
        installation.key("complete"),  # the server's
        installation.key("turns"),  # bounded
        installation.key("nodes"),  # of the nodes that are open: this one
        installation.key("changes"),  # bounded
        installation.key("abort:2"),  # expires
    }

    async def only_those() -> bool:
        return await installation.keys() == owned

    await eventually(only_those)  # changes are published in the background
    assert {str(node) for node in await installation.look.smembers(installation.key("nodes"))} == {
        "a"
    }


async def test_when_the_last_node_ends_no_node_remains(installation: Installation) -> None:
    async with installation.open("b") as other:
        await one_of(other, wait_s=PAUSE_S)
        await eventually(lambda: installation.look.sismember(installation.key("nodes"), "b"))

    assert not await installation.look.sismember(installation.key("nodes"), "b")


async def use_the_queue(queue: Queue, installation: Installation, *, leave_some: bool) -> None:
    async with installation.open("b") as other:
        await queue.join("store-1")
        await queue.remember()
        await queue.enqueue(waiting("1", "2", "3", "4"))
        await one_of(other, wait_s=ANSWER_S)
        await other.announce_abort("2", node_id="a")
        for job_id in ["2", "3"]:
            assert await one_of(queue, wait_s=ANSWER_S) == job_id
        await queue.give_back("3")
        await other.acknowledge(["1"])
        queue.announce([changed("1")])
        await one_of(other, wait_s=ANSWER_S)
    if not leave_some:
        await queue.acknowledge(["2"])
        for job_id in await all_of(queue, expected=2):
            await queue.acknowledge([job_id])
