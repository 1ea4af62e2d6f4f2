"""Entries, keys and messages on the server that no node wrote: a gap or an outage, never the end.

Whoever can write to the server can empty it. He must not be able to do more: the store is the
truth, and what is in the queue are hints.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
import redis.asyncio as aioredis
from redis.exceptions import ResponseError

from scheduler.core.change import GAP, changed
from scheduler.core.errors import QueueUnavailable
from scheduler.core.ports.queue import Queue
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    Installation,
    all_of,
    installation_fixture,
    next_of,
    one_of,
    opened,
    patiently,
    queue_fixture,
    subscribed,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401
from tests.support.stores import waiting

NO_UTF8 = b"\xff\xfe"
ENTRIES: dict[str, dict[str | bytes, str | bytes]] = {
    "half a text": {"c": "{"},
    "no list": {"c": "5"},
    "an empty list": {"c": "[]"},
    "no UTF-8": {"c": NO_UTF8},
    "another field": {"x": "1"},
    "a field more": {"c": '["status", "1"]', "x": "1"},
    "a field that is no UTF-8": {NO_UTF8: NO_UTF8},
    "an id that is no text": {"c": '["status", []]'},
    "an id with a NUL": {"c": '["status", "\\u0000"]'},
    "a kind that is no text": {"c": '[{}, "1"]'},
    "a user that is no text": {"c": '["status", "1", 5]'},
    "a token that is no number": {"c": '["running", "1", "u", "x", "y"]'},
    "a token beyond all": {"c": '["running", "1", "u", 1, 999999999999]'},
    "a time that is none": {"c": '["running", "1", "u", 1, 1, "noon"]'},
    "a time without a zone": {"c": '["running", "1", "u", 1, 1, "2026-01-01T00:00:00"]'},
    "a progress of other fields": {"c": '["progress", "1", "u", 1, 1, null, {"x": 1}]'},
    "a progress that is no number": {"c": '["progress", "1", "u", 1, 1, null, {"done": "x"}]'},
    "too long": {"c": '["status", "1", "' + 100_000 * "x" + '"]'},
}


@pytest.fixture(name="raw")
async def raw_fixture(installation: Installation) -> AsyncIterator[aioredis.Redis]:
    """A client that sends and gets bytes."""
    async with aioredis.from_url(installation.look_url, protocol=2) as client:
        yield client


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
async def test_a_change_that_makes_no_sense_is_a_gap(
    entry: dict[Any, Any], queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """A follower reads the store then; what comes after it is read as ever."""
    since = await queue.latest_change()
    await raw.xadd(installation.key("changes"), entry)
    queue.announce([changed("2")])

    async def both() -> bool:
        return len(await queue.changes(since, limit=9) or []) == 3

    await eventually(both)
    found = [change for _, change in await queue.changes(since, limit=9) or []]
    assert found[1:] == [GAP, changed("2")]


@pytest.mark.parametrize("last_id", ["18446744073709551615-18446744073709551615"])
async def test_a_stream_that_takes_no_new_id_begins_anew(
    last_id: str, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """Else no change would be published any more."""
    await raw.xadd(installation.key("changes"), {"c": "x"}, id=last_id)
    queue.announce([changed("1")])

    async def published() -> bool:
        return await queue.latest_change() != last_id

    await eventually(published)


@pytest.mark.parametrize("entry", [NO_UTF8, b"", b"\0", b"a b", 1000 * b"x", "é".encode()])
async def test_an_entry_that_is_no_id_is_dropped(
    entry: bytes, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """The store never hears of it: databases refuse NUL, and what is no UTF-8."""
    for key in ("first", "queue"):
        await raw.lpush(installation.key(key), entry)
    await raw.zadd(installation.key("jobs:u1"), {entry: -1})
    await queue.enqueue(waiting("1"))

    assert await all_of(queue) == ["1"]
    assert await installation.inflight("a") == ["1"]


async def test_an_entry_that_is_no_id_is_dropped_also_when_it_comes_to_a_worker_who_waits(
    queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(one_of(queue, wait_s=60))
        await installation.blocked(1)
        await raw.rpush(installation.key("first"), NO_UTF8)
        await raw.rpush(installation.key("wake"), NO_UTF8)
        await queue.enqueue(waiting("1"))
    assert worker.result() == "1"
    await eventually(lambda: _is_empty(installation))


async def _is_empty(installation: Installation) -> bool:
    return await installation.queued() == [] and await installation.inflight("a") == ["1"]


async def test_many_entries_that_are_no_ids_delay_the_others_only_a_little(
    queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    await raw.rpush(installation.key("first"), *(b"\xff%d" % each for each in range(20_000)))
    await queue.enqueue(waiting("1"))

    async with asyncio.timeout(ANSWER_S):
        assert await one_of(queue, wait_s=ANSWER_S) == "1"


async def test_strange_names_of_nodes_are_removed_like_those_of_dead_ones(
    queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    await queue.enqueue(waiting("1"))
    assert await one_of(queue, wait_s=ANSWER_S) == "1"
    await raw.sadd(installation.key("nodes"), NO_UTF8, b"", b"}{", 70_000 * b"x")

    await queue.recover(["a"])
    assert await raw.smembers(installation.key("nodes")) == {b"a"}


async def test_strays_beyond_number_return_in_steps(
    queue: Queue,
    installation: Installation,
    raw: aioredis.Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One script that moved them all would stop the server for seconds."""
    for module in ("scripts", "dequeuer"):
        monkeypatch.setattr(f"scheduler.queue.{module}.MOVED_MAX", 2)
    await raw.rpush(installation.key("inflight:a"), "1", "2", "3", "4", "5")

    assert set(await all_of(queue, expected=5)) == {"1", "2", "3", "4", "5"}


