"""What the port `Queue` promises about the stream of changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from scheduler.core.change import GAP, Change, ChangeKind
from scheduler.core.job import Progress
from scheduler.core.ports.queue import Queue
from scheduler.queue import change_stream as of_queue
from tests.support.eventually import eventually
from tests.support.queues import (  # noqa: F401
    ANSWER_S,
    Installation,
    installation_fixture,
    opened,
    patiently,
    queue_fixture,
)
from tests.support.servers.redis import namespace_fixture, redis_program, redis_server  # noqa: F401
from tests.support.stores import AT

WHOLE = Change(
    kind=ChangeKind.PROGRESS,
    job_id="1",
    uid="ü",
    attempt=2,
    at=AT,
    progress=Progress(done=1.5, message="half"),
    start_offset=3,
    end_offset=4,
)


def numbered(*numbers: int) -> list[Change]:
    return [Change(kind=ChangeKind.STATUS, job_id=str(number)) for number in numbers]


async def published(queue: Queue, since: str, *, count: int) -> Sequence[Change]:
    """So many changes that were published after this one."""

    async def all_there() -> bool:
        found = await queue.changes(since, limit=count)
        return found is not None and len(found) == count + 1

    await eventually(all_there)
    found = await queue.changes(since, limit=count)
    assert found is not None
    assert found[0][0] == since
    return [change for _, change in found[1:]]


async def test_changes_reach_all_nodes_in_their_order(
    queue: Queue, installation: Installation
) -> None:
    """With all their fields."""
    async with installation.open("b") as other:
        since = await other.latest_change()
        queue.announce(numbered(1, 2))
        queue.announce([WHOLE, GAP])
        assert await published(other, since, count=4) == [*numbered(1, 2), WHOLE, GAP]
        assert await other.latest_change() != since


async def test_a_reader_waits_for_the_next_change(queue: Queue) -> None:
    """So a reader gets a change at once, without polling."""
    since = await queue.latest_change()
    async with asyncio.timeout(ANSWER_S), asyncio.TaskGroup() as group:
        reading = group.create_task(queue.changes(since, limit=9, wait_s=60))
        await asyncio.sleep(0)
        queue.announce(numbered(1))
    found = reading.result()
    assert found is not None
    assert [change for _, change in found[1:]] == numbered(1)
    nothing = await queue.changes(found[-1][0], limit=9, wait_s=0.01)
    assert nothing is not None
    assert len(nothing) == 1


async def test_no_more_is_read_than_was_asked_for(queue: Queue) -> None:
    """A reader that was away for long reads in pages."""
    since = await queue.latest_change()
    queue.announce(numbered(1, 2, 3))
    await published(queue, since, count=3)
    found = await queue.changes(since, limit=2)
    assert found is not None
    assert [change for _, change in found[1:]] == numbered(1, 2)


async def test_what_came_after_a_missing_change_is_unknown(
    queue: Queue, installation: Installation
) -> None:
    """After a flush, or a long absence of the reader: it must not look as if nothing happened."""
    since = await queue.latest_change()
    await installation.look.flushall()
    assert await queue.changes(since, limit=9) is None
    assert await queue.latest_change() != since
    assert await queue.changes("1-1", limit=9) is None


async def test_changes_wait_for_a_server_that_is_away(
    queue: Queue, installation: Installation
) -> None:
    """They are published when it is back."""
    await installation.restart()
    queue.announce(numbered(1, 2))
    await patiently(queue.latest_change)

    async def both_there() -> bool:
        entries: Any = await installation.look.xrange(installation.key("changes"))
        return sum(GAP.kind not in fields["c"] for _, fields in entries) >= 2

    await eventually(both_there)


async def test_too_many_waiting_changes_become_a_gap(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node's memory must not grow with the length of an outage."""
    monkeypatch.setattr(of_queue, "WAITING_MAX", 3)
    since = await queue.latest_change()
    queue.announce(numbered(1, 2, 3, 4))
    queue.announce(numbered(5))
    assert await published(queue, since, count=2) == [GAP, *numbered(5)]


async def test_an_entry_that_another_version_wrote_differently_is_a_gap(
    queue: Queue, installation: Installation
) -> None:
    """A follower reads the store again; the node does not fail."""
    since = await queue.latest_change()
    await installation.look.xadd(installation.key("changes"), {"c": '{"k": "queued", "j": "1"}'})
    assert await published(queue, since, count=1) == [GAP]


async def test_the_server_keeps_only_the_last_changes(
    queue: Queue, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory is limited, too."""
    monkeypatch.setattr(of_queue, "KEPT_MAX", 100)
    queue.announce(numbered(*range(2000)))

    async def all_told() -> bool:
        latest: Any = await installation.look.xrevrange(installation.key("changes"), count=1)
        return bool(latest) and '"1999"' in latest[0][1]["c"]

    await eventually(all_told)
    assert await installation.look.xlen(installation.key("changes")) < 500


async def test_waiting_changes_are_published_when_the_node_ends(
    queue: Queue, installation: Installation
) -> None:
    """The last changes that it made are published, too."""
    since = await queue.latest_change()
    async with installation.open("b") as other:
        other.announce(numbered(1))
    assert await published(queue, since, count=1) == numbered(1)
