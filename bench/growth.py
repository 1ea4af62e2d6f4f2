"""`make bench-growth`: what is slower with a million jobs than with a thousand.

    queued, finished   a node on SQLite with the embedded queue that holds this many such jobs: how
                       fast it runs jobs, and how fast it answers
    calls              a node's calls to its store, on SQLite and PostgreSQL, with finished jobs

The jobs are written by a statement, not through the API. Each round measures few and many, so that
other load on the machine affects both alike. The ratios are what counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench.cases.growth_node import JOBS, UNITS, WORKERS, StoredJobs, measure_round
from bench.cases.growth_store import compare_stores
from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.series import Series, write
from bench.harness.series_table import table
from bench.harness.servers import open_postgres_server

ROUNDS: Final = 3
COUNTS: Final = (1_000, 100_000, 1_000_000)
KINDS: Final = ("queued", "finished", "calls")


async def measure(
    folder: Path, *, rounds: int, counts: Sequence[int], kinds: Sequence[str], jobs: int
) -> Sequence[Series]:
    """Measure the chosen kinds, one after the other."""
    found: list[Series] = []
    for kind in kinds:
        if kind == "calls":
            found += await _calls(folder, (min(counts), max(counts)))
        else:
            found += await _with_stored(kind, folder, rounds=rounds, counts=counts, jobs=jobs)
    return found


async def _with_stored(
    kind: str, folder: Path, *, rounds: int, counts: Sequence[int], jobs: int
) -> Sequence[Series]:
    """A new node for each count and round, whose store has this many queued or finished jobs."""
    rows = {
        (what, count): Series(
            measure=f"{what}, beside {kind} jobs",
            case=f"{count:,}",
            unit=unit,
            ours=count == counts[0],
            workers=WORKERS,
        )
        for what, unit in UNITS.items()
        for count in counts
    }
    for number in range(rounds):
        for count in counts:
            say(f"round {number + 1} of {rounds}: {count:,} {kind} jobs")
            round_folder = folder / f"{kind}-{count}-{number}"
            stored = StoredJobs(**{kind: count})
            measured = await measure_round(stored, jobs=jobs, folder=round_folder)
            for what, value in measured.items():
                rows[what, count].values.append(value)
    return list(rows.values())


async def _calls(folder: Path, counts: Sequence[int]) -> Sequence[Series]:
    """The store's calls on SQLite and PostgreSQL."""
    say(f"calls of a store with {' and '.join(f'{count:,}' for count in counts)} finished jobs")
    files = [f"sqlite:///{folder / str(count)}.db" for count in counts]
    found = [*await compare_stores("SQLite", files, counts, folder=folder)]
    with open_postgres_server() as server:
        urls = [await server.add_schema(f"with_{count}") for count in counts]
        found += await compare_stores("PostgreSQL", urls, counts, folder=folder)
    return found


def main() -> None:
    """Measure, print the table, and save the figures of a full run."""
    arguments = argparse.ArgumentParser(prog="make bench-growth")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--only", choices=KINDS, help="one kind; keeps nothing")
    arguments.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    arguments.add_argument("--jobs", type=int, default=JOBS)
    parsed = arguments.parse_args()
    kinds = [parsed.only] if parsed.only else KINDS
    chosen = {"rounds": parsed.rounds, "counts": parsed.counts, "jobs": parsed.jobs}
    found = run(partial(measure, kinds=kinds, **chosen))
    print(table(found, compared=f"{parsed.counts[0]:,}"))
    if not parsed.only:
        write(RESULTS / "growth.json", found, about(parsed.rounds))


if __name__ == "__main__":
    end_with(main)
