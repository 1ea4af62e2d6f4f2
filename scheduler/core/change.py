"""Changes: what nodes tell each other about jobs, and what followers of a job are sent. Pure.

A change says that something happened, and little about what: the store has the rest. So a change is
small, and whoever receives one reads the job from the store. By then the job may have moved on:
`as_of` gives the job as it was at the change. `stage` puts all that can happen to a job in one
order, so that late and repeated changes can be told from new ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from scheduler.core.job import (
    FINAL,
    NOT_TRIED,
    NOTHING_RAN,
    Abort,
    Claim,
    Cleanup,
    Job,
    Progress,
    Purpose,
    Status,
)


class ChangeKind(StrEnum):
    """What a change is about."""

    QUEUED = "queued"
    """The job is new."""
    RUNNING = "running"
    """An attempt began."""
    STATUS = "status"
    """Something else about the job changed: the store has it."""
    PROGRESS = "progress"
    LOG = "log"
    """The job printed something."""
    GAP = "gap"
    """Changes of any jobs were lost."""


class Change(NamedTuple):
    """A change of one job, or a gap. A tuple, since each job makes several, and fast."""

    kind: ChangeKind
    job_id: str = ""
    uid: str | None = None
    """None where the sender does not know it."""
    attempt: int = 0
    token: int = 0
    at: datetime | None = None
    progress: Progress | None = None
    start_offset: int = 0
    end_offset: int = 0
    """Of a log: the offsets in bytes before and after what was printed."""

    @property
    def is_status_change(self) -> bool:
        """Whether the job as the store has it shows this change."""
        return self.kind in {ChangeKind.QUEUED, ChangeKind.RUNNING, ChangeKind.STATUS}


GAP: Final = Change(kind=ChangeKind.GAP)


def queued(job: Job) -> Change:
    """The change for a new job."""
    return Change(kind=ChangeKind.QUEUED, job_id=job.id, uid=job.uid)


def running(claim: Claim, at: datetime) -> Change:
    """The change for a new attempt."""
    return Change(
        kind=ChangeKind.RUNNING,
        job_id=claim.id,
        uid=claim.uid,
        attempt=claim.attempt,
        token=claim.token,
        at=at,
    )


def claimed(claim: Claim, at: datetime) -> Change | None:
    """The change for a claim; None for the first try of a clean-up, which is no news."""
    if claim.purpose is Purpose.RUN:
        return running(claim, at)
    return changed(claim.id, claim.uid) if claim.cleanup_tries else None


def changed(job_id: str, uid: str | None = None) -> Change:
    """The change for anything else about a job."""
    return Change(kind=ChangeKind.STATUS, job_id=job_id, uid=uid)


def progressed(claim: Claim, progress: Progress) -> Change:
    """The change for new progress of an attempt."""
    return Change(
        kind=ChangeKind.PROGRESS,
        job_id=claim.id,
        uid=claim.uid,
        attempt=claim.attempt,
        token=claim.token,
        progress=progress,
    )


def printed(claim: Claim, start_offset: int, end_offset: int) -> Change:
    """The change for output of an attempt or a clean-up, between two offsets in the log."""
    return Change(
        kind=ChangeKind.LOG,
        job_id=claim.id,
        uid=claim.uid,
        start_offset=start_offset,
        end_offset=end_offset,
    )


STAGES: Final = 1000
"""The most stages that one claim can have: most are changes of when the queued job may run."""
QUEUED_AGAIN: Final = 2
"""The step within a claim once the job was queued again."""
ENDED: Final = 900_000_000
"""The stage of an end: greater than the stages of 900,000 claims, which no job ever has. Not
computed from the token, which grows with the claim of a clean-up: an old end would look new."""
UNDONE: Final = 1000
"""How far beyond `ENDED` the end of a clean-up is: farther than that of any of its tries."""
CLAIMED: Final = frozenset({Status.RUNNING, Status.SUCCESSFUL, Status.TERMINATED})
"""Statuses that a job has only after a claim; an aborted job may never have been claimed."""


def stage(job: Job) -> int:
    """How far a job is in its life; grows with each thing that happens to it.

    token 0     1                                2
    queued ▶ running ▶ aborting ▶ queued again ▶ running ▶ … ▶ ended ▶ tries ▶ cleaned up

    While it is queued, with each revision.
    """
    if job.status in FINAL:
        return ENDED + (0 if job.abort is None else _cleanup_step(job, job.abort))
    if job.status is Status.RUNNING:
        return STAGES * job.token + (0 if job.abort is None else 1)
    return STAGES * job.token + min(QUEUED_AGAIN + job.revision, STAGES - 1)


def _cleanup_step(job: Job, abort: Abort) -> int:
    """How far the clean-up of an aborted job is: its tries count, each repetition twice.

    The beginning of the first try does not: it follows the abort at once.
    """
    if abort.cleanup in {Cleanup.DONE, Cleanup.FAILED}:
        return UNDONE
    ended = abort.tries.ended
    return 2 * ended + (ended > 0 and job.owner is not None)


def may_run(change: Change, last_stage: int) -> bool:
    """Whether the attempt of a progress may still run, for a follower who saw `last_stage`."""
    return last_stage < STAGES * change.token + QUEUED_AGAIN


def as_of(change: Change, job: Job) -> Job:
    """The job as it was at a change, made from the job as it is now."""
    if change.kind not in {ChangeKind.QUEUED, ChangeKind.RUNNING}:
        return job
    if change.kind is ChangeKind.QUEUED and (job.status, job.token) == (Status.QUEUED, 0):
        return job  # with what it waits for
    return _earlier(
        job,
        Status(change.kind),
        attempt=change.attempt,
        token=change.token,
        started_at=change.at,
    )


def unseen_states(job: Job, last_stage: int) -> Sequence[Job]:
    """The states to send to a follower who last saw `last_stage`; none if that is this one.

    All states in between, too, even one that lasted a millisecond and that nobody read.
    """
    return [] if stage(job) <= last_stage else [*_between(job, last_stage), job]


def _between(job: Job, last_stage: int) -> Iterator[Job]:
    """The states between `last_stage` and the job as it is now."""
    if not 0 <= last_stage < ENDED:
        return
    token, step = divmod(last_stage, STAGES)
    if step < QUEUED_AGAIN and job.token > token and job.status in CLAIMED:
        yield _earlier(job, Status.QUEUED, attempt=job.attempt - 1, token=token, started_at=None)
    if step == 0 and (requested := _requested(job)) is not None:
        yield requested
    if stage(job) > ENDED and job.abort is not None:
        pending = replace(job.abort, cleanup=Cleanup.PENDING, tries=NOT_TRIED)
        yield replace(job, owner=None, abort=pending)


def _requested(job: Job) -> Job | None:
    """An aborted job as it was when its abort was requested; None where it was not running then."""
    if job.status is not Status.ABORTED or job.abort is None:
        return None
    if job.abort.death in {None, NOTHING_RAN}:
        return None
    abort = replace(job.abort, finished_at=None, death=None, cleanup=None)
    return replace(job, status=Status.RUNNING, finished_at=None, abort=abort)


def _earlier(
    job: Job, status: Status, *, attempt: int, token: int, started_at: datetime | None
) -> Job:
    """The job as it was before its end: queued, or at the start of an attempt."""
    last = attempt if started_at is None else attempt - 1
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
        hold=None,
        past=tuple(each for each in job.past if each.number <= last),
        revision=0,
    )


class Position(NamedTuple):
    """How far a follower has read the changes; the id of an event is this as text.

    `1764084174123-0.8192~11`: after the change with this id, at this offset of the log, and with
    the job at this stage. Only the first part is always there.
    """

    change_id: str
    offset: int | None = None
    stage: int | None = None

    def __str__(self) -> str:
        offset = "" if self.offset is None else f".{self.offset}"
        return f"{self.change_id}{offset}{'' if self.stage is None else f'~{self.stage}'}"


_POSITION: Final = re.compile(r"([0-9]{1,20}-[0-9]{1,20})(?:\.([0-9]{1,18}))?(?:~([0-9]{1,9}))?")
_HALF_END: Final = 2**64
"""Both halves of a change's id are smaller: the server refuses greater ones."""


def position(text: str) -> Position | None:
    """The position that an event's id stands for; None where the text is no id of ours."""
    found = _POSITION.fullmatch(text)
    if found is None:
        return None
    change_id, offset, at_stage = found.groups()
    if any(int(half) >= _HALF_END for half in change_id.split("-")):
        return None
    return Position(change_id, _maybe_int(offset), _maybe_int(at_stage))


def _maybe_int(text: str | None) -> int | None:
    return None if text is None else int(text)
