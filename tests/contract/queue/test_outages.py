"""What callers of the queue see when its server is away, hangs or refuses, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from scheduler.core.change import changed
from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.core.ports.queue import Queue
from scheduler.queue import open_queue
from scheduler.queue.connections import ANSWER_S
from scheduler.queue.dequeuer import BLOCK_S
from scheduler.queue.redis_queue import RedisQueue
from tests.support.eventually import eventually
from tests.support.queues import CHANCE, heard, next_of, one_of, patiently
from tests.support.servers.redis import (  # noqa: F401
    RedisServer,
    namespace_fixture,
    own_redis_fixture,
    redis_program,
)
from tests.support.servers.stream_server import stream_server
from tests.support.stores import waiting

CALLS: dict[str, Callable[[Queue], Awaitable[object]]] = {
    "join": lambda queue: queue.join("store-1"),
    "enqueue": lambda queue: queue.enqueue(waiting("1")),
    "enqueue ahead": lambda queue: queue.enqueue(waiting("1"), ahead=True),
    "dequeue": lambda queue: one_of(queue, wait_s=10),
    "acknowledge": lambda queue: queue.acknowledge(["held-1"]),
    "give_back": lambda queue: queue.give_back("held-2"),
    "recover": lambda queue: queue.recover([]),
    "missing": lambda queue: queue.missing(waiting("1")),
    "forgetful": lambda queue: queue.forgetful(),
    "remind": lambda queue: queue.remind(waiting("1")),
    "remember": lambda queue: queue.remember(),
    "announce_abort": lambda queue: queue.announce_abort("1", node_id="b"),
    "abort_announced": lambda queue: queue.abort_announced("1"),
}
WRITES = ("join", "enqueue", "enqueue ahead", "dequeue", "forgetful", "announce_abort")


def opened(url: str, namespace: str) -> AbstractAsyncContextManager[Queue]:
    return open_queue(url, namespace=namespace, node_id="a", data_dir=Path("unused"), random=CHANCE)


@pytest.fixture(name="queue")
async def queue_fixture(own_redis: RedisServer, namespace: str) -> AsyncIterator[Queue]:
    async with opened(own_redis.url, namespace) as queue:
        yield queue


@asynccontextmanager
async def refused(*, within_s: float) -> AsyncIterator[None]:
    async with asyncio.timeout(within_s):
        with pytest.raises(QueueUnavailable) as refusal:
            yield
    assert "\n" not in str(refusal.value)


async def all_refused(queue: Queue, *names: str, within_s: float) -> None:
    async def call(name: str) -> None:
        async with refused(within_s=within_s):
            await CALLS[name](queue)

    async with asyncio.TaskGroup() as group:
        for name in names or CALLS:
            group.create_task(call(name), name=name)


async def hold_two(queue: Queue) -> None:
    """Have two ids in flight: for those that it does not hold, a node asks nobody."""
    await queue.enqueue(waiting("held-1", "held-2"))
    for _ in range(2):
        await one_of(queue, wait_s=30)


async def test_every_call_fails_at_once_while_the_server_is_stopped(
    own_redis: RedisServer, queue: Queue
) -> None:
    await hold_two(queue)
    await queue.enqueue(waiting("0"))
    own_redis.stop()
    await all_refused(queue, within_s=1)
    assert await queue.missing([]) == [], "which asks nobody: it comes with every idle sweep"

    own_redis.start()
    for call in CALLS.values():
        await patiently(partial(call, queue))


async def test_a_waiting_dequeue_fails_when_the_server_goes(
    own_redis: RedisServer, queue: Queue
) -> None:
    """Else the worker would wait for its whole window, and start late when the server is back."""
    async with asyncio.TaskGroup() as group:
        group.create_task(all_refused(queue, "dequeue", "dequeue", within_s=5))
        await eventually(lambda: blocked(own_redis) == 1)
        own_redis.stop()


async def test_calls_to_a_hanging_server_fail_after_a_few_seconds(
    own_redis: RedisServer, queue: Queue
) -> None:
    """No answer comes and no connection breaks: only our own timeouts end the wait."""
    await hold_two(queue)
    own_redis.freeze()
    try:
        await all_refused(queue, within_s=BLOCK_S + 2 * ANSWER_S)
    finally:
        own_redis.thaw()

    await patiently(lambda: queue.enqueue(waiting("2")))
    assert await patiently(lambda: one_of(queue, wait_s=30)) is not None


async def test_writes_to_a_replica_fail(own_redis: RedisServer, queue: Queue) -> None:
    """After a failover the old address may lead to a replica for a while."""
    own_redis.command("REPLICAOF", "127.0.0.1", "1")
    await all_refused(queue, *WRITES, within_s=1)

    own_redis.command("REPLICAOF", "NO", "ONE")
    await queue.enqueue(waiting("1"))


async def test_a_waiting_dequeue_fails_when_the_server_becomes_a_replica(
    own_redis: RedisServer, queue: Queue
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(all_refused(queue, "dequeue", within_s=5))
        await eventually(lambda: blocked(own_redis) == 1)
        own_redis.command("REPLICAOF", "127.0.0.1", "1")


def blocked(server: RedisServer) -> int:
    return fact(server, "clients", "blocked_clients")


def fact(server: RedisServer, section: str, name: str) -> int:
    facts = server.command("INFO", section)
    assert isinstance(facts, dict)
    return int(facts[name])


async def test_all_calls_to_a_replica_without_its_master_fail(
    own_redis: RedisServer, queue: Queue
) -> None:
    own_redis.command("CONFIG", "SET", "replica-serve-stale-data", "no")
    own_redis.command("REPLICAOF", "127.0.0.1", "1")

    await all_refused(queue, "enqueue", "abort_announced", "missing", within_s=1)


async def test_writes_to_a_full_server_fail(own_redis: RedisServer, queue: Queue) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory", "1")
    await all_refused(queue, *WRITES, within_s=1)

    own_redis.command("CONFIG", "SET", "maxmemory", "0")
    await queue.enqueue(waiting("1"))


async def test_scripts_that_the_server_forgot_are_loaded_again(
    own_redis: RedisServer, queue: Queue
) -> None:
    for _ in range(2):
        await queue.enqueue(waiting("1"))
        assert await one_of(queue, wait_s=30) == "1"
        await queue.give_back("1")
        own_redis.command("SCRIPT", "FLUSH")


async def test_a_wait_spans_many_blocking_commands(
    own_redis: RedisServer, queue: RedisQueue
) -> None:
    """redis-py limits every answer to 5 s by default."""
    queue.dequeuer._block_s = 0.02
    before = fact(own_redis, "stats", "total_commands_processed")
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(one_of(queue, wait_s=60))
        await eventually(lambda: fact(own_redis, "stats", "total_commands_processed") > before + 50)
        await queue.enqueue(waiting("1"))
    assert worker.result() == "1"


async def test_retries_and_timeouts_are_not_left_to_redis_py(queue: RedisQueue) -> None:
    """It would end each wait after 5 s, and try ten times or once, depending on the constructor."""
    server = queue._server
    for client, retries in ((server.commands, 1), (server.blocking, 0)):
        options = client.connection_pool.connection_kwargs
        assert options["socket_timeout"] is None
        assert options["retry"].get_retries() == retries


async def test_more_callers_than_connections_wait_in_line(
    own_redis: RedisServer, queue: Queue
) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(500):
            group.create_task(queue.enqueue(waiting(f"{n}")))

    assert fact(own_redis, "clients", "connected_clients") < 25


async def test_a_local_change_wakes_local_watchers_without_a_server(
    own_redis: RedisServer, queue: Queue
) -> None:
    """A node whose Redis is away still informs its own users at once."""
    async with queue.watch("1") as event:
        await heard(event)
        own_redis.stop()
        queue.announce([changed("1")])
        await heard(event)


async def test_a_watch_begins_without_a_server_and_wakes_when_it_is_back(
    own_redis: RedisServer, queue: Queue
) -> None:
    own_redis.stop()
    async with queue.watch("1") as event:
        own_redis.start()
        await heard(event)


async def test_a_local_abort_is_delivered_without_a_server(
    own_redis: RedisServer, queue: Queue
) -> None:
    own_redis.stop()
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(next_of(queue.aborts()))
        await asyncio.sleep(0)
        async with refused(within_s=1):
            await queue.announce_abort("1", node_id="a")
    assert reading.result() == "1"


async def test_an_id_that_could_not_be_acknowledged_comes_again(
    own_redis: RedisServer, queue: Queue
) -> None:
    """Its job has ended, so the next claim is refused: better than an id in flight for ever."""
    await queue.enqueue(waiting("1"))
    assert await one_of(queue, wait_s=30) == "1"
    own_redis.command("REPLICAOF", "127.0.0.1", "1")
    async with refused(within_s=1):
        await queue.acknowledge(["1"])

    own_redis.command("REPLICAOF", "NO", "ONE")
    assert await patiently(lambda: one_of(queue, wait_s=30)) == "1"


async def test_the_background_tasks_end_with_the_block_also_on_an_error(
    own_redis: RedisServer, namespace: str
) -> None:
    async def fail() -> None:
        async with opened(own_redis.url, namespace):
            names.extend(task.get_name() for task in asyncio.all_tasks())
            own_redis.stop()
            raise ZeroDivisionError

    names: list[str] = []
    with pytest.raises(ZeroDivisionError):  # bare, not in a group
        await fail()

    assert {"queue_dequeue", "queue_messages", "queue_subscriptions"} <= set(names)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_server_that_does_not_answer_is_unavailable(
    own_redis: RedisServer, namespace: str
) -> None:
    own_redis.stop()
    with pytest.raises(QueueUnavailable, match=r"does not answer") as refusal:
        async with opened(own_redis.url.replace("//", "//:secret@"), namespace):
            pass

    assert "secret" not in str(refusal.value)
    assert "***" in str(refusal.value)


async def test_a_wrong_password_stops_the_start(own_redis: RedisServer, namespace: str) -> None:
    own_redis.command("CONFIG", "SET", "requirepass", "right")
    with pytest.raises(QueueUnavailable, match="password"):
        async with opened(own_redis.url.replace("//", "//:wrong@"), namespace):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "http://:secret@host",
        "redis://:secret@host:port",
        "redis://:secret@host/name",
        "redis://:secret@host/?no_such_option=1",
        "rediss://:secret@host/?ssl_cert_reqs=maybe",
        "redis://user:se/cret@host",
        "",
    ],
)
async def test_a_wrong_url_stops_the_start(url: str, namespace: str) -> None:
    with pytest.raises(StartError, match=r"^\[queue\] url: .*is not allowed; it takes") as refusal:
        async with opened(url, namespace):
            pass

    assert "cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("greeting", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "is not Redis$"),
        (b"-ERR unknown command\r\n", "refuses: unknown command$"),
    ],
)
async def test_a_server_that_is_not_redis_stops_the_start(
    greeting: bytes, told: str, namespace: str
) -> None:
    """Waiting does not help with a wrong port, nor does a traceback."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()
        await writer.wait_closed()

    async with stream_server(greet) as port:
        with pytest.raises(StartError, match=rf"^\[queue\] url: .*{told}") as refusal:
            async with opened(f"redis://:secret@127.0.0.1:{port}/0", namespace):
                pass

    assert "secret" not in str(refusal.value)


async def test_a_database_that_the_server_does_not_have_stops_the_start(
    own_redis: RedisServer, namespace: str
) -> None:
    with pytest.raises(StartError, match=r"^\[queue\] url: .* refuses: DB index is out of range"):
        async with opened(f"{own_redis.url.partition('?')[0]}?db=99", namespace):
            pass


@pytest.mark.parametrize("namespace", ["", "{", "a}b"])
async def test_a_namespace_that_is_no_hash_tag_stops_the_start(namespace: str) -> None:
    with pytest.raises(StartError, match=r"^\[queue\] namespace: "):
        async with opened("redis://127.0.0.1:1", namespace):
            pass


async def test_a_server_that_is_too_old_stops_the_start(
    own_redis: RedisServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.queue.server.VERSION_MIN", (99, 0))
    with pytest.raises(StartError, match=r"is Redis 7\.\d.*; 99\.0 is required"):
        async with opened(own_redis.url, namespace):
            pass
