"""The queue: hints for the nodes of one installation, on a Redis or Valkey server.

Read `redis_queue` for what each call does, `feed` for how ids reach the workers, `changes` and
`news` for how nodes tell each other, `keys` and `lua/` for what is on the server, `embedded` for a
server of our own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from scheduler.basics.background import background
from scheduler.core.ports.queue import Queue
from scheduler.queue.embedded import embedded_server
from scheduler.queue.keys import Keys
from scheduler.queue.redis_queue import RedisQueue
from scheduler.queue.server import open_server

__all__ = ["open_queue"]


@asynccontextmanager
async def open_queue(
    url: str, *, namespace: str, node_id: str, data_dir: Path, random: Random
) -> AsyncIterator[Queue]:
    """One node's view of the queue, with all that it takes, for as long as the block runs.

    `url` is "embedded" for a server of this node's own in `data_dir`, or redis://, rediss:// or
    unix://. `node_id` is distinct for each start of each node. At the end, what the node still has
    in flight goes back to the queue.

    Raises:
        StartError: `url`, `namespace` or `data_dir` cannot be used.
        QueueUnavailable: nobody answers there; trying again may help.
    """
    keys = Keys(namespace)
    embedded = url == "embedded"
    async with AsyncExitStack() as stack:
        if embedded:
            url = await stack.enter_async_context(embedded_server(data_dir, random=random))
        where = "the embedded queue" if embedded else None
        server = await stack.enter_async_context(open_server(url, where=where))
        queue = RedisQueue(server, keys=keys, node_id=node_id, private=embedded, random=random)
        stack.push_async_callback(queue.dequeuer.close)
        stack.push_async_callback(queue.change_stream.close)
        await stack.enter_async_context(background(**queue.services()))
        yield queue
