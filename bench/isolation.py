"""`make bench-isolation`: what it costs that users do not share processes.

A backlog of two users' jobs is worked off, with `[node] share_processes` true and false. In turn,
each job is of the other user than the one before it, which is the worst case: nearly each needs a
new process. In a row, all jobs of one user come before those of the other one.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

from bench.harness.run import CORES, RESULTS, about, end_with, run, say
from bench.harness.throughput import jobs_done, jobs_per_s
from bench.ours.node import open_node

FIGURES: Final = RESULTS / "isolation.json"
ROUNDS: Final = 3
ORDERS: Final = ("in turn", "in a row")


class Case(NamedTuple):
    """A backlog."""

    order: str
    ms: int
    """How long each job computes."""
    share: bool

    @property
    def jobs(self) -> int:
        """How many take some seconds."""
        if self.ms:
            return 100
        return 10_000 if self.share or self.order == "in a row" else 200

    def users(self) -> Iterator[str]:
        """The user of each job."""
        for number in range(self.jobs):
            second = number % 2 if self.order == "in turn" else number * 2 >= self.jobs
            yield "bob" if second else "ada"


CASES: Final = [
    Case(order, ms, share) for order in ORDERS for ms in (0, 100) for share in (True, False)
]


async def measure(folder: Path, rounds: int) -> Sequence[Mapping[str, Any]]:
    """Measure all cases, round after round; jobs a second."""
    found: dict[Case, list[float]] = {case: [] for case in CASES}
    for number in range(1, rounds + 1):
        for case in CASES:
            say(f"round {number} of {rounds}: {case}")
            found[case].append(await _drained(case, folder))
    return [_row(case, statistics.median(figures)) for case, figures in found.items()]


async def _drained(case: Case, folder: Path) -> float:
    share = str(case.share).lower()
    settings = {"NODE__WORKERS": CORES, "NODE__SHARE_PROCESSES": share}
    async with open_node(folder / uuid4().hex, **settings) as node:
        before = jobs_done()
        await node.submit_all(
            [{"uid": uid, "task": "count", "data": case.ms} for uid in case.users()]
        )
        return await jobs_per_s(case.jobs, after=before)


def _row(case: Case, rate: float) -> Mapping[str, Any]:
    return {"order": case.order, "ms": case.ms, "shared": case.share, "jobs_per_s": round(rate, 1)}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table: a line for each backlog, with the ratio of its two figures."""
    lines = [
        "| users' jobs | each computes | shared, jobs/s | not shared, jobs/s | ratio |",
        "|---|--:|--:|--:|--:|",
    ]
    for shared, own in zip(rows[::2], rows[1::2], strict=True):
        ratio = own["jobs_per_s"] / shared["jobs_per_s"]
        lines.append(
            f"| {shared['order']} | {shared['ms']} ms | {shared['jobs_per_s']:,}"
            f" | {own['jobs_per_s']:,} | {ratio:.3f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and save the figures."""
    arguments = argparse.ArgumentParser(prog="make bench-isolation")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = arguments.parse_args().rounds
    rows = run(partial(measure, rounds=rounds))
    print(table(rows))
    FIGURES.write_text(json.dumps({**about(rounds), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    end_with(main)
