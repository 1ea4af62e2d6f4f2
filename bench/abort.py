"""`make bench-abort`: how long an abort takes, ours and the peers', in one run.

    ours      from `DELETE` sent to 200 received, which proves that no process of the job is left
    peers     from the call until the process that ran the job is dead, seen from outside

All servers are up for the whole run, and each round runs every case once, so that other load on the
machine affects all cases alike. Our nodes and the peers use the same Redis-compatible server.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

from bench.cases.abort_cases import open_cases
from bench.harness.abort_report import write_report
from bench.harness.run import about, end_with, run, say
from bench.harness.samples import Row, table

ROUNDS: Final = 10


async def measure(folder: Path, *, rounds: int) -> Sequence[Row]:
    """Start everything and run all cases this many times, after one round that does not count."""
    async with AsyncExitStack() as stack:
        cases = await open_cases(folder, stack)
        for number in range(rounds + 1):
            for case in cases:
                say(f"round {number} of {rounds}: {case.row.case}" if number else "warming up")
                samples = await case.measure()
                if number:
                    case.row.rounds.append(samples)
    return [case.row for case in cases]


def main() -> None:
    """Measure, print the table, and save the figures, also in `docs/aborts.md`."""
    arguments = argparse.ArgumentParser(prog="make bench-abort")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    parsed = arguments.parse_args()
    rows = run(partial(measure, rounds=parsed.rounds))
    document = {**about(parsed.rounds), "rows": [row.figures() for row in rows]}
    print(table(document["rows"]))
    write_report(document)


if __name__ == "__main__":
    end_with(main)
