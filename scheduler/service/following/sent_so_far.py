"""What followers of many jobs were sent: so that no status comes twice, or after a later one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from scheduler.core.change import Change, may_run, stage, unseen_states
from scheduler.core.job import Job


class SentSoFar:
    """The last stage and log offset of each job, of as many jobs as fit."""

    def __init__(self, jobs_max: int) -> None:
        self._jobs_max = jobs_max
        self._stages: OrderedDict[str, int] = OrderedDict()
        self._printed: OrderedDict[str, int] = OrderedDict()

    def unseen(self, job: Job) -> Sequence[Job]:
        """The states of the job that were not sent yet; from now on they count as sent."""
        unseen = unseen_states(job, self._stages.get(job.id, -1))
        self.status(job)
        return unseen

    def status(self, job: Job) -> bool:
        """Whether this state was not sent yet; from now on it counts as sent."""
        return self._advance(self._stages, job.id, stage(job))

    def progress(self, change: Change) -> bool:
        """Whether the attempt may still be running, going by what was sent."""
        return may_run(change, self._stages.get(change.job_id, 0))

    def printed(self, change: Change) -> bool:
        """Whether these lines were not sent yet; from now on they count as sent."""
        return self._advance(self._printed, change.job_id, change.end_offset)

    def _advance(self, known: OrderedDict[str, int], job_id: str, value: int) -> bool:
        """Raise a job's value, if this one is greater; the job unchanged for longest is dropped."""
        if value <= known.get(job_id, -1):
            return False
        known[job_id] = value
        known.move_to_end(job_id)
        if len(known) > self._jobs_max:
            known.popitem(last=False)
        return True
