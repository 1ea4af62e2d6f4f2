"""The use cases of re-runs: run one job again, or many, or see how many there would be.

    one     store.get ─▶ is it over? ─▶ quotas.submit, as what it asked for, with changes
    many    store.rerunnable ─▶ store.whole ─▶ quotas.submit: one transaction, all or none

A new job is made; the old one stays as it is. A request of many leaves out what was run again, and
marks each of its jobs (`Rerun.once`): so of two requests that meet, each job is in one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from scheduler.core.access.audit import Action, AuditRecord
from scheduler.core.access.principal import Principal, Right
from scheduler.core.errors import Conflict, Flaw, Invalid, StoreUnavailable
from scheduler.core.job import Job, Rerun
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.core.rerun import ManyReruns, Reran, RerunFilter, Rerunnable, again, within
from scheduler.core.tasks import Tasks
from scheduler.service.access.audit import recorded_reruns
from scheduler.service.access.rights import no_such_job, require_job, require_uid_or_all
from scheduler.service.places import NO_ROOM, PlaceService
from scheduler.service.quotas import QuotaService, Submitted

TRIES: Final = 10
"""How often a request looks again for jobs that no other one has taken; each time one other has got
some."""


class OneRerun(NamedTuple):
    """What became of the wish to run a job again."""

    job: Job
    """The one that is to be run again."""
    submitted: Submitted | None
    """None: it is not over, and nothing was done."""


class Request(NamedTuple):
    """How a request for many re-runs came."""

    key: str | None = None
    """Its idempotency key."""
    fingerprint: str | None = None
    traceparent: str | None = None


class Reruns:
    """Runs jobs again."""

    def __init__(
        self,
        *,
        quotas: QuotaService,
        places: PlaceService,
        store: Store,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._quotas = quotas
        self._places = places
        self._store = store
        self._clock = clock
        self._tasks = tasks

    async def rerun(
        self,
        by: Principal,
        uid: str,
        job_id: str,
        *,
        changes: Mapping[str, Any],
        request: Request,
    ) -> OneRerun:
        """Run a job again that is over, with `changes` of what it asked for; see `again`.

        Raises:
            NotFound: no such job, or another user's.
            Invalid: its handler is not there any more, a hook that neither has is to be called, or
                jobs need too many different things.
            Others as `Service.submit`.
        """
        require_job(by, Right.CHANGE, uid, job_id)
        job = await self._store.get(job_id, uid=uid)
        if job is None:
            raise no_such_job(uid, job_id)
        if not job.over:
            return OneRerun(job, None)
        self._require_task(job.task)
        wanted = again(job, Rerun(job_id), changes)
        if wanted.hook is None and changes.get("hook_retries"):
            detail = "got true: there is no hook to call; allowed: only together with hook"
            raise Invalid(detail, (Flaw("/hook_retries", detail),))
        is_repeated = partial(
            self._quotas.is_repeated,
            by,
            [wanted],
            idempotency_key=request.key,
            fingerprint=request.fingerprint,
        )
        if await self._places.without_room([wanted]) and not await is_repeated():
            raise _no_room()
        audit = recorded_reruns(by, Action.RERUN, at=self._clock.now(), uid=uid, target=job_id)
        submitted = await self._quotas.submit(
            by,
            [wanted],
            idempotency_key=request.key,
            fingerprint=request.fingerprint,
            traceparent=request.traceparent,
            audit=audit,
        )
        return OneRerun(job, submitted)

    async def rerun_all(
        self, by: Principal, which: RerunFilter, *, limit: int, request: Request
    ) -> ManyReruns:
        """Run again the oldest jobs that match, up to a number and a size, all or none.

        With the key of an earlier request, the answer is what that one ran again.

        Raises:
            Forbidden: somebody may not change the jobs of this user, or of all.
            Conflict: the key was used before, with another fingerprint.
            Invalid: jobs would need too many different things.
            QuotaExceeded: a user would have too many queued jobs; nothing is stored.
            StoreUnavailable: other requests go on taking the jobs of this one.
        """
        which = self._allowed(by, which)
        key = None if request.key is None else f"{which.uid or ''}/{request.key}"
        for _ in range(TRIES):
            # In this order: what is found that an earlier request took has a re-run by then, and
            # that request is found.
            found = await self._store.rerunnable(which, limit=limit + 1)
            if key is not None and (made := await self._made(key, request.fingerprint)):
                return ManyReruns(made, more=bool(found), created=False)
            chosen = within(found, limit=limit)
            if not chosen:
                return ManyReruns((), more=False)
            reran = await self._run_again(by, chosen, which, key, request)
            if reran is not None:
                return ManyReruns(reran, more=len(found) > len(chosen))
        raise StoreUnavailable("other requests run the same jobs again; try again")

    async def preview(self, by: Principal, which: RerunFilter, *, limit: int) -> ManyReruns:
        """The jobs that `rerun_all` would run again if it took so many; nothing is changed.

        Raises:
            Forbidden: somebody may not change the jobs of this user, or of all.
        """
        found = await self._store.rerunnable(self._allowed(by, which), limit=limit + 1)
        jobs = [Reran(each.id, each.uid, None) for each in found[:limit]]
        return ManyReruns(jobs, more=len(found) > limit, created=False)

    def _allowed(self, by: Principal, which: RerunFilter) -> RerunFilter:
        """The filter with the user, where somebody acts for one, and with handlers that there are.

        Raises:
            Forbidden: somebody may not change these jobs.
        """
        uid = which.uid or by.only_uid
        require_uid_or_all(by, Right.CHANGE, uid)
        return which._replace(uid=uid, tasks=which.tasks or tuple(self._tasks))

    def _require_task(self, task: str) -> None:
        if task not in self._tasks:
            since = f"{self._tasks.loaded_at:%Y-%m-%d %H:%M:%S} UTC"
            detail = f"there is no handler {task!r}: this node loaded its handlers at {since}"
            raise Invalid(detail, (Flaw("/task", detail),))

    async def _made(self, key: str, fingerprint: str | None) -> Sequence[Reran]:
        """What a request with this key ran again before.

        Raises:
            Conflict: with another fingerprint.
        """
        made = await self._store.reruns_of_request(key)
        if any(each != fingerprint for _, each in made):
            raise Conflict("this idempotency key came with another request before")
        return [each for each, _ in made]

    async def _run_again(
        self,
        by: Principal,
        chosen: Sequence[Rerunnable],
        which: RerunFilter,
        key: str | None,
        request: Request,
    ) -> Sequence[Reran] | None:
        """Run these jobs again; None, and no effect, where another request has got some of them."""
        jobs = await self._store.whole([each.id for each in chosen])
        if not jobs:  # retention has deleted them meanwhile
            return None
        now = self._clock.now()
        wanted = [again(job, Rerun(job.id, once=True, request=key)) for job in jobs]
        if await self._places.without_room(wanted):
            raise _no_room()
        try:
            inserted, _ = await self._quotas.submit(
                by,
                wanted,
                fingerprint=request.fingerprint,
                traceparent=request.traceparent,
                audit=_recorded(by, which, len(jobs), at=now),
            )
        except Conflict:
            return None
        if not inserted.created:
            return None
        return [Reran(job.rerun_of or "", job.uid, job.id) for job in inserted.jobs]


def _no_room() -> Invalid:
    return Invalid(NO_ROOM, (Flaw("/needs", NO_ROOM),))


def _recorded(
    by: Principal, which: RerunFilter, count: int, *, at: datetime
) -> Sequence[AuditRecord]:
    """One record for all of them."""
    detail = {
        "status": sorted(which.statuses),
        "error_kind": sorted(which.error_kinds) or None,
        "since": which.since and which.since.isoformat(),
    }
    return recorded_reruns(by, Action.RERUN_ALL, at=at, uid=which.uid, count=count, detail=detail)
