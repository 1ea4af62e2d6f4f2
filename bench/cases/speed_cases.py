"""The cases of `make bench`: what is measured, and who takes part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.cases import speed_drain, speed_start, speed_submit
from bench.cases.speed_setup import Setup
from bench.harness.rounds import Case
from bench.harness.run import CORES
from bench.harness.series import Series, States

WORKERS: Final = (8, 16, 32)
"""Of our node, for no-op jobs: with more workers, more jobs share each commit."""
PROCESSES: Final = (1, CORES, 2 * CORES)
"""Of a peer, for no-op jobs."""
COMPUTING_WORKERS: Final = (CORES, 2 * CORES, 4 * CORES)
COMPUTING_PROCESSES: Final = (CORES, 2 * CORES)
"""The same for jobs that compute: workers of our node, processes of a peer."""
NOOPS: Final = {
    "pgqueuer": 20_000,
    "chancy": 30_000,
    "procrastinate": 1000,
    "saq": 4000,
    "arq": 3000,
    "celery": 2000,
    "rq": 100,
    "huey": 8000,
    "taskiq": 8000,
    "dramatiq": 8000,
}
"""How many jobs each peer gets: as many as it drains in some seconds.

Chancy stores what became of its jobs once a second. With jobs for less than several seconds, most
would have run before it stores anything.
"""
OUR_NOOPS: Final = 8000
COMPUTING: Final = {1: 3000, 10: 400, 100: 60}
"""The number of jobs, by the milliseconds that each computes."""
COMPUTERS: Final = ("huey", "celery")
"""A fast peer with a process for each core, and the best known one."""
STARTERS: Final = ("pgqueuer", "chancy", "saq", "celery", "rq", "huey", "taskiq")
CONNECTIONS: Final = (1, 32, 256)
FRONT_END: Final = "front end on celery"
BARE: Final = "bare aiohttp"
STATES: Final = {
    **dict.fromkeys(("ours", "pgqueuer", "chancy", "procrastinate", FRONT_END), States.ON_DISK),
    **dict.fromkeys(("saq", "arq", "celery", "rq"), States.IN_MEMORY),
    **dict.fromkeys(("huey", "taskiq", "dramatiq", BARE), States.NOWHERE),
}
"""Where each of them stores the states of jobs."""


def all_cases(setup: Setup) -> Sequence[Case]:
    """All cases, in the order of the table."""
    return [
        *_noops(setup),
        *(case for ms, jobs in COMPUTING.items() for case in _computing(setup, ms, jobs)),
        *_starts(setup),
        *(case for connections in CONNECTIONS for case in _singles(setup, connections)),
        Case(
            [_series(measure="bulk submits", unit="jobs/s", case="ours")],
            partial(speed_submit.bulk, setup),
            (1,),
        ),
    ]


def _noops(setup: Setup) -> Sequence[Case]:
    of = partial(_series, measure="no-op jobs", unit="jobs/s")
    return [
        Case(
            [of(case="ours", ours=True)], partial(speed_drain.ours, setup, jobs=OUR_NOOPS), WORKERS
        ),
        *(
            Case([of(case=name)], partial(speed_drain.peer, setup, name, jobs=jobs), PROCESSES)
            for name, jobs in NOOPS.items()
        ),
    ]


def _computing(setup: Setup, ms: int, jobs: int) -> Sequence[Case]:
    of = partial(_series, measure=f"{ms} ms jobs", unit="% of the cores")
    ours = partial(speed_drain.ours, setup, jobs=jobs, ms=ms)
    peer = partial(speed_drain.peer, setup, jobs=jobs, ms=ms)
    percent = ms / 1000 / CORES * 100
    return [
        Case([of(case="ours", ours=True)], ours, COMPUTING_WORKERS, percent),
        *(
            Case([of(case=name)], partial(peer, name), COMPUTING_PROCESSES, percent)
            for name in COMPUTERS
        ),
    ]


def _starts(setup: Setup) -> Sequence[Case]:
    idle, loaded = partial(_percentiles, "idle"), partial(_percentiles, "loaded")
    return [
        Case(idle("ours"), partial(speed_start.ours, setup), (2 * CORES,), 1000),
        *(
            Case(idle(name), partial(speed_start.peer, setup, name), (CORES,), 1000)
            for name in STARTERS
        ),
        Case(loaded("ours"), partial(speed_start.loaded, setup), (2 * CORES,), 1000),
    ]


def _percentiles(when: str, case: str) -> Sequence[Series]:
    """Only the median is compared: the 99th percentile depends on a few jobs, by chance."""
    of = partial(_series, case=case, unit="ms")
    return [
        of(measure=f"submit to start, {when}, p{percent}", ours=(case, percent) == ("ours", 50))
        for percent in speed_start.PERCENTS
    ]


def _singles(setup: Setup, connections: int) -> Sequence[Case]:
    of = partial(_series, measure=f"single submits, {connections} connections", unit="jobs/s")
    return [
        Case(
            [of(case="ours", ours=True)],
            partial(speed_submit.ours, setup, connections=connections),
            (1,),
        ),
        Case(
            [of(case=FRONT_END)],
            partial(speed_submit.front_end, setup, connections=connections),
            (1, CORES),
        ),
        Case([of(case=BARE)], partial(speed_submit.bare, connections=connections), (1,)),
    ]


def _series(*, measure: str, case: str, unit: str, ours: bool = False) -> Series:
    return Series(measure=measure, case=case, unit=unit, ours=ours, states=STATES[case])
