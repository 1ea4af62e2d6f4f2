"""`make bench-delays`: how late jobs with a time begin on an idle node, and what held ones cost.

Each job is submitted with a delay when the one before has ended. It is late by its `started_at`
minus its `run_at`: both by the clock of this machine. All is measured without other jobs, and
beside a million that are held for months. Writes `bench/results/delays.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any, Final

from bench.harness.run import RESULTS, about, end_with, run
from bench.harness.servers import open_postgres, open_redis
from bench.ours.filled_store import fill, held
from bench.ours.node import open_node
from scheduler.store import open_store

FIGURES: Final = RESULTS / "delays.json"
LIMIT_MS: Final = 250
"""What docs/order.md promises for the 99th percentile."""
DELAYS_S: Final = (0.05, 1.5)
"""Shorter and longer than the longest sleep of a node."""
HELD: Final = 1_000_000
LOOKS: Final = 200


async def measure(folder: Path, jobs: int, many: int) -> Mapping[str, Any]:
    """The figures of both stores, with few held jobs and with many."""
    found: dict[str, Any] = {}
    for store in ("sqlite", "postgresql"):
        for held_jobs in (0, many):
            place = folder / f"{store}-{held_jobs}"
            place.mkdir()
            async with _servers(store, place) as settings:
                url = str(settings["STORE__URL"])
                if held_jobs:
                    await fill(url, data_dir=place, rows=[held(held_jobs)])
                found[f"{store}, {held_jobs} held"] = {
                    "look_ms": await _look_ms(url, place),
                    **await _late_ms(place, jobs, settings),
                }
    return {**about(1), "jobs": jobs, "figures": found}


@asynccontextmanager
async def _servers(store: str, folder: Path) -> AsyncIterator[Mapping[str, object]]:
    """The settings of a node with a store of this kind."""
    if store == "sqlite":
        yield {"STORE__URL": f"sqlite:///{folder}/jobs.db"}
        return
    async with open_redis(folder) as redis:
        with open_postgres() as postgres:
            yield {"STORE__URL": postgres, "QUEUE__URL": redis}


async def _look_ms(url: str, folder: Path) -> float:
    """How long the look takes that an idle node takes once a second."""
    async with open_store(url, data_dir=folder) as store:
        await store.next_due_s()
        since = time.perf_counter()
        for _ in range(LOOKS):
            await store.next_due_s()
        return round((time.perf_counter() - since) / LOOKS * 1000, 3)


async def _late_ms(folder: Path, jobs: int, settings: Mapping[str, object]) -> Mapping[str, float]:
    """How late jobs begin, in milliseconds."""
    late: list[float] = []
    chance = random.Random(1)  # noqa: S311 - spreads delays
    async with open_node(folder, **settings) as node:
        for _ in range(jobs):
            body = {"uid": "bench", "task": "noop", "delay_s": chance.uniform(*DELAYS_S)}
            _, job = await node.call("POST", "/", body)
            ended = await node.job(job["id"], wait_s=30)
            late.append(_between_ms(ended["run_at"], ended["started_at"]))
    return _figures(late)


def _between_ms(before: str, after: str) -> float:
    length = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    return length.total_seconds() * 1000


def _figures(late_ms: Sequence[float]) -> Mapping[str, float]:
    ordered = sorted(late_ms)
    p50, p99 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
    return {"least_ms": ordered[0], "p50_ms": p50, "p99_ms": p99, "most_ms": ordered[-1]}


def main() -> int:
    """Measure, print and write; 1 where the promise is not kept."""
    parser = argparse.ArgumentParser(description="How late jobs with a time begin.")
    parser.add_argument("--jobs", type=int, default=100, help="how many jobs for each figure")
    parser.add_argument("--held", type=int, default=HELD, help="how many jobs are held beside them")
    arguments = parser.parse_args()
    figures = run(lambda folder: measure(folder, arguments.jobs, arguments.held))
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    for name, found in figures["figures"].items():
        print(name, *(f"{figure} {value:g}" for figure, value in found.items()))
    measured = figures["figures"].values()
    kept = all(each["least_ms"] >= 0 and each["p99_ms"] <= LIMIT_MS for each in measured)
    return 0 if kept else 1


if __name__ == "__main__":
    end_with(main)
