"""The report of a run: a table of the faults, a line of counts, and what was wrong."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from tests.chaos.run import Result

FAULTS_HEAD: Final = "| fault | injected | recovery p50 s | max s |\n|---|--:|--:|--:|"
RUNS_HEAD: Final = (
    "| seed | seconds | faults | accepted | successful | terminated | aborted | run again"
    " | recovery p50 s | max s | wrong |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
)
RUNS: Final = re.compile(r"(?<=<!-- chaos -->\n).*(?=<!-- /chaos -->)", re.DOTALL)
"""Where the kept page has its table."""


def faults_table(results: Iterable[Result]) -> str:
    """Each kind of fault, how often it happened, and the times to recover."""
    took_s: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for fault, seconds in result.recoveries:
            took_s[fault].append(seconds)
    rows = (
        f"| {fault} | {len(each)} | {median(each):.1f} | {max(each):.1f} |"
        for fault, each in sorted(took_s.items())
    )
    return "\n".join([FAULTS_HEAD, *rows])


def run_row(results: Sequence[Result], *, seed: str, seconds: float) -> str:
    """One run in one line."""
    jobs = [job for result in results for job in result.jobs]
    took_s = [each for result in results for _, each in result.recoveries] or [0.0]
    statuses = Counter(job["status"] for job in jobs)
    cells = (
        seed,
        f"{seconds:g}",
        sum(len(result.recoveries) for result in results),
        len(jobs),
        *(statuses[status] for status in ("successful", "terminated", "aborted")),
        sum(job["attempt"] > 1 for job in jobs),
        f"{median(took_s):.1f}",
        f"{max(took_s):.1f}",
        sum(len(result.wrong) for result in results),
    )
    return f"| {' | '.join(map(str, cells))} |"


def keep(page: Path, row: str) -> None:
    """Put a run into the page's table; it replaces an earlier one with the same seed."""
    text = page.read_text("utf-8")
    (table,) = RUNS.findall(text)
    seed, _, _ = row.partition(" | ")
    others = [line for line in table.splitlines()[2:] if not line.startswith(f"{seed} | ")]
    rows = "\n".join([RUNS_HEAD, *sorted([*others, row])])
    page.write_text(RUNS.sub(lambda _: f"{rows}\n", text), "utf-8")
