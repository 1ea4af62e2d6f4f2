"""`make bench-footprint`: the memory of a node, and what it costs while it is idle.

memory       PSS of all processes, with the embedded queue, after each worker has run some jobs
idle         processor time of a node that has nothing to do
statements   how often an idle node asks PostgreSQL and Redis, and for what
running      processor time of a node while 0, 1, 10 and 100 jobs sleep
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench.cases.footprint_parts import idle, memory, running, statements
from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.series import Series, write
from bench.harness.series_table import table

ROUNDS: Final = 1
WINDOW_S: Final = 20.0
"""How long a node is observed."""
PARTS: Final = {"memory": memory, "idle": idle, "statements": statements, "running": running}


async def measure(
    folder: Path, *, rounds: int, parts: Sequence[str], window_s: float
) -> Sequence[Series]:
    """Measure the chosen parts, round after round."""
    rows: dict[tuple[str, str], Series] = {}
    for number in range(rounds):
        for part in parts:
            say(f"round {number + 1} of {rounds}: {part}")
            round_folder = folder / f"{part}-{number}"
            round_folder.mkdir()
            for (what, case, unit), value in (await PARTS[part](round_folder, window_s)).items():
                row = rows.setdefault((what, case), Series(measure=what, case=case, unit=unit))
                row.values.append(value)
    return list(rows.values())


def main() -> None:
    """Measure, print the table, and save the figures of a full run."""
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
