"""Single aborts of C loops, on an idle node that notes what they wait for."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Final

from bench.harness.run import say
from bench.harness.stages import Mark, TimedAbort, stages_ms
from bench.ours import timed_node
from bench.ours.node import OurNode, open_node
from tests.support.eventually import eventually

ABORTS: Final = 20
"""In a round."""


async def measure_stages(
    folder: Path, *, rounds: int, aborts: int = ABORTS
) -> Sequence[Mapping[str, float]]:
    """Abort jobs one by one, after a round that does not count; the stages of each abort."""
    program = Path(timed_node.__file__)
    found = []
    async with open_node(folder / "timed", program, NODE__WORKERS=2) as node:
        for number in range(rounds + 1):
            say(f"round {number} of {rounds}: stages" if number else "warming up")
            for _ in range(aborts):
                stages = await _abort(node)
                if number:
                    found.append(stages)
    return found


async def _abort(node: OurNode) -> Mapping[str, float]:
    job = await node.start_job("loop")
    marks = node.folder / timed_node.MARKS
    marks.write_bytes(b"")
    sent_at = time.monotonic()
    sample = await node.abort(job)
    await eventually(lambda: b"ready" in marks.read_bytes(), saying="the slot has its next process")
    return stages_ms(TimedAbort(sent_at, sent_at + sample.ms / 1000), _read(marks))


def _read(marks: Path) -> Sequence[Mark]:
    lines = map(str.split, marks.read_text().splitlines())
    return sorted(((name, float(at)) for name, at in lines), key=itemgetter(1))