@pytest.mark.parametrize("message", [NO_UTF8, b"", 100_000 * b"x", b"\0"])
async def test_a_message_that_makes_no_sense_does_no_harm(
    message: bytes, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    channel = installation.key("aborts:a")
    await subscribed(installation, channel)
    ids = queue.aborts()
    async with asyncio.TaskGroup() as group, installation.open("b") as other:
        reading = group.create_task(next_of(ids))
        await asyncio.sleep(0)
        await raw.publish(channel, message)
        assert (await reading).encode(errors="surrogateescape") == message
        await other.announce_abort("1", node_id="a")
    assert await next_of(ids) == "1"


async def dequeue(queue: Queue) -> object:
    return await queue.dequeue(wait_s=ANSWER_S)


async def pass_through(queue: Queue) -> None:
    """Enqueue an id, and take it; that meets every key."""
    await queue.enqueue(waiting("1"))
    await queue.acknowledge(await queue.dequeue(wait_s=ANSWER_S))


@pytest.mark.parametrize("message", [NO_UTF8, b"", 100_000 * b"x", b"\0"])
async def test_a_revocation_that_makes_no_sense_does_no_harm(
    message: bytes, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """It is passed on as it is: who hears of it looks whether there is such a token in use."""
    channel = installation.key("revoked")
    await subscribed(installation, channel)
    ids = queue.revocations()
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(next_of(ids))
        await asyncio.sleep(0)
        await raw.publish(channel, message)
        assert (await reading).encode(errors="surrogateescape") == message
        await queue.announce_revocation("1")
    assert await next_of(ids) == "1"


CALLS: dict[str, Callable[[Queue], Awaitable[object]]] = {
    "first": lambda queue: queue.enqueue(waiting("1"), ahead=True),
    **dict.fromkeys(("users", "loads", "shares", "turns", "capped", "wake"), pass_through),
    "queue": dequeue,
    "nodes": lambda queue: queue.recover([]),
    "complete": lambda queue: queue.forgetful(),
    "changes": lambda queue: queue.latest_change(),
    "inflight:a": pass_through,
    "store": lambda queue: queue.join("store-1"),
}


async def spoil(raw: aioredis.Redis, key: str) -> bytes:
    """Make a key one of a type that no node uses for it; the type."""
    await raw.delete(key)
    if key.endswith((":loads", ":shares")):
        await raw.zadd(key, {"x": 1})
    else:
        await raw.hset(key, "x", "1")
    kind = await raw.type(key)
    assert isinstance(kind, bytes)
    return kind


@pytest.mark.parametrize("key", CALLS)
async def test_a_key_of_another_type_is_deleted_and_all_ids_are_asked_for(
    key: str, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """It would stand in the way for ever, and what was there before stood for ids."""
    await queue.forgetful()
    await queue.remember()
    name = installation.key(key)
    wrong = await spoil(raw, name)
    with pytest.raises(QueueUnavailable, match="WRONGTYPE"):
        await CALLS[key](queue)

    await patiently(lambda: queue.enqueue(waiting("2")))
    await patiently(lambda: CALLS[key](queue))
    assert await raw.type(name) != wrong
    assert await patiently(queue.forgetful)


async def test_keys_of_another_type_do_not_keep_a_node_from_its_start(
    installation: Installation, raw: aioredis.Redis
) -> None:
    await raw.sadd(installation.key("nodes"), "dead")
    for key in (*CALLS, "inflight:dead", "inflight:b"):
        if key != "nodes":
            await spoil(raw, installation.key(key))

    async with installation.open("b") as other:
        await other.join("store-1")
        await other.enqueue(waiting("1"))
        await other.recover(["b"])


async def test_a_line_of_another_type_is_deleted_by_whoever_meets_it(
    queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """Nobody knows all users: no other look would ever find it."""
    for act in (queue.enqueue(waiting("1")), queue.missing(waiting("1")), dequeue(queue)):
        await queue.forgetful()
        await queue.remember()
        await queue.enqueue(waiting("2", uid="other"))
        await raw.zadd(installation.key("users"), {"u1": -1})
        await spoil(raw, installation.key("jobs:u1"))

        assert await act in (None, waiting("1"), ["2"])
        assert await raw.type(installation.key("jobs:u1")) != b"hash"
        assert await queue.forgetful(), "its ids are enqueued anew"


@pytest.mark.parametrize("number", [b"nan", b"inf", b"-inf", b"-1", b"x", b"1e300", b""])
async def test_numbers_that_no_node_wrote_count_as_none(
    number: bytes, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """Users go on in turn: nobody is first, or last, for ever."""
    for key, field in (("loads", "u1"), ("shares", "u1"), ("shares", "u2")):
        await raw.hset(installation.key(key), field, number + b" " + number)
    with suppress(ResponseError):
        await raw.zadd(installation.key("turns"), {"u1": number, "": number})
        await raw.zadd(installation.key("users"), {"": number, "nobody": number})
    await queue.enqueue([*waiting("1", "2"), *waiting("3", "4", uid="u2")])

    assert [await one_of(queue, wait_s=ANSWER_S) for _ in range(4)] == ["1", "3", "2", "4"]


@pytest.mark.parametrize("value", [NO_UTF8, b"", b"a b"])
async def test_a_store_that_is_no_name_of_one_is_replaced(
    value: bytes, queue: Queue, installation: Installation, raw: aioredis.Redis
) -> None:
    """The name of another store keeps a node from its start; this is none."""
    await raw.set(installation.key("store"), value)

    await queue.join("store-1")
    assert await raw.get(installation.key("store")) == b"store-1"


async def test_a_mark_that_no_node_can_have_set_does_not_count(
    queue: Queue, raw: aioredis.Redis, installation: Installation
) -> None:
    """Else no node would ever enqueue the waiting jobs."""
    run_id = (await raw.info("server"))["run_id"]
    await raw.set(installation.key("epoch"), f"{run_id} nobody")
    assert await queue.forgetful()

    await raw.set(installation.key("epoch"), f"{run_id} nobody", ex=3600)
    assert await queue.forgetful()


async def test_an_answer_of_any_size_is_survived(
    queue: Queue, installation: Installation, raw: aioredis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server takes entries of 512 MB; each node would need more memory than that to read one."""
    monkeypatch.setattr("scheduler.queue.connections.ANSWER_BYTES_MAX", 1_000_000)
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(patiently(lambda: _dequeued(queue)))
        await installation.blocked(1)
        await raw.rpush(installation.key("wake"), 3_000_000 * b"x")
        await queue.enqueue(waiting("1"))
    assert worker.result() == "1"


async def _dequeued(queue: Queue) -> str:
    job_id = await one_of(queue, wait_s=ANSWER_S)
    if job_id is None:
        raise QueueUnavailable("nothing came")
    return job_id
