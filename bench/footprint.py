"""`make bench-footprint`: what a node takes of a machine, in memory and while it idles.

memory       PSS of all processes, with the embedded queue, after each worker has run some jobs
idle         processor time of a node that has nothing to do
statements   how often an idle node asks PostgreSQL and Redis, and for what
running      processor time of a node while so many jobs sleep
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench.cases.footprint_parts import idle, memory, running, statements
from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.series import Series, table, write

ROUNDS: Final = 1
WINDOW_S: Final = 20.0
"""For how long an idle node is watched."""
PARTS: Final = {"memory": memory, "idle": idle, "statements": statements, "running": running}


async def measure(
    folder: Path, *, rounds: int, parts: Sequence[str], window_s: float
) -> Sequence[Series]:
    """All that is asked for, in turns."""
    rows: dict[tuple[str, str], Series] = {}
    for number in range(rounds):
        for part in parts:
            say(f"round {number + 1} of {rounds}: {part}")
            place = folder / f"{part}-{number}"
            place.mkdir()
            for (what, case, unit), value in (await PARTS[part](place, window_s)).items():
                row = rows.setdefault((what, case), Series(measure=what, case=case, unit=unit))
                row.values.append(value)
    return list(rows.values())


def main() -> None:
    """Measure, print the table, and keep the figures."""
    arguments = argparse.ArgumentParser(prog="make bench-footprint")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--only", choices=PARTS, help="one part; keeps nothing")
    arguments.add_argument("--window-s", type=float, default=WINDOW_S)
    parsed = arguments.parse_args()
    parts = [parsed.only] if parsed.only else list(PARTS)
    found = run(partial(measure, rounds=parsed.rounds, parts=parts, window_s=parsed.window_s))
    print(table(found))
    if not parsed.only:
        write(RESULTS / "footprint.json", found, about(parsed.rounds))


if __name__ == "__main__":
    end_with(main)
