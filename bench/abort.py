"""`make bench-abort`: how long an abort takes, ours and the peers', in one run.

    ours      from `DELETE` sent to 200 received, which proves that no process of the job is left
    peers     from the call until the process that ran the job is dead, seen from outside

All servers are up for the whole run and the cases take turns, round after round, so that what else
the machine does falls on all alike. Our nodes and the peers use the same Redis-compatible server.
Whatever this starts carries a variable in its environment, and is ended by it in the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import uvloop

from bench.figures import table
from bench.lineup import open_cases
from bench.page import keep
from bench.processes import RUN, end_marked
from scheduler import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.figures import Row

ROUNDS: Final = 10


async def measure(rounds: int, folder: Path) -> Sequence[Row]:
    """Start everything, and run all cases so many times; once more before, which does not count."""
    async with AsyncExitStack() as stack:
        cases = await open_cases(folder, stack)
        for number in range(rounds + 1):
            for case in cases:
                _say(f"round {number} of {rounds}: {case.row.case}" if number else "warming up")
                samples = await case.measure()
                if number:
                    case.row.rounds.append(samples)
    return [case.row for case in cases]


def main() -> None:
    """Measure, print the table, and keep the figures, also in `docs/aborts.md`."""
    arguments = argparse.ArgumentParser(prog="make bench-abort")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    parsed = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    run = os.environ[RUN] = uuid4().hex
    try:
        with (
            TemporaryDirectory(prefix="bench-") as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            rows = runner.run(measure(parsed.rounds, Path(folder)))
    finally:
        end_marked(RUN, run)
    document = {**_about(parsed.rounds), "rows": [row.figures() for row in rows]}
    print(table(document["rows"]))
    keep(document)


def _about(rounds: int) -> Mapping[str, Any]:
    """What it was measured on."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scheduler": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": len(os.sched_getaffinity(0)),
        "rounds": rounds,
    }


def _say(line: str) -> None:
    """Tell the person who waits; the table alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
