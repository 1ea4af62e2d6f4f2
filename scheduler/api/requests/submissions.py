"""From a JSON value to the jobs it asks for: all of them sound, or every flaw named."""

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


def sound_jobs(body: object, *, tasks: Collection[str], bulk_jobs_max: int) -> Sequence[NewJob]:
    """The jobs that a body asks for: one object, or an array of 1 to `bulk_jobs_max`.

    Raises:
        Invalid: says for each flaw where it is.
    """
    if not isinstance(body, list):
        return [_sound(body, tasks, "")]
    if not 1 <= len(body) <= bulk_jobs_max:
        raise refusal([Flaw("", f"got {len(body)} jobs; allowed: 1 to {bulk_jobs_max}")])
    sound, flaws = list[NewJob](), list[Flaw]()
    for place, each in enumerate(body):
        try:
            sound.append(_sound(each, tasks, f"/{place}"))
        except Invalid as invalid:
            flaws += invalid.flaws
            if len(flaws) >= FLAWS_MAX:
                break
    if flaws:
        raise refusal(flaws)
    return sound


def submission(job: NewJob, *, pointer: str, data_bytes_max: int) -> Submission:
    """A sound job as the service takes it, its data as text.

    Raises:
        TooLarge: its data are longer than `data_bytes_max` as JSON.
        Invalid: its data nest deeper than can be written again.
    """
    try:
        data = orjson.dumps(job.data)
    except orjson.JSONEncodeError:
        detail = f"nests too deep; allowed: {DATA_LEVELS_MAX} levels of arrays and objects"
        raise refusal([Flaw(f"{pointer}/data", detail)]) from None
    if len(data) > data_bytes_max:
        raise TooLarge(f"{pointer}/data is {len(data)} bytes; allowed are at most {data_bytes_max}")
    return Submission(uid=job.uid, task=job.task, data=JsonText(data.decode()), hook=job.hook)


def fingerprint(jobs: Sequence[NewJob], *, several: bool) -> str:
    """A digest of what a request asks for, whatever its spelling: order of keys, white space."""
    digest = sha256(b"array" if several else b"object")
    for job in jobs:
        digest.update(orjson.dumps([job.uid, job.task, job.hook]))
        digest.update(orjson.dumps(job.data, option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


def _sound(body: object, tasks: Collection[str], pointer: str) -> NewJob:
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
