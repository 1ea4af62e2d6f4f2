"""A schedule that makes a job each second of a run; its occurrences are exactly those seconds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.chaos.installation import PAUSE_S, Installation, Job

STEADY: Final = "steady"
"""The name of the schedule, of its user, and of its handler."""
PATH: Final = f"/-/schedules/{STEADY}/{STEADY}"
CREATED: Final = 201
A_SECOND: Final = timedelta(seconds=1)


class Steady:
    """The schedule of one installation."""

    def __init__(self, site: Installation) -> None:
        self._site = site
        self._begin = self._end = datetime.now(UTC)

    async def begin(self, *, seconds: float) -> None:
        """Set it, for the time of the run."""
        self._end = datetime.now(UTC) + timedelta(seconds=seconds)
        order = {
            "task": STEADY,
            "every_s": 1,
            "end_at": self._end.isoformat(),
            "misfire": "all",
            "catchup_s": 3600,
            "overlap": "allow",
        }
        answer = None
        while answer is None:
            answer = await self._site.call("PUT", PATH, order, also=CREATED)
            await asyncio.sleep(PAUSE_S)
        schedule, _ = await self._site.look(PATH)
        self._begin = datetime.fromisoformat(schedule["created_at"])

    async def is_over(self) -> bool:
        """Whether nothing of it is to come."""
        schedule, _ = await self._site.look(PATH)
        return not schedule["next"]

    def flaws(self, jobs: Sequence[Job]) -> Iterator[str]:
        """Each second that has no job, or several, and each job that has no second."""
        made = Counter(job["scheduled_for"] for job in jobs if job["schedule"] == STEADY)
        seconds = Counter(self._seconds())
        self._site.ledger.counts["occurrences"] += made.total()
        for at in sorted({*made, *seconds}):
            if made[at] != seconds[at]:
                yield f"the occurrence {at} became {made[at]} jobs instead of {seconds[at]}"

    def _seconds(self) -> Iterator[str]:
        """What a look at every second finds."""
        at = self._begin.replace(microsecond=0) + A_SECOND
        while at <= self._end:
            yield at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            at += A_SECOND


def is_scheduled(job: dict[str, Any]) -> bool:
    """Whether no client has submitted a job."""
    return job["schedule"] is not None
