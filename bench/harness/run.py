"""One run of a benchmark: its folder, the processes it starts, and what it was measured on.

Every process that a run starts inherits a variable in its environment. At the end, all processes
with this variable are killed.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar
from uuid import uuid4

import uvloop

from bench.jobs.counting import COUNTS
from bench.jobs.process_table import RUN_MARK, end_marked
from scheduler import __version__

T = TypeVar("T")

CORES: Final = len(os.sched_getaffinity(0))
ROOT: Final = Path(__file__).parents[2]
"""The repository."""
RESULTS: Final = ROOT / "bench" / "results"


def run(measure: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Measure in a temporary folder; afterwards kill every process that was started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` ignores it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    mark = os.environ[RUN_MARK] = uuid4().hex
    try:
        with (
            TemporaryDirectory(prefix="bench-") as folder,
            TemporaryDirectory(prefix="bench-count-") as counts,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            os.environ[COUNTS] = counts
            return runner.run(measure(Path(folder)))
    finally:
        end_marked(RUN_MARK, mark)


def end_with(main: Callable[[], int | None]) -> None:
    """Exit with the status that `main` returns, or with 130 if it was interrupted."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


def about(rounds: int) -> Mapping[str, Any]:
    """When, with what and on what machine a benchmark was measured."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scheduler": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": CORES,
        "rounds": rounds,
    }


def say(line: str) -> None:
    """Print progress to standard error: standard output is for the table."""
    print(line, file=sys.stderr, flush=True)
