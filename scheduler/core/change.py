"""What nodes tell each other of their jobs, and what follows for who watches. Pure.

A change says that something happened and little of what: the store knows that. So it is small, and
whoever hears it looks at the job. By then the job may be further, and `as_of` takes it back to what
it was. `stage` puts all that can happen to a job in one order, by which late and repeated news are
told from fresh ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from scheduler.core.job import FINAL, NOTHING_RAN, Claim, Cleanup, Job, Progress, Status


class Kind(StrEnum):
    """What a change tells."""

    QUEUED = "queued"
    """The job is new."""
    RUNNING = "running"
    """An attempt began."""
    STATUS = "status"
    """Something else about it changed: the store says what."""
    PROGRESS = "progress"
    LOG = "log"
    """It printed something."""
    GAP = "gap"
    """Changes got lost, of any jobs."""


class Change(NamedTuple):
    """A change of one job, or a gap. A tuple, since each job has some: they are made in no time."""

    kind: Kind
    job_id: str = ""
    uid: str | None = None
    """None where whoever tells it does not know."""
    attempt: int = 0
    token: int = 0
    at: datetime | None = None
    progress: Progress | None = None
    begins: int = 0
    ends: int = 0
    """Of what was printed: the place before it and the place behind it."""

    @property
    def tells_status(self) -> bool:
        """Whether a look at the job says what it is about."""
        return self.kind in {Kind.QUEUED, Kind.RUNNING, Kind.STATUS}


GAP: Final = Change(kind=Kind.GAP)


def queued(job: Job) -> Change:
    """A new job."""
    return Change(kind=Kind.QUEUED, job_id=job.id, uid=job.uid)


def running(claim: Claim, at: datetime) -> Change:
    """A new attempt."""
    return Change(
        kind=Kind.RUNNING,
        job_id=claim.id,
        uid=claim.uid,
        attempt=claim.attempt,
        token=claim.token,
        at=at,
    )


def changed(job_id: str, uid: str | None = None) -> Change:
    """Something else."""
    return Change(kind=Kind.STATUS, job_id=job_id, uid=uid)


def progressed(claim: Claim, progress: Progress) -> Change:
    """An attempt is further."""
    return Change(
        kind=Kind.PROGRESS,
        job_id=claim.id,
        uid=claim.uid,
        attempt=claim.attempt,
        token=claim.token,
        progress=progress,
    )


def printed(claim: Claim, begins: int, ends: int) -> Change:
    """An attempt, or a clean-up, printed something."""
    return Change(kind=Kind.LOG, job_id=claim.id, uid=claim.uid, begins=begins, ends=ends)


STAGES: Final = 8
"""Of one claim, at most."""
QUEUED_AGAIN: Final = 2
"""The step of a claim that holds no more, and was not the last."""
ENDED: Final = 900_000_000
"""The stage of an end, behind those of more claims than a job will ever see. Not by its token: the
claim of a clean-up would make an old end a new one."""
CLAIMED: Final = frozenset({Status.RUNNING, Status.SUCCESSFUL, Status.TERMINATED})
"""What a job is only by its last claim; it may be aborted in the queue, too."""


def stage(job: Job) -> int:
    """How far a job is in its life; grows with each thing that happens to it.

    token 0     1                                2
    queued ▶ running ▶ aborting ▶ queued again ▶ running ▶ … ▶ ended ▶ cleaned up
    """
    if job.status in FINAL:
        cleaned = job.abort is not None and job.abort.cleanup in {Cleanup.DONE, Cleanup.FAILED}
        return ENDED + cleaned
    if job.status is Status.RUNNING:
        return STAGES * job.token + (0 if job.abort is None else 1)
    return STAGES * job.token + QUEUED_AGAIN


def may_run(change: Change, told: int) -> bool:
    """Whether the attempt of a progress may still run, for all that somebody was told."""
    return told < STAGES * change.token + QUEUED_AGAIN


def as_of(change: Change, job: Job) -> Job:
    """The job as it was at a change, from what it is by now."""
    if change.kind not in {Kind.QUEUED, Kind.RUNNING}:
        return job
    return _earlier(
        job,
        Status(change.kind),
        attempt=change.attempt,
        token=change.token,
        started_at=change.at,
    )


def unseen_states(job: Job, told: int) -> Sequence[Job]:
    """What to tell of a job that stands so to somebody who was told of a stage; nothing if of this.

    All that it went through meanwhile, even if it was for a millisecond and nobody looked.
    """
    return [] if stage(job) <= told else [*_between(job, told), job]


def _between(job: Job, told: int) -> Iterator[Job]:
    """The job as it was on its way from a stage before its end."""
    if not 0 <= told < ENDED:
        return
    token, step = divmod(told, STAGES)
    if step < QUEUED_AGAIN and job.token > token and job.status in CLAIMED:
        yield _earlier(job, Status.QUEUED, attempt=job.attempt - 1, token=token, started_at=None)
    if step == 0 and (requested := _requested(job)) is not None:
        yield requested
    if stage(job) > ENDED and job.abort is not None:
        yield replace(job, abort=replace(job.abort, cleanup=Cleanup.PENDING))


def _requested(job: Job) -> Job | None:
    """An aborted job as it was when its abort was requested; None where nothing of it ran then."""
    if job.status is not Status.ABORTED or job.abort is None:
        return None
    if job.abort.death in {None, NOTHING_RAN}:
        return None
    abort = replace(job.abort, finished_at=None, death=None, cleanup=None)
    return replace(job, status=Status.RUNNING, finished_at=None, abort=abort)


def _earlier(
    job: Job, status: Status, *, attempt: int, token: int, started_at: datetime | None
) -> Job:
    """The job before its end, at its beginning or at that of an attempt."""
    return replace(
        job,
        status=status,
        attempt=attempt,
        token=token,
        node=job.node if attempt else None,
        started_at=started_at,
        finished_at=None,
        result=None,
        error=None,
        progress=None,
        abort=None,
    )


class Position(NamedTuple):
    """Where somebody is in the course of changes: all that an event's id says.

    `1764084174123-0.8192~11`: behind the change of this id, at this place of a log, and with
    the job at this stage. Only the first is always there.
    """

    change_id: str
    place: int | None = None
    stage: int | None = None

    def __str__(self) -> str:
        place = "" if self.place is None else f".{self.place}"
        return f"{self.change_id}{place}{'' if self.stage is None else f'~{self.stage}'}"


_POSITION: Final = re.compile(r"([0-9]{1,20}-[0-9]{1,20})(?:\.([0-9]{1,18}))?(?:~([0-9]{1,9}))?")
_HALF_END: Final = 2**64
"""Both halves of a change's id are below: the server refuses greater ones."""


def position(text: str) -> Position | None:
    """The position that an event's id says; None where none of ours would say this."""
    found = _POSITION.fullmatch(text)
    if found is None:
        return None
    change_id, place, at_stage = found.groups()
    if any(int(half) >= _HALF_END for half in change_id.split("-")):
        return None
    return Position(change_id, _maybe_int(place), _maybe_int(at_stage))


def _maybe_int(text: str | None) -> int | None:
    return None if text is None else int(text)
