"""`make bench`: how fast jobs are accepted, started and finished, ours and the peers', in one run.

The ratios are what counts. Our node is durable in every figure: `synchronous=FULL`, claims, tokens
and watchers are on. `--check` measures a part, compares the ratios with the saved ones, and fails
where one lost a quarter.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.cases.speed_cases import all_cases
from bench.cases.speed_setup import open_setup
from bench.cases.speed_submit import find_wrk
from bench.harness.rounds import run_rounds
from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.series import Series, ratios, regressions, write
from bench.harness.series_table import table

ROUNDS: Final = 3
CHECKED: Final = ("no-op jobs", "submit to start", "single submits")
"""What `--check` compares: measures that begin with one of these."""


class Plan(NamedTuple):
    """What to measure, and how often."""

    rounds: int
    only: tuple[str, ...]
    """Measures whose names begin with one of these."""
    best_workers: Mapping[tuple[str, str], int]
    """The best number of workers of an earlier run, by measure and case."""


def main() -> int:
    """Measure, print the table, and save or compare the figures; returns the exit status."""
    arguments = argparse.ArgumentParser(prog="make bench")
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--only", help="what the measures' names begin with; keeps nothing")
    arguments.add_argument("--out", type=Path, default=RESULTS / "speed.json")
    arguments.add_argument("--check", action="store_true", help="compare, and keep nothing")
    parsed = arguments.parse_args()
    find_wrk()  # exits now if it is missing, not after minutes
    if parsed.check:
        only = (parsed.only,) if parsed.only else CHECKED
        return _check(json.loads(parsed.out.read_text()), only=only, rounds=parsed.rounds or 1)
    plan = Plan(rounds=parsed.rounds or ROUNDS, only=(parsed.only or "",), best_workers={})
    found = run(partial(measure, plan=plan))
    print(table(found))
    if not parsed.only:
        write(parsed.out, found, about(plan.rounds))
    return 0


def _check(document: Mapping[str, Any], *, only: tuple[str, ...], rounds: int) -> int:
    """Measure with the saved numbers of workers, and print each ratio that lost a quarter."""
    best_workers = {(row["measure"], row["case"]): row["workers"] for row in document["rows"]}
    found = run(partial(measure, plan=Plan(rounds=rounds, only=only, best_workers=best_workers)))
    print(table(found))
    lost = regressions(document["ratios"], ratios(found))
    for each in lost:
        say(f"lost a quarter or more: {each}")
    return 1 if lost else 0


async def measure(folder: Path, plan: Plan) -> Sequence[Series]:
    """Run the cases of the plan."""
    async with open_setup(folder) as setup:
        cases = [case for case in all_cases(setup) if case.series[0].measure.startswith(plan.only)]
        return await run_rounds(cases, rounds=plan.rounds, best_workers=plan.best_workers)


if __name__ == "__main__":
    end_with(main)
