"""The faults. Each returns the instant from which the time to recover counts.

A fault that lasts, such as a stopped node, is ended by a task of its own: other nodes take over
meanwhile. One without which nothing works, such as a store that is down, has ended on return.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple, Protocol

from redis.exceptions import ResponseError

from tests.chaos.installation import Installation
from tests.chaos.members import Member
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import Proxy
from tests.support.servers.redis import RedisServer

LEASE_S: Final = 3.0
STOPPED_S: Final = (1.2 * LEASE_S, 2.5 * LEASE_S)
"""How long a node is stopped: longer than its lease."""
DOWN_S: Final = (0.0, 1.5 * LEASE_S)
"""How long a killed node or a lost server is away: others may take over, or not yet."""
FULL_S: Final = (1.0, 3.0)
RESTARTED: Final = 0.5
"""How often a pooler is restarted, and not paused."""
JUMP_S: Final = 24 * 3600
SPOILS: Final[Sequence[tuple[str | bytes, ...]]] = (
    ("XADD", "{scheduler}:changes", "*", "c", "{"),
    ("XADD", "{scheduler}:changes", "*", b"\xff", b"\xff"),
    ("LPUSH", "{scheduler}:queue", b"\xff\xfe", "", "no id", 1000 * "x"),
    ("LPUSH", "{scheduler}:first", b"\xff\xfe", "", "no id", 1000 * "x"),
    ("ZADD", "{scheduler}:users", "-1", b"\xff", "-2", "", "-inf", "nobody"),
    ("ZADD", "{scheduler}:turns", "inf", "", "inf", "chaos"),
    ("HSET", "{scheduler}:loads", "chaos", "nan"),
    ("SET", "{scheduler}:jobs:chaos", "no line"),
    ("SET", "{scheduler}:users", "no users"),
    ("DEL", "{scheduler}:users"),
    ("DEL", "{scheduler}:loads", "{scheduler}:turns"),
    ("RPUSH", "{scheduler}:inflight:nobody", "no job"),
    ("SADD", "{scheduler}:nodes", "nobody", b"\xff"),
    ("SET", "{scheduler}:queue", "no list"),
    ("SET", "{scheduler}:changes", "no stream"),
    ("SET", "{scheduler}:nodes", "no set"),
    ("SET", "{scheduler}:complete", b"\xff"),
    ("SCRIPT", "FLUSH"),
)


class Harm(NamedTuple):
    """What a fault has done."""

    since: float
    """The instant of the monotonic clock from which recovery counts."""
    patients: Sequence[Mapping[str, Any]] = ()
    """Jobs that ran on a node with a fault."""


class Fault(Protocol):
    """A function that causes a fault."""

    __name__: str

    def __call__(self, site: Site, /) -> Awaitable[Harm]: ...


@dataclass(frozen=True)
class Site:
    """The installation in which a fault happens."""

    nodes: Installation
    random: Random
    postgres: PostgresServer
    redis: RedisServer
    postgres_link: Proxy
    redis_link: Proxy
    pooler: PgBouncer | None
    postgres_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    redis_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held during a fault of the server: two at the same time would only hinder each other."""


async def kill_node(site: Site) -> Harm:
    """SIGKILL; its supervisor starts it again, soon or only after its lease."""
    return await _strike(site, _killed)


async def stop_node(site: Site) -> Harm:
    """SIGSTOP for longer than its lease, then SIGCONT."""
    return await _strike(site, _stopped)


async def drain_node(site: Site) -> Harm:
    """A restart, as operators do it."""
    async with site.nodes.victim() as member:
        await member.drain()
        await member.start()
    return Harm(time.monotonic())


async def jump_clock(site: Site) -> Harm:
    """Set a node's wall clock forth or back by up to a day."""
    async with site.nodes.victim() as member:
        member.jump(site.random.randint(-JUMP_S, JUMP_S))
    return Harm(time.monotonic())


async def fill_disk(site: Site) -> Harm:
    """For a while, let the node write to no file."""
    async with site.nodes.victim() as member:
        member.fill_disk()
        await asyncio.sleep(site.random.uniform(*FULL_S))
        member.free_disk()
    return Harm(time.monotonic())


async def kill_embedded_queue(site: Site) -> Harm:
    """SIGKILL the private Valkey of a node."""
    async with site.nodes.victim() as member:
        member.kill_queue()
    return Harm(time.monotonic())


async def flush_redis(site: Site) -> Harm:
    """FLUSHALL."""
    async with site.redis_lock:
        await asyncio.to_thread(site.redis.command, "FLUSHALL")
    return Harm(time.monotonic())


async def restart_redis(site: Site) -> Harm:
    """Restart it; its data is gone."""
    async with site.redis_lock:
        await asyncio.to_thread(site.redis.restart)
    return Harm(time.monotonic())


async def lose_redis(site: Site) -> Harm:
    """Stop it for a while."""
    async with site.redis_lock:
        await asyncio.to_thread(site.redis.stop)
        await asyncio.sleep(site.random.uniform(*DOWN_S))
        await asyncio.to_thread(site.redis.start)
    return Harm(time.monotonic())


async def freeze_redis(site: Site) -> Harm:
    """Let it hang for a while: connections stay open, and nothing is answered."""
    async with site.redis_lock:
        site.redis.freeze()
        await asyncio.sleep(site.random.uniform(*DOWN_S))
        site.redis.thaw()
    return Harm(time.monotonic())


async def cut_redis(site: Site) -> Harm:
    """Cut all connections to it."""
    async with site.redis_lock:
        for kind in ("normal", "pubsub"):
            await asyncio.to_thread(site.redis.command, "CLIENT", "KILL", "TYPE", kind)
    return Harm(time.monotonic())


