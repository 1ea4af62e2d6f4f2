"""`make chaos SECONDS=300 SEED=…`: a run on its own; status 1 if anything is wrong."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from scheduler.queue.embedded.program import find_program
from tests.chaos.report import RUNS_HEAD, faults_table, keep, run_row
from tests.chaos.run import run

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def main() -> int:
    """Run, print the report, and keep its row if asked to."""
    arguments = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=300)
    arguments.add_argument("--seed", default=secrets.token_hex(3))
    arguments.add_argument("--nodes", type=int, default=3)
    arguments.add_argument("--keep", action="store_true", help=f"put the row into {PAGE.name}")
    parsed = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    print(f"seed {parsed.seed}: {parsed.seconds:g} s of chaos", flush=True)
    with TemporaryDirectory(prefix="chaos-") as folder:
        results = asyncio.run(
            run(
                seconds=parsed.seconds,
                seed=parsed.seed,
                nodes=parsed.nodes,
                folder=Path(folder),
                redis_program=asyncio.run(find_program()),
            )
        )
    row = run_row(results, seed=parsed.seed, seconds=parsed.seconds)
    print(faults_table(results), "", RUNS_HEAD, row, "", sep="\n")
    for result in results:
        print(f"{result.name}: {dict(result.counts)}")
    wrong = [f"{result.name}: {flaw}" for result in results for flaw in result.wrong]
    print("\n".join(wrong) or "nothing is wrong")
    if parsed.keep:
        keep(PAGE, row)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
