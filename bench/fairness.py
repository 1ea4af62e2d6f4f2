"""`make bench-fairness`: whose turn it is where many wait.

- **newcomer**: one user has a thousand jobs of 0.2 s queued on two workers. Another submits one, a
  hundred times: how many jobs of the first begin before it.
- **weights**: users of weight 1, 2 and 4 have more jobs queued than run in a minute: the share of
  each in what was begun.
- **users**: how fast ten thousand jobs are worked off that are of one user, of a hundred, and of as
  many users, round after round.

Writes `bench/results/fairness.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.throughput import jobs_done, jobs_per_s
from bench.ours.node import OurNode, open_node

FIGURES: Final = RESULTS / "fairness.json"
ROUNDS: Final = 5
WORKERS: Final = 2
JOBS: Final = 10_000
USERS: Final = (1, 100, JOBS)
FLOOD: Final = {"uid": "flood", "task": "wait", "data": 0.2}
FLOOD_JOBS: Final = 1000
NEWCOMERS: Final = 100
WEIGHTS: Final = {"light": 1, "middle": 2, "heavy": 4}
WEIGHTS_S: Final = 60
PAGE: Final = 1000


async def measure(folder: Path, rounds: int) -> Mapping[str, Any]:
    """All figures."""
    return {
        **about(rounds),
        "newcomer": await _newcomer(folder),
        "weights": await _weights(folder),
        "users": await _users(folder, rounds),
    }


async def _newcomer(folder: Path) -> Mapping[str, int]:
    """How many newcomers began after so many jobs of the flood."""
    say(f"{NEWCOMERS} newcomers beside a flood")
    async with open_node(folder / uuid4().hex, NODE__WORKERS=WORKERS) as node:
        await node.submit_all([FLOOD] * FLOOD_JOBS)
        newcomers = []
        for _ in range(NEWCOMERS):
            job = await node.submit("noop")
            newcomers.append(await node.job(job["id"], wait_s=30))
        begun = [job["started_at"] for job in await _jobs(node, "flood") if job["started_at"]]
    before = [
        sum(job["created_at"] < started_at < job["started_at"] for started_at in begun)
        for job in newcomers
    ]
    return {str(count): before.count(count) for count in sorted(set(before))}


async def _weights(folder: Path) -> Mapping[str, float]:
    """The share of each user in the jobs that were begun, for each unit of his weight."""
    say(f"weights {WEIGHTS}, {WEIGHTS_S} s")
    quotas = ", ".join(f'"{uid}" = {{weight = {each}}}' for uid, each in WEIGHTS.items())
    settings = {"NODE__WORKERS": WORKERS, "QUOTAS": f"{{{quotas}}}"}
    async with open_node(folder / uuid4().hex, **settings) as node:
        job = {"task": "wait", "data": 0.02}
        await node.submit_all([{"uid": uid, **job} for uid in WEIGHTS for _ in range(6000)])
        await asyncio.sleep(WEIGHTS_S)
        begun = {uid: sum(job["attempt"] > 0 for job in await _jobs(node, uid)) for uid in WEIGHTS}
    unit = sum(begun.values()) / sum(WEIGHTS.values())
    return {uid: round(begun[uid] / each / unit, 3) for uid, each in WEIGHTS.items()}


async def _jobs(node: OurNode, uid: str) -> Sequence[Mapping[str, Any]]:
    """All jobs of a user."""
    found: list[Mapping[str, Any]] = []
    page = f"{node.url}/{uid}?limit={PAGE}"
    while page:
        async with node.session.get(page) as answer:
            found += await answer.json()
            page = str(answer.links["next"]["url"]) if "next" in answer.links else ""
    return found


async def _users(folder: Path, rounds: int) -> Mapping[str, float]:
    """Jobs a second by how many users have them, and the ratio of the slowest to one user's."""
    rates: dict[int, list[float]] = {users: [] for users in USERS}
    for number in range(1, rounds + 1):
        for users in USERS:
            say(f"round {number} of {rounds}: jobs of {users} users")
            rates[users].append(await _drained(folder / uuid4().hex, users))
    medians = {users: statistics.median(found) for users, found in rates.items()}
    least = min(medians.values()) / medians[1]
    return {
        **{str(users): round(rate, 1) for users, rate in medians.items()},
        "ratio": round(least, 3),
    }


async def _drained(folder: Path, users: int) -> float:
    async with open_node(folder, NODE__WORKERS=WORKERS) as node:
        before = jobs_done()
        jobs = [{"uid": f"user-{each % users}", "task": "count", "data": 0} for each in range(JOBS)]
        await node.submit_all(jobs)
        return await jobs_per_s(JOBS, after=before)


def main() -> int:
    """Measure, print and write; 1 where a newcomer waited for more than one job of others."""
    arguments = argparse.ArgumentParser(prog="make bench-fairness")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = arguments.parse_args().rounds
    figures = run(partial(measure, rounds=rounds))
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    for name in ("newcomer", "weights", "users"):
        print(name, *(f"{key}: {value:g}" for key, value in figures[name].items()), sep="  ")
    return 0 if set(figures["newcomer"]) <= {"0", "1"} else 1


if __name__ == "__main__":
    end_with(main)
