"""`make bench-abort`: how long an abort takes, ours and the peers', and what ours waits for.

cases     ours      from `DELETE` sent to 200 received, which proves that no process of the job
                    is left
          peers     from the call until the process that ran the job is dead, seen from outside
stages    the same time of ours, on an idle node, by what it waits for
junk      the same time of ours, with and without others who try out tokens

All servers of the cases are up for the whole run, and each round runs every case once, so that
other load on the machine affects all cases alike. Our nodes and the peers use the same
Redis-compatible server.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.cases.abort_cases import open_cases
from bench.cases.abort_junk import measure_junk
from bench.cases.abort_stages import measure_stages
from bench.harness import stages
from bench.harness.abort_report import CASES, JUNK, STAGES, Report, write_report
from bench.harness.run import about, end_with, run, say

ROUNDS: Final = 10

Rows = Sequence[Mapping[str, Any]]


class Part(NamedTuple):
    """A part of the benchmark, which can be run alone."""

    measure: Callable[[Path, int], Awaitable[Rows]]
    """In a folder, so many rounds."""
    report: Report


async def measure_cases(folder: Path, rounds: int) -> Rows:
    """Start everything and run all cases this many times, after one round that does not count."""
    async with AsyncExitStack() as stack:
        cases = await open_cases(folder, stack)
        for number in range(rounds + 1):
            for case in cases:
                say(f"round {number} of {rounds}: {case.row.case}" if number else "warming up")
                samples = await case.measure()
                if number:
                    case.row.rounds.append(samples)
    return [case.row.figures() for case in cases]


async def measure_all_stages(folder: Path, rounds: int) -> Rows:
    """The stages of all aborts of so many rounds."""
    return stages.figures(await measure_stages(folder, rounds=rounds))


PARTS: Final = {
    "cases": Part(measure_cases, CASES),
    "stages": Part(measure_all_stages, STAGES),
    "junk": Part(measure_junk, JUNK),
}


async def measure(folder: Path, *, rounds: int, parts: Sequence[str]) -> Mapping[str, Rows]:
    """Measure the chosen parts one after the other."""
    return {part: await PARTS[part].measure(folder, rounds) for part in parts}


def main() -> None:
    """Measure, print the tables, and save the figures, also in `docs/aborts.md`."""
    arguments = argparse.ArgumentParser(prog="make bench-abort")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--only", choices=PARTS, help="one part; the figures of the others stay")
    parsed = arguments.parse_args()
    parts = [parsed.only] if parsed.only else list(PARTS)
    for part, rows in run(partial(measure, rounds=parsed.rounds, parts=parts)).items():
        report = PARTS[part].report
        print(report.table(rows))
        write_report(report, {**about(parsed.rounds), "rows": rows})


if __name__ == "__main__":
    end_with(main)
