"""One run of a benchmark: what it starts is ended with it, and what it says of itself.

Whatever is started carries a variable in its environment, and is ended by it in the end.
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

from bench.jobs.counting import FOLDER
from bench.jobs.process_table import RUN, end_marked
from scheduler import __version__

T = TypeVar("T")

CORES: Final = len(os.sched_getaffinity(0))
RESULTS: Final = Path(__file__).parents[1] / "results"


def run(measure: Callable[[Path], Coroutine[Any, Any, T]]) -> T:
    """Measure in a folder that is gone afterwards, as is all that was started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    mark = os.environ[RUN] = uuid4().hex
    try:
        with (
            TemporaryDirectory(prefix="bench-") as folder,
            TemporaryDirectory(prefix="bench-count-") as counts,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            os.environ[FOLDER] = counts
            return runner.run(measure(Path(folder)))
    finally:
        end_marked(RUN, mark)


def end_with(main: Callable[[], int | None]) -> None:
    """Exit with what `main` answers; as a shell expects where it was interrupted."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


def about(rounds: int) -> Mapping[str, Any]:
    """What it was measured on."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scheduler": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": CORES,
        "rounds": rounds,
    }


def say(line: str) -> None:
    """Tell the person who waits; the table alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)