async def demote_redis(site: Site) -> Harm:
    """Make it a replica for a while, as after a failover: it answers, and takes no writes."""
    async with site.redis_lock:
        await asyncio.to_thread(site.redis.command, "REPLICAOF", "127.0.0.1", "1")
        await asyncio.sleep(site.random.uniform(*DOWN_S))
        await asyncio.to_thread(site.redis.command, "REPLICAOF", "NO", "ONE")
    return Harm(time.monotonic())


async def spoil_redis(site: Site) -> Harm:
    """Write what no node writes: into its entries, its channels, and in place of its keys."""
    async with site.redis_lock:
        for words in site.random.sample(SPOILS, 3):
            with suppress(ResponseError):  # a key may be of another type already
                await asyncio.to_thread(site.redis.command, *words)
    return Harm(time.monotonic())


async def restart_postgres(site: Site) -> Harm:
    """`pg_ctl -m immediate`: a crash, and its recovery from the log."""
    async with site.postgres_lock:
        await asyncio.to_thread(site.postgres.restart)
    return Harm(time.monotonic())


async def cut_postgres(site: Site) -> Harm:
    """Cut all connections to it, amid their statements."""
    async with site.postgres_lock, site.postgres.connection() as connection:
        await _disconnect(connection)
    return Harm(time.monotonic())


async def lock_postgres(site: Site) -> Harm:
    """Let another program hold the jobs, and no statement of the nodes wait long for it."""
    async with _with_setting(site, "lock_timeout", "100ms") as connection, connection.transaction():
        await connection.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(site.random.uniform(*DOWN_S))
    return Harm(time.monotonic())


async def refuse_writes(site: Site) -> Harm:
    """Let PostgreSQL only be read, as after a failover or with a full disk."""
    async with _with_setting(site, "default_transaction_read_only", "on"):
        await asyncio.sleep(site.random.uniform(*DOWN_S))
    return Harm(time.monotonic())


async def pause_pooler(site: Site) -> Harm:
    """PAUSE the pooler for a while, or restart it."""
    if (pooler := site.pooler) is not None:
        async with site.postgres_lock:
            if site.random.random() < RESTARTED:
                pooler.stop()
                await asyncio.sleep(site.random.uniform(*DOWN_S))
                pooler.start()
            else:
                await pooler.command("PAUSE")
                await asyncio.sleep(site.random.uniform(*DOWN_S))
                await pooler.command("RESUME")
    return Harm(time.monotonic())


async def swallow_redis(site: Site) -> Harm:
    """A black hole between the nodes and Redis: connections stay open, and nothing passes."""
    async with site.redis_lock:
        await _swallowed(site, site.redis_link)
    return Harm(time.monotonic())


async def swallow_postgres(site: Site) -> Harm:
    """A black hole between the nodes and PostgreSQL."""
    async with site.postgres_lock:
        await _swallowed(site, site.postgres_link)
    return Harm(time.monotonic())


OF_A_TOWN: Final[Mapping[Fault, int]] = {
    kill_node: 4,
    stop_node: 3,
    drain_node: 1,
    jump_clock: 1,
    flush_redis: 2,
    restart_redis: 1,
    lose_redis: 2,
    freeze_redis: 1,
    cut_redis: 1,
    demote_redis: 1,
    spoil_redis: 2,
    restart_postgres: 2,
    cut_postgres: 2,
    lock_postgres: 1,
    refuse_writes: 1,
    pause_pooler: 1,
    swallow_redis: 1,
    swallow_postgres: 1,
}
"""The faults for several nodes on PostgreSQL and Redis, with their weights."""
OF_A_HERMIT: Final[Mapping[Fault, int]] = {
    kill_node: 3,
    stop_node: 1,
    drain_node: 1,
    jump_clock: 2,
    fill_disk: 3,
    kill_embedded_queue: 2,
}
"""The faults for one node on SQLite."""


async def _strike(site: Site, blow: Callable[[Site, Member], Awaitable[None]]) -> Harm:
    """Cause a fault at a node that runs jobs; a task of its own ends the fault."""
    struck: asyncio.Future[Harm] = asyncio.get_running_loop().create_future()

    async def harm() -> None:
        async with site.nodes.victim() as member:
            running = await site.nodes.jobs("&status=running")
            patients = [job for job in running if job["node"] == member.name]
            struck.set_result(Harm(time.monotonic(), patients))
            await blow(site, member)

    site.nodes.mend(blow.__name__, harm())
    return await struck


async def _killed(site: Site, member: Member) -> None:
    await member.kill()
    await asyncio.sleep(site.random.uniform(*DOWN_S))
    await member.buried()
    await member.start()


async def _stopped(site: Site, member: Member) -> None:
    member.signal(signal.SIGSTOP)
    await asyncio.sleep(site.random.uniform(*STOPPED_S))
    member.signal(signal.SIGCONT)


async def _disconnect(connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
    """Cut all connections of the nodes."""
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'AtlanScheduler'"
    )


@asynccontextmanager
async def _with_setting(site: Site, name: str, value: str) -> AsyncIterator[Any]:
    """A connection without this setting, while all new ones of the nodes have it."""
    async with site.postgres_lock, site.postgres.connection() as connection:
        await connection.execute(f"ALTER USER postgres SET {name} = '{value}'")
        await _disconnect(connection)
        try:
            yield connection
        finally:
            await connection.execute(f"ALTER USER postgres RESET {name}")
            await _disconnect(connection)


async def _swallowed(site: Site, link: Proxy) -> None:
    link.swallow()
    await asyncio.sleep(site.random.uniform(*DOWN_S))
    link.heal()
