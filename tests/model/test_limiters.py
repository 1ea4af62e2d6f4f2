"""Limits and throttles hold in any interleaving and for any trace, on all stores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.limits.declaration import Throttle
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.contract.limiters.asking import claim, let_all_go, limited
from tests.fakes import MemoryStore
from tests.model.effort import Fresh, explore
from tests.model.machines.limiter_machine import LimiterMachine
from tests.model.test_store import fresh_memory, fresh_postgres, fresh_sqlite
from tests.support.servers.postgres import PostgresServer
from tests.support.stores import ids_waiting, new, node

EXAMPLES = {"memory": 100, "sqlite": 40, "postgres": 15}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_no_interleaving_runs_too_many_or_lets_one_wait_for_nothing(
    kind: str, postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    openings: dict[str, Callable[[], AbstractAsyncContextManager[Fresh[Store]]]] = {
        "memory": fresh_memory,
        "sqlite": partial(fresh_sqlite, tmp_path),
        "postgres": partial(fresh_postgres, postgres_url, postgres_server, tmp_path),
    }
    explore(openings[kind](), LimiterMachine, examples=EXAMPLES[kind], steps=40)


class Times:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@given(
    jobs_max=st.integers(1, 5),
    burst=st.integers(1, 4),
    pauses_ms=st.lists(st.integers(0, 900), min_size=1, max_size=60),
)
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
async def test_no_trace_begins_more_in_any_window_than_limit_and_burst(
    jobs_max: int, burst: int, pauses_ms: list[int]
) -> None:
    """And none so few that some would wait for ever."""
    times = Times()
    store = MemoryStore(now=times.now)
    await store.register(node())
    sent = [new() for _ in range(80)]
    await store.insert(sent)
    options = limited(throttle=Throttle(jobs_max, per_s=1, burst=burst))
    starts: list[datetime] = []
    for pause_ms in pauses_ms:
        times.at += timedelta(milliseconds=pause_ms)
        await let_all_go(store, options)
        found = await claim(store, options, *await ids_waiting(store))
        starts += [times.at] * len(found.claims)

    for window in _windows(starts, timedelta(seconds=1)):
        assert len(window) <= jobs_max + burst
    passed_s = sum(pauses_ms[1:]) / 1000
    longest_s = 1 / jobs_max + max(pauses_ms) / 1000  # it is looked at only after a pause
    assert len(starts) >= min(len(sent), 1 + int(passed_s / longest_s))


def _windows(starts: list[datetime], size: timedelta) -> Iterator[list[datetime]]:
    for first in starts:
        yield [each for each in starts if first <= each < first + size]


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_restart_lets_no_burst_through(
    kind: str, postgres_url: str, tmp_path: Path
) -> None:
    """What is known of a throttle is in the store, and nowhere else."""
    url = "sqlite" if kind == "sqlite" else postgres_url
    options, interval_s, burst = limited(throttle=Throttle(20, per_s=1, burst=3)), 0.05, 3
    starts: list[tuple[float, float]] = []
    sent = [new() for _ in range(60)]
    for _ in range(4):
        async with open_store(url, data_dir=tmp_path) as store:
            await store.register(node())
            if not starts:
                await store.insert(sent)
            began = time.monotonic()
            while time.monotonic() < began + 0.3:
                await let_all_go(store, options)
                asked_at = time.monotonic()
                found = await claim(store, options, *await ids_waiting(store))
                starts += [(asked_at, time.monotonic())] * len(found.claims)

    assert len(starts) > burst
    for first, (asked_at, _) in enumerate(starts):
        for last, (_, answered_at) in enumerate(starts[first:], first):
            assert last - first < burst + (answered_at - asked_at) / interval_s
