"""Re-runs: new jobs that ask for the same as jobs that are over. Pure.

    taken over        user, task, data, hook, and of the order all but the times and what it came
                      after: priority, start_within_s, max_attempts, hook_retries, needs, group
    not taken over    parent, run_at and delay_s, trace: why, when and by whom the first one was
                      submitted

What is taken over may be replaced, but for the user and the task. The job that is run again stays
as it is: a final status never changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from scheduler.core.job import AT_ONCE, FailureKind, Job, JobRequest, Order, Rerun, Status

RERUNS_MAX: Final = 1000
"""How many jobs one request runs again: as many as it could submit, and in one transaction."""
COUNTED_MAX: Final = 10_000
"""How many a dry run counts."""
BYTES_MAX: Final = 8 * 1024 * 1024
"""One request takes no more jobs once their data and results together pass this, so that it holds
no more memory than a page of a list does."""


LEFT_OUT: Final = frozenset({"run_at", "delay_s", "ref", "after", "after_if"})
"""What of the order of a job its re-run has not."""


class RerunFilter(NamedTuple):
    """Which of the jobs that are over; what is None or empty selects nothing."""

    uid: str | None = None
    tasks: Collection[str] = ()
    """Names of handlers; a job of another one is left out."""
    statuses: Collection[Status] = (Status.TERMINATED,)
    error_kinds: Collection[FailureKind] = ()
    since: datetime | None = None
    """Those that ended from this instant on."""


class Rerunnable(NamedTuple):
    """A job that can be run again."""

    id: str
    uid: str
    bytes: int
    """The size of its data and result."""


class Reran(NamedTuple):
    """A job that was run again."""

    of: str
    """Its id."""
    uid: str
    id: str | None
    """The id of the new job; None where it would be run again only."""


class ManyReruns(NamedTuple):
    """The jobs that one request ran again, or would."""

    jobs: Sequence[Reran]
    """Oldest first."""
    more: bool
    """Whether further jobs match."""
    created: bool = True
    """False: an earlier request with the same key ran them again."""


def within(found: Sequence[Rerunnable], *, limit: int) -> Sequence[Rerunnable]:
    """The first of these jobs, up to a number and to `BYTES_MAX`, but at least one."""
    taken: list[Rerunnable] = []
    size = 0
    for job in found[:limit]:
        size += job.bytes
        if taken and size > BYTES_MAX:
            break
        taken.append(job)
    return taken


def again(job: Job, rerun: Rerun, changes: Mapping[str, Any] | None = None) -> JobRequest:
    """What a re-run of a job asks for.

    Args:
        job: what is run again.
        rerun: how it is asked for.
        changes: fields of a submission, or of its order, that it has instead of the job's.
    """
    wanted = dict(changes or {})
    kept = {name: getattr(job, name) for name in Order.__slots__ if name not in LEFT_OUT}
    order = Order(**kept | {name: wanted.pop(name) for name in Order.__slots__ if name in wanted})
    fields = {**job.submitted(), "parent": None} | wanted
    if fields["hook"] is None:
        order = replace(order, hook_retries=False)
    return JobRequest(
        **fields,
        order=AT_ONCE if order == AT_ONCE else order,
        rerun=rerun,
        came_after=job.after,
    )
