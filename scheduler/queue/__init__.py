"""The queue: hints for the nodes of one installation, on a Redis or Valkey server.

redis_queue     the port `Queue`: what each call does
dequeuer        how ids reach the workers of a node
held            the ids that they have
change_stream   publishes changes of jobs to all nodes, and reads them
subscriptions   pub/sub: announced aborts, and jobs that somebody watches
keys            all keys and channels on the server
scripts, lua/   the steps that must be atomic on the server
server          two clients of the server, and errors of Redis as ours
refusals        what the errors of redis-py say
connections     what redis-py is told about connections
addresses       what the URL may say
locating        finds the master, by sentinels or nodes of a cluster
start_check     tries at the start what the node needs later
inspecting      what the server offers, for `doctor`
repair          deletes keys that are of another type than ours
embedded/       the server that a node runs for itself
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from scheduler.basics.background import background
from scheduler.basics.outage import Outage
from scheduler.core.places.labels import PLAIN, Place
from scheduler.core.ports.queue import BusyMax, Queue, ShareOf, equal_shares, nothing_kept
from scheduler.queue.embedded import embedded_server
from scheduler.queue.keys import Keys
from scheduler.queue.redis_queue import RedisQueue
from scheduler.queue.server import open_server
from scheduler.queue.start_check import check_server

__all__ = ["open_queue"]


@asynccontextmanager
async def open_queue(
    url: str,
    *,
    namespace: str,
    node_id: str,
    data_dir: Path,
    random: Random,
    share_of: ShareOf = equal_shares,
    busy_max: BusyMax = nothing_kept,
    place: Place = PLAIN,
) -> AsyncIterator[Queue]:
    """Open one node's view of the queue, with its background tasks, while the block runs.

    `url` is "embedded" for the node's own server with its files in `data_dir`, or has one of the
    forms in `addresses`. `node_id` is distinct for each start of each node. `share_of` says what a
    user gets of all slots, and `busy_max` how many of them those get who have some. `place` says
    which jobs the node takes. At the end, the ids that the node still has in flight return to the
    queue.

    Raises:
        StartError: `url`, `namespace` or `data_dir` cannot be used.
        QueueUnavailable: no server answers there; trying again may help.
    """
    keys = Keys(namespace)
    embedded = url == "embedded"
    async with AsyncExitStack() as stack:
        if embedded:
            url = await stack.enter_async_context(embedded_server(data_dir, random=random))
        where = "the embedded queue" if embedded else None
        server = await stack.enter_async_context(open_server(url, key=keys.wake, where=where))
        await check_server(server, keys)
        queue = RedisQueue(
            server,
            keys=keys,
            node_id=node_id,
            private=embedded,
            random=random,
            share_of=share_of,
            busy_max=busy_max,
            place=place,
        )
        await queue.repair.repair()
        server.outage = Outage("the queue")
        stack.push_async_callback(queue.dequeuer.close)
        stack.push_async_callback(queue.change_stream.close)
        await stack.enter_async_context(background(**queue.services()))
        yield queue
