"""The change_feed of changes: what a follower hears, and from where."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from scheduler.core.change import changed
from scheduler.service.change_feed import ChangeFeed
from tests.fakes.clock import FakeClock
from tests.fakes.queue import MemoryQueue
from tests.fakes.store import MemoryStore
from tests.support.eventually import eventually


async def test_what_was_read_here_is_heard_even_if_the_queue_forgot_it_since() -> None:
    """Else who had heard nothing yet is told to look anew, and again once this node notices it.

    What comes in between is told nobody as an event.
    """
    queue = MemoryQueue()
    change_feed = ChangeFeed(store=MemoryStore(), queue=queue, clock=FakeClock())
    async with asyncio.TaskGroup() as group:
        reading = group.create_task(change_feed.run())
        with change_feed.followed():
            begin = await change_feed.present()
            queue.announce([changed("1")])
            await eventually(lambda: change_feed.end != begin)
            queue.server.flush()
            async with aclosing(change_feed.behind(begin)) as heard:
                news = await anext(heard)
        reading.cancel()
    assert news is not None
    assert [each.change.job_id for each in news] == ["1"]
