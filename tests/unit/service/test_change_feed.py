"""The change feed: which changes a follower gets, and from where."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from scheduler.core.change import changed
from scheduler.service.change_feed import ChangeFeed
from tests.fakes.clock import FakeClock
from tests.fakes.queue import MemoryQueue
from tests.fakes.store import MemoryStore
from tests.support.eventually import eventually


async def test_a_change_that_was_read_here_is_delivered_even_if_the_queue_lost_it_since() -> None:
    """Otherwise a follower that has no change yet is reset now, and again once the node notices.

    What happens in between would be sent to nobody as an event.
    """
    queue = MemoryQueue()
    change_feed = ChangeFeed(store=MemoryStore(), queue=queue, clock=FakeClock())
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(change_feed.run())
        with change_feed.following():
            begin = await change_feed.latest_id()
            queue.announce([changed("1")])
            await eventually(lambda: change_feed.end != begin)
            queue.server.flush()
            async with aclosing(change_feed.after(begin)) as batches:
                batch = await anext(batches)
        reading.cancel()
    assert batch is not None
    assert [each.change.job_id for each in batch] == ["1"]
