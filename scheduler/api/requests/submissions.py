"""From a JSON value to the jobs to submit: all of them valid, or every flaw named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import orjson

from scheduler.api.requests.checking import FLAWS_MAX, checked, choice, refusal, shown
from scheduler.api.requests.models import NewJob
from scheduler.api.requests.order_fields import UniqueOrder
from scheduler.core.dependencies.declaration import EDGES_MAX, REF
from scheduler.core.errors import Flaw, Invalid, TooLarge
from scheduler.core.job import AT_ONCE, JobRequest, JsonText, Order, Unique
from scheduler.core.tasks import Tasks

DATA_LEVELS_MAX: Final = 254
"""How deep `data` may nest: orjson reads 1,024 levels and writes 254."""
TASKS_LISTED_MAX: Final = 50


class Intake:
    """The jobs of one request, taken one by one: checked, written as text, and let go."""

    def __init__(
        self,
        *,
        tasks: Tasks,
        data_bytes_max: int,
        only_uid: str | None,
        several: bool,
        digested: bool,
    ) -> None:
        """How the jobs are checked.

        Args:
            tasks: the handlers.
            data_bytes_max: limit for the data of one job as JSON.
            only_uid: the user of jobs that name none; None: each must name one.
            several: whether the body is an array.
            digested: whether a fingerprint is wanted, which costs as much as the check.
        """
        self.submissions: list[JobRequest] = []
        self._tasks = tasks
        self._data_bytes_max = data_bytes_max
        self._only_uid = only_uid
        self.several = several
        self._digest = sha256(b"array" if several else b"object") if digested else None
        self._flaws: list[Flaw] = []
        self._unique: dict[tuple[str, str, str], str] = {}
        """The position of the job with each unique key."""
        self._taken = 0
        self._refs: dict[str, _Named] = {}
        self._edges = 0

    def take(self, body: object) -> bool:
        """Take the next job; False once enough is wrong, so that no more is looked at.

        Raises:
            TooLarge: its data are longer than `data_bytes_max` as JSON.
        """
        pointer = f"/{self._taken}" if self.several else ""
        self._taken += 1
        try:
            job = self._checked_job(body, pointer)
            self._check_order(job, pointer)
            if not self._flaws:
                self._keep(job, pointer)
        except Invalid as invalid:
            self._flaws += invalid.flaws
            if isinstance(body, dict) and isinstance(ref := body.get("ref"), str):
                self._refs.setdefault(ref, _Named(pointer, None))
        return len(self._flaws) < FLAWS_MAX

    def require_sound(self) -> None:
        """Go on only if nothing is wrong.

        Raises:
            Invalid: lists each flaw with its position.
        """
        if self._flaws:
            raise refusal(self._flaws)

    @property
    def fingerprint(self) -> str | None:
        """A digest of what the request asks for, independent of its order of keys and white space.

        Without the parent, which says who asks: the same request by another job is still the same.
        """
        return None if self._digest is None else self._digest.hexdigest()

    def _checked_job(self, body: object, pointer: str) -> NewJob:
        if not isinstance(body, dict):
            raise refusal([Flaw(pointer, f"got {shown(body)}; allowed: a job as a JSON object")])
        if self._only_uid is not None:
            body = {"uid": self._only_uid, **body}
        job = checked(NewJob, body, prefix=f"{pointer}/")
        if job.task not in self._tasks:
            raise refusal([unknown_task(job.task, self._tasks, pointer)])
        if job.unique is not None:
            name = (job.uid, job.task, job.unique.key)
            if (other := self._unique.setdefault(name, pointer)) != pointer:
                detail = f"the job at {other} has this key, too; allowed: each key once"
                raise refusal([Flaw(f"{pointer}/unique/key", detail)])
        return job

    def _check_order(self, job: NewJob, pointer: str) -> None:
        """Go on only if the refs of a job are of jobs before it, and its own is of no other.

        So no job can wait for itself, in however many steps.
        """
        flaws = list[Flaw]()
        for number, name in enumerate(job.after):
            if name.startswith(REF):
                named = self._refs.get(name.removeprefix(REF))
                flaws += _of_ref(name, named, job, f"{pointer}/after/{number}")
        self._edges += len(job.after)
        if self._edges > EDGES_MAX:
            detail = f"with it, the jobs of this request wait for {self._edges} jobs"
            flaws.append(Flaw(f"{pointer}/after", f"{detail}; allowed: {EDGES_MAX} in all"))
        if job.ref is not None and (other := self._refs.get(job.ref)) is not None:
            detail = f"got {shown(job.ref)}, which is the ref of {other.pointer or '/'} already"
            flaws.append(Flaw(f"{pointer}/ref", f"{detail}; allowed: one for each job"))
        elif job.ref is not None:
            self._refs[job.ref] = _Named(pointer, job.uid)
        if flaws:
            raise refusal(flaws)

    def without_predecessors(self, missing: Collection[str]) -> Invalid:
        """The refusal of a request whose jobs are to wait for some that are not there."""
        flaws = [
            Flaw(
                f"{f'/{index}' if self.several else ''}/after/{number}",
                f"the user {shown(job.uid)} has no job {name}; allowed: ids of his jobs, and refs "
                "of jobs before it in the same request behind a #",
            )
            for index, job in enumerate(self.submissions)
            for number, name in enumerate(job.order.after)
            if name in missing
        ]
        return refusal(flaws[:FLAWS_MAX])

    def _keep(self, job: NewJob, pointer: str) -> None:
        self.submissions.append(
            submission(job, pointer=pointer, data_bytes_max=self._data_bytes_max)
        )
        if self._digest is not None:
            self._digest.update(orjson.dumps([job.uid, job.task, job.hook]))
            self._digest.update(orjson.dumps(job.data, option=orjson.OPT_SORT_KEYS))
            if (order := job.order) != AT_ONCE:  # else the digest of earlier versions
                self._digest.update(orjson.dumps(_chosen(order)))
            if job.unique is not None:
                self._digest.update(orjson.dumps([job.unique.key, job.unique.on_conflict]))


class _Named(NamedTuple):
    """A job that others of the request may name."""

    pointer: str
    uid: str | None
    """None where the job itself is not valid: then nobody is told of what follows from that."""


def _of_ref(name: str, named: _Named | None, job: NewJob, pointer: str) -> Sequence[Flaw]:
    """What is wrong with a ref that a job waits for."""
    if named is None:
        detail = f"there is no job with the ref {shown(name.removeprefix(REF))} before this one"
        return [Flaw(pointer, f"{detail} in the request; allowed: refs of those before it")]
    if named.uid not in {None, job.uid}:
        detail = f"{shown(name)} is a job of {shown(named.uid)}"
        return [Flaw(pointer, f"{detail}; allowed: jobs of {shown(job.uid)}")]
    return []


def require_number(number: int, bulk_jobs_max: int, *, more: bool = False) -> None:
    """Go on only if an array has 1 to `bulk_jobs_max` jobs.

    Raises:
        Invalid: it has not; with `more`, the number is only how many were seen.
    """
    if not 1 <= number <= bulk_jobs_max:
        shown_number = f"more than {bulk_jobs_max}" if more else number
        raise refusal([Flaw("", f"got {shown_number} jobs; allowed: 1 to {bulk_jobs_max}")])


def submission(job: NewJob, *, pointer: str, data_bytes_max: int) -> JobRequest:
    """A valid job as the service takes it, with its data as JSON text.

    Raises:
        TooLarge: its data are longer than `data_bytes_max` as JSON.
        Invalid: its data are nested deeper than orjson can write.
    """
    return JobRequest(
        uid=job.uid,
        task=job.task,
        data=data_text(job.data, pointer=pointer, data_bytes_max=data_bytes_max),
        hook=job.hook,
        parent=job.parent,
        order=job.order,
        unique=unique_of(job.unique),
    )


def unique_of(order: UniqueOrder | None) -> Unique | None:
    """The unique key that is asked for."""
    return None if order is None else Unique(order.key, order.on_conflict)


def data_text(data: object, *, pointer: str, data_bytes_max: int) -> JsonText:
    """The data of a job as JSON text; raises as `submission`."""
    try:
        text = orjson.dumps(data)
    except orjson.JSONEncodeError:
        detail = f"nests too deep; allowed: {DATA_LEVELS_MAX} levels of arrays and objects"
        raise refusal([Flaw(f"{pointer}/data", detail)]) from None
    if len(text) > data_bytes_max:
        raise TooLarge(f"{pointer}/data is {len(text)} bytes; allowed are at most {data_bytes_max}")
    return JsonText(text.decode())


def _chosen(order: Order) -> dict[str, object]:
    """What is not as it is where nobody says anything: so a new field changes no old digest."""
    wanted = {name: getattr(order, name) for name in Order.__slots__}
    return {name: value for name, value in wanted.items() if value != getattr(AT_ONCE, name)}


def unknown_task(task: str, tasks: Tasks, pointer: str) -> Flaw:
    """What is wrong with the name of a handler that is not there."""
    known = sorted(tasks)
    more = len(known) - TASKS_LISTED_MAX
    tail = f" and {more} more, see GET /-/tasks" if more > 0 else ""
    listed = choice(task, known[:TASKS_LISTED_MAX])
    since = f"; this node loaded its handlers at {tasks.loaded_at:%Y-%m-%d %H:%M:%S} UTC"
    return Flaw(f"{pointer}/task", f"there is no handler {shown(task)}; {listed}{tail}{since}")
