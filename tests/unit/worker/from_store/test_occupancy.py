"""What users of long and of short jobs get of the slots, in simulated time."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from typing import Final

import pytest

from scheduler.core.job import WaitingJob
from scheduler.core.ports.queue import Share
from tests.fakes.lines import Lines

SLOTS: Final = 12
FOR_S: Final = 400.0
DURATIONS_S: Final = {"long": 10.0, "short": 0.1, "middle": 1.0, "also-long": 10.0}


def occupied(weights: dict[str, float]) -> dict[str, float]:
    """How many slots each user had on average, where all have enough jobs that wait."""
    lines, begun = Lines(), Counter[str]()
    had_s = dict.fromkeys(DURATIONS_S, 0.0)
    lines.share_of = lambda uid: Share(weights.get(uid, 1.0))
    lines.add([WaitingJob(f"{uid}/{each}", uid, each) for uid in DURATIONS_S for each in (0, 1)])
    ends: list[tuple[float, str]] = [(0.0, "")] * SLOTS
    while ends[0][0] < FOR_S:
        now, ended = heappop(ends)
        if ended:
            lines.end("node", ended)
        (job_id,) = lines.take("node", 1)
        uid = job_id.partition("/")[0]
        begun[uid] += 1
        lines.add([WaitingJob(f"{uid}/{begun[uid] + 1}", uid, begun[uid] + 1)])
        had_s[uid] += min(DURATIONS_S[uid], FOR_S - now)
        heappush(ends, (now + DURATIONS_S[uid], job_id))
    return {uid: had_s[uid] / FOR_S for uid in DURATIONS_S}


def jain(shares: list[float]) -> float:
    """Jain's index: 1 where all are equal, 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(each**2 for each in shares))


def test_users_of_long_and_of_short_jobs_get_as_many_slots() -> None:
    """By turns alone, who has long jobs would have a hundred times as much as others."""
    assert jain(list(occupied({}).values())) >= 0.95


@pytest.mark.parametrize("weights", [{"long": 3.0}, {"short": 3.0}])
def test_a_weight_is_a_share_of_the_slots(weights: dict[str, float]) -> None:
    """Of 12 slots, weights 3, 1, 1 and 1 get 6, 2, 2 and 2."""
    shares = occupied(weights)
    by_weight = [share / weights.get(uid, 1.0) for uid, share in shares.items()]
    assert jain(by_weight) >= 0.95
