"""From a JSON value to the jobs to submit: all of them valid, or every flaw named."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256
from typing import Final

import orjson

from scheduler.api.requests.checking import FLAWS_MAX, checked, choice, refusal, shown
from scheduler.api.requests.models import NewJob
from scheduler.core.errors import Flaw, Invalid, TooLarge
from scheduler.core.job import JsonText, Submission

DATA_LEVELS_MAX: Final = 254
"""How deep `data` may nest: orjson reads 1,024 levels and writes 254."""
TASKS_LISTED_MAX: Final = 50


def checked_jobs(body: object, *, tasks: Collection[str], bulk_jobs_max: int) -> Sequence[NewJob]:
    """The jobs in a body: one object, or an array of 1 to `bulk_jobs_max`.

    Raises:
        Invalid: lists each flaw with its position.
    """
    if not isinstance(body, list):
        return [_checked_job(body, tasks, "")]
    if not 1 <= len(body) <= bulk_jobs_max:
        raise refusal([Flaw("", f"got {len(body)} jobs; allowed: 1 to {bulk_jobs_max}")])
    jobs, flaws = list[NewJob](), list[Flaw]()
    for index, each in enumerate(body):
        try:
            jobs.append(_checked_job(each, tasks, f"/{index}"))
        except Invalid as invalid:
            flaws += invalid.flaws
            if len(flaws) >= FLAWS_MAX:
                break
    if flaws:
        raise refusal(flaws)
    return jobs


def submission(job: NewJob, *, pointer: str, data_bytes_max: int) -> Submission:
    """A valid job as the service takes it, with its data as JSON text.

    Raises:
        TooLarge: its data are longer than `data_bytes_max` as JSON.
        Invalid: its data are nested deeper than orjson can write.
    """
    try:
        data = orjson.dumps(job.data)
    except orjson.JSONEncodeError:
        detail = f"nests too deep; allowed: {DATA_LEVELS_MAX} levels of arrays and objects"
        raise refusal([Flaw(f"{pointer}/data", detail)]) from None
    if len(data) > data_bytes_max:
        raise TooLarge(f"{pointer}/data is {len(data)} bytes; allowed are at most {data_bytes_max}")
    return Submission(
        uid=job.uid,
        task=job.task,
        data=JsonText(data.decode()),
        hook=job.hook,
        parent=job.parent,
    )


def fingerprint(jobs: Sequence[NewJob], *, several: bool) -> str:
    """A digest of what a request asks for, independent of its order of keys and white space.

    Without the parent, which says who asks: the same request by another job is still the same.
    """
    digest = sha256(b"array" if several else b"object")
    for job in jobs:
        digest.update(orjson.dumps([job.uid, job.task, job.hook]))
        digest.update(orjson.dumps(job.data, option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


def _checked_job(body: object, tasks: Collection[str], pointer: str) -> NewJob:
    if not isinstance(body, dict):
        raise refusal([Flaw(pointer, f"got {shown(body)}; allowed: a job as a JSON object")])
    job = checked(NewJob, body, prefix=f"{pointer}/")
    if job.task not in tasks:
        raise refusal([_unknown_task(job.task, tasks, pointer)])
    return job


def _unknown_task(task: str, tasks: Collection[str], pointer: str) -> Flaw:
    known = sorted(tasks)
    more = len(known) - TASKS_LISTED_MAX
    tail = f" and {more} more, see GET /-/tasks" if more > 0 else ""
    listed = choice(task, known[:TASKS_LISTED_MAX])
    return Flaw(f"{pointer}/task", f"there is no handler {shown(task)}; {listed}{tail}")
