"""`make bench`: how fast jobs are taken and worked off, ours and the peers', in one run.

All cases take turns, round after round, so that what else the machine does falls on all alike;
what counts are the ratios. Ours is durable in every figure: `synchronous=FULL`, claims, tokens and
watchers are on. `--check` compares the ratios with those that are kept, and fails where one lost a
quarter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import uuid4

import uvloop

from bench import draining, submitting
from bench.counting import FOLDER
from bench.ours import open_node
from bench.processes import RUN, end_marked
from bench.rates import Series, losses, ratios, table, write
from bench.servers import open_redis
from scheduler import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bench.ours import Ours

ROUNDS: Final = 3
RESULTS: Final = Path(__file__).parent / "results" / "speed.json"
CORES: Final = len(os.sched_getaffinity(0))
WORKERS: Final = 16
"""Of our node for no-op jobs, its best; the peers' best is one worker a core."""
PEERS: Final = {
    "huey": 8000,
    "taskiq": 8000,
    "saq": 4000,
    "celery": 2000,
    "dramatiq": 1000,
    "rq": 60,
}
"""With how many jobs each drains for some seconds."""
JOBS: Final = 8000
SHORT_MS: Final = 10.0
SHORT_JOBS: Final = 300
CONNECTIONS: Final = 32


class Case(NamedTuple):
    """A row, and what one round of it does."""

    series: Series
    measure: Callable[[], Awaitable[float]]


async def open_cases(folder: Path, stack: AsyncExitStack) -> Sequence[Case]:
    """Start all that is measured, for as long as the stack holds it."""
    redis_url = await stack.enter_async_context(open_redis(folder))
    bare = await stack.enter_async_context(submitting.open_bare())

    async def node(name: str, workers: int) -> Ours:
        return await stack.enter_async_context(open_node(folder / name, NODE__WORKERS=workers))

    wide, narrow = await node("wide", WORKERS), await node("narrow", 2 * CORES)
    return [*_drains(wide, redis_url), *_short(narrow, redis_url), *_submits(narrow, bare)]


def _drains(node: Ours, redis_url: str) -> Sequence[Case]:
    of = partial(Series, measure="no-op jobs", unit="jobs/s")
    return [
        Case(of(case="ours", ours=True), partial(draining.ours, node, jobs=JOBS)),
        *(
            Case(
                of(case=name),
                partial(draining.peer, name, jobs=jobs, redis_url=redis_url, workers=CORES),
            )
            for name, jobs in PEERS.items()
        ),
    ]


def _short(node: Ours, redis_url: str) -> Sequence[Case]:
    of = partial(Series, measure=f"{SHORT_MS:g} ms jobs", unit="jobs/s")
    ours = partial(draining.ours, node, jobs=SHORT_JOBS, ms=SHORT_MS)
    celery = partial(draining.peer, "celery", redis_url=redis_url, workers=CORES)
    return [
        Case(of(case="ours", ours=True), ours),
        Case(of(case="celery"), partial(celery, jobs=SHORT_JOBS, ms=SHORT_MS)),
    ]


def _submits(node: Ours, bare: str) -> Sequence[Case]:
    single = partial(Series, measure=f"single submits, {CONNECTIONS} connections", unit="jobs/s")
    start = partial(Series, measure="submit to start, idle", unit="ms")
    return [
        *(
            Case(start(case=f"ours, p{percent}"), partial(submitting.start_ms, node, percent))
            for percent in (50, 99)
        ),
        Case(
            single(case="ours", ours=True),
            partial(submitting.single, node, connections=CONNECTIONS),
        ),
        Case(
            single(case="bare aiohttp"),
            partial(submitting.requests, bare, connections=CONNECTIONS),
        ),
        Case(
            Series(measure="bulk submits", case="ours", unit="jobs/s"),
            partial(submitting.bulk, node),
        ),
    ]


async def measure(rounds: int, folder: Path) -> Sequence[Series]:
    """Start everything, and run all cases in turn; once more before, which does not count."""
    async with AsyncExitStack() as stack:
        cases = await open_cases(folder, stack)
        for number in range(rounds + 1):
            for case in cases:
                value = await case.measure()
                of = f"{case.series.measure}, {case.series.case}"
                _say(f"round {number} of {rounds}: {of}: {value:,.6g}")
                if number:
                    case.series.values.append(value)
    return [case.series for case in cases]


def main() -> int:
    """Measure, print the table, and keep the figures or compare them; the exit status."""
    arguments = argparse.ArgumentParser(prog="make bench")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--check", action="store_true", help="compare, and keep nothing")
    parsed = arguments.parse_args()
    found = _run(parsed.rounds)
    print(table(found))
    if not parsed.check:
        write(parsed.out, found, _about(parsed.rounds))
        return 0
    lost = losses(json.loads(parsed.out.read_text())["ratios"], ratios(found))
    for each in lost:
        _say(f"lost a quarter or more: {each}")
    return 1 if lost else 0


def _run(rounds: int) -> Sequence[Series]:
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    run = os.environ[RUN] = uuid4().hex
    try:
        with (
            TemporaryDirectory(prefix="bench-") as folder,
            TemporaryDirectory(prefix="bench-count-") as counts,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            os.environ[FOLDER] = counts
            return runner.run(measure(rounds, Path(folder)))
    finally:
        end_marked(RUN, run)


def _about(rounds: int) -> Mapping[str, Any]:
    """What it was measured on."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scheduler": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": CORES,
        "rounds": rounds,
    }


def _say(line: str) -> None:
    """Tell the person who waits; the table alone goes to standard output."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
