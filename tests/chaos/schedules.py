"""Schedules that make a job each second of a run, and of its first ones: exactly of those."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from tests.chaos.installation import PAUSE_S, Installation, Job

STEADY: Final = "steady"
"""The name of a schedule, of its user, and of its handler."""
COUNTED: Final = "counted"
"""The name of the one that ends after so many jobs."""
REMAINING: Final = {STEADY: None, COUNTED: 15}
CREATED: Final = 201
A_SECOND: Final = timedelta(seconds=1)


class Steady:
    """The schedules of one installation."""

    def __init__(self, site: Installation) -> None:
        self._site = site
        self._begins: dict[str, datetime] = {}
        self._end = datetime.now(UTC)

    async def begin(self, *, seconds: float) -> None:
        """Set them, for the time of the run."""
        self._end = datetime.now(UTC) + timedelta(seconds=seconds)
        for name, remaining in REMAINING.items():
            order = {
                "task": STEADY,
                "every_s": 1,
                "end_at": self._end.isoformat(),
                "misfire": "all",
                "catchup_s": 3600,
                "overlap": "allow",
                "remaining": remaining,
            }
            answer = None
            while answer is None:
                answer = await self._site.call("PUT", _path(name), order, also=CREATED)
                await asyncio.sleep(PAUSE_S)
            schedule, _ = await self._site.look(_path(name))
            self._begins[name] = datetime.fromisoformat(schedule["created_at"])

    async def is_over(self) -> bool:
        """Whether nothing of them is to come."""
        found = [await self._site.look(_path(name)) for name in REMAINING]
        return not any(schedule["next"] for schedule, _ in found)

    def flaws(self, jobs: Sequence[Job]) -> Iterator[str]:
        """Each second that has no job, or several, and each job that has no second."""
        for name, remaining in REMAINING.items():
            made = Counter(job["scheduled_for"] for job in jobs if job["schedule"] == name)
            seconds = Counter(islice(self._seconds(self._begins[name]), remaining))
            self._site.ledger.counts["occurrences"] += made.total()
            for at in sorted({*made, *seconds}):
                if made[at] != seconds[at]:
                    yield f"the occurrence {at} of {name} became {made[at]} jobs, not {seconds[at]}"

    def _seconds(self, begin: datetime) -> Iterator[str]:
        """What a look at every second finds."""
        at = begin.replace(microsecond=0) + A_SECOND
        while at <= self._end:
            yield at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            at += A_SECOND


def _path(name: str) -> str:
    return f"/-/schedules/{STEADY}/{name}"


def is_scheduled(job: dict[str, Any]) -> bool:
    """Whether no client has submitted a job."""
    return job["schedule"] is not None
