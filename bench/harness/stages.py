"""What an abort waits for, stage by stage: from the moments that a node noted to a table.

A stage begins where the one before it ends, so the stages of an abort add up to its time. One is
apart: the slot gets its next process while the abort is settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, Final, NamedTuple

from bench.harness.samples import percentile

HEAD: Final = "| until | mean ms | p50 ms | p99 ms |\n|---|--:|--:|--:|"
STAGES: Final = {
    "durable": "the request has come, and the abort is in the store",
    "told": "the attempt is told: message, watcher, a look into the store",
    "seen": "a thread has looked what the job has in `/dev/shm`",
    "gone": "the tree is stopped, killed, and seen to be gone",
    "released": "the exit status is known, channel and pipes are closed",
    "looked": "the look for escaped processes has ended",
    "logged": "the rest of the job's log is in the store",
    "settled": "the receipt is in the store",
}
"""What has happened at the end of each stage, by the node's name for that moment."""
ANSWERED: Final = "the answer has come: a change, a look into the store, HTTP"
TOTAL: Final = "all of these"
READY: Final = "beside them, since that look: the slot has its next process"
ROWS: Final = (*STAGES.values(), ANSWERED, TOTAL, READY)

Mark = tuple[str, float]
"""The name of a moment, and its time in seconds."""


class TimedAbort(NamedTuple):
    """One abort, as its client saw it: when it began and ended, by the clock of the marks."""

    sent_at: float
    answered_at: float


def stages_ms(abort: TimedAbort, marks: Sequence[Mark]) -> Mapping[str, float]:
    """How long each stage of an abort took, in milliseconds, by its row.

    Args:
        marks: of the node, by time; what others than this abort noted does not matter.
    """
    ends = [abort.sent_at]
    for moment in STAGES:
        ends.append(_next(moment, marks, after=ends[-1]))
    looked_at = ends[1 + list(STAGES).index("looked")]
    took_s = (
        *(end - begin for begin, end in pairwise([*ends, abort.answered_at])),
        abort.answered_at - abort.sent_at,
        _next("ready", marks, after=looked_at) - looked_at,
    )
    return {row: each * 1000 for row, each in zip(ROWS, took_s, strict=True)}


def figures(aborts: Sequence[Mapping[str, float]]) -> Sequence[Mapping[str, Any]]:
    """The rows: what goes into the JSON file, and into the table."""
    return [_row(row, sorted(abort[row] for abort in aborts)) for row in ROWS]


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table of the rows."""
    return "\n".join([HEAD, *map(_line, rows)])


def _next(moment: str, marks: Iterable[Mark], *, after: float) -> float:
    return next(at for name, at in marks if name == moment and at >= after)


def _row(name: str, ascending: Sequence[float]) -> Mapping[str, Any]:
    return {
        "until": name,
        "aborts": len(ascending),
        "mean": round(fmean(ascending), 2),
        "p50": round(percentile(ascending, 50), 2),
        "p99": round(percentile(ascending, 99), 2),
    }


def _line(row: Mapping[str, Any]) -> str:
    return f"| {row['until']} | {row['mean']:.2f} | {row['p50']:.2f} | {row['p99']:.2f} |"
