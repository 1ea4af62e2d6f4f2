"""`make bench`: how fast jobs are taken and worked off, ours and the peers', in one run.

What counts are the ratios. Ours is durable in every figure: `synchronous=FULL`, claims, tokens and
watchers are on. `--check` measures a part, compares the ratios with those that are kept, and fails
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
from bench.cases.speed_setup import open_stage
from bench.cases.speed_submit import program
from bench.harness.rounds import take_turns
from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.series import Series, losses, ratios, table, write

ROUNDS: Final = 3
CHECKED: Final = ("no-op jobs", "submit to start", "single submits")
"""What is compared, in one round."""


class Plan(NamedTuple):
    """What a run does."""

    rounds: int
    only: tuple[str, ...]
    """What the names of the measures begin with."""
    kept: Mapping[tuple[str, str], int]
    """How many workers were best before, by measure and case."""


def main() -> int:
    """Measure, print the table, and keep the figures or compare them; the exit status."""
    arguments = argparse.ArgumentParser(prog="make bench")
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--only", help="what the measures' names begin with; keeps nothing")
    arguments.add_argument("--out", type=Path, default=RESULTS / "speed.json")
    arguments.add_argument("--check", action="store_true", help="compare, and keep nothing")
    parsed = arguments.parse_args()
    program()  # says so now, if it is missing, and not after minutes
    if parsed.check:
        only = (parsed.only,) if parsed.only else CHECKED
        return _check(json.loads(parsed.out.read_text()), only=only, rounds=parsed.rounds or 1)
    plan = Plan(rounds=parsed.rounds or ROUNDS, only=(parsed.only or "",), kept={})
    found = run(partial(measure, plan=plan))
    print(table(found))
    if not parsed.only:
        write(parsed.out, found, about(plan.rounds))
    return 0


def _check(document: Mapping[str, Any], *, only: tuple[str, ...], rounds: int) -> int:
    """Measure with as many workers as were best before, and name what was lost."""
    kept = {(row["measure"], row["case"]): row["workers"] for row in document["rows"]}
    found = run(partial(measure, plan=Plan(rounds=rounds, only=only, kept=kept)))
    print(table(found))
    lost = losses(document["ratios"], ratios(found))
    for each in lost:
        say(f"lost a quarter or more: {each}")
    return 1 if lost else 0


async def measure(folder: Path, plan: Plan) -> Sequence[Series]:
    """Measure what is planned."""
    async with open_stage(folder) as stage:
        cases = [case for case in all_cases(stage) if case.series[0].measure.startswith(plan.only)]
        return await take_turns(cases, rounds=plan.rounds, kept=plan.kept)


if __name__ == "__main__":
    end_with(main)
