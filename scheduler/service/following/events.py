"""The events that clients follow; `event_feed` and `job_follower` make them from the change feed.

    EventFeed.of_jobs     all jobs, or one user's   each change, from now on or after a position
    JobFollower.events    one job                   its current state, each change, until its end

Each event carries the position after it: a client that reconnects with this position is sent what
came after. No status is sent twice, or after a later one. `JobFollower` also reads its job from the
store now and then, so that a lost change arrives late, but arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scheduler.core.change import Change, Position
from scheduler.core.job import Job
from scheduler.core.job_log import Line

UNKNOWN_CHANGE: Final = "0-0"
"""The position of a client that began while the queue was away: what came after it is unknown."""


@dataclass(slots=True, eq=False)
class StatusEvent:
    """The state of a job."""

    position: Position
    job: Job
    text: bytes | None = None
    """What clients are sent: made once, by the first one who sends it, for all clients."""


@dataclass(slots=True, eq=False)
class ProgressEvent:
    """The progress of a job."""

    position: Position
    change: Change
    text: bytes | None = None


@dataclass(slots=True, eq=False)
class LineEvent:
    """A job printed a line."""

    position: Position
    job_id: str
    uid: str
    line: Line
    text: bytes | None = None


@dataclass(slots=True, eq=False)
class ResetEvent:
    """Changes were lost: the client must read again what it follows."""

    position: Position
    text: bytes | None = None


Event = StatusEvent | ProgressEvent | LineEvent | ResetEvent
