"""A node says when every slot may wait for what needs a slot: once for each time, and only then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from scheduler.core.errors import StoreUnavailable
from scheduler.telemetry.metrics import Metrics
from scheduler.telemetry.stalls import JOBS_NAMED_MAX, Stalls
from tests.fakes import FakeClock, MemoryStore
from tests.support.stores import abort, claimed, end, new, running

Family = tuple[str, str]


class Watched:
    """A node with some workers, whose jobs the store has."""

    def __init__(self, workers: int) -> None:
        self.store, self.registry = MemoryStore(), CollectorRegistry()
        self.here = set[str]()
        self.stalls = Stalls(
            Metrics(self.registry),
            store=self.store,
            clock=FakeClock(),
            node_id="a1",
            workers=workers,
            local_jobs=lambda: frozenset(self.here),
        )

    async def family(self) -> Family:
        """A job that runs here, and its queued child."""
        parent = (await running(self.store)).id
        self.here.add(parent)
        (child,) = (await self.store.insert([new(parent=parent)])).jobs
        return parent, child.id

    async def warnings(self, *, looks: int = 3) -> list[list[str]]:
        """The jobs that each warning of some looks names."""
        with capture_logs() as logged:
            for _ in range(looks):
                await self.stalls.look()
        return [line["jobs"] for line in logged if line["log_level"] == "warning"]

    @property
    def gauge(self) -> float | None:
        return self.registry.get_sample_value("scheduler_stalled")


@asynccontextmanager
async def stalled(workers: int = 2) -> AsyncIterator[tuple[Watched, list[Family]]]:
    """A node that has warned of a stall."""
    node = Watched(workers)
    families = [await node.family() for _ in range(workers)]
    assert len(await node.warnings()) == 1
    yield node, families


async def test_a_stall_is_said_once_with_its_jobs() -> None:
    node = Watched(2)
    families = [await node.family() for _ in range(2)]

    assert await node.warnings(looks=2) == [], "a moment is no stall"
    assert await node.warnings(looks=5) == [sorted(parent for parent, _ in families)]
    assert node.gauge == 1


async def test_a_stall_that_ended_is_said_again_when_it_comes_back() -> None:
    async with stalled() as (node, families):
        claim = await claimed(node.store, families[0][1])
        assert await node.warnings() == []
        assert node.gauge == 0

        await node.store.settle([end(claim)])
        await node.store.insert([new(parent=families[0][0])])
        assert len(await node.warnings()) == 1


async def test_a_free_slot_is_no_stall() -> None:
    node = Watched(2)
    await node.family()

    assert await node.warnings() == []
    assert node.gauge == 0


async def test_a_slot_whose_job_waits_for_no_queued_child_is_no_stall() -> None:
    """It will end by itself, and then its slot is free for the children of the others."""
    node = Watched(2)
    await node.family()
    _, child = await node.family()
    await abort(node.store, child)

    assert await node.warnings() == []


async def test_jobs_that_come_and_go_are_no_stall() -> None:
    """A busy node must not even ask the store."""
    node = Watched(1)
    node.store.away = True
    for number in range(5):
        node.here = {str(number)}
        assert await node.warnings(looks=1) == []


async def test_a_store_that_is_away_ends_no_stall() -> None:
    """Else the end of an outage would bring the same warning again."""
    async with stalled() as (node, _):
        node.store.away = True
        with pytest.raises(StoreUnavailable):
            await node.warnings()
        node.store.away = False

        assert await node.warnings() == []
        assert node.gauge == 1


async def test_a_warning_names_only_so_many_jobs() -> None:
    node = Watched(JOBS_NAMED_MAX + 5)
    for _ in range(JOBS_NAMED_MAX + 5):
        await node.family()

    (jobs,) = await node.warnings()
    assert len(jobs) == JOBS_NAMED_MAX
