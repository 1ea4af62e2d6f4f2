"""The checks at the end: each promise of the README, against the jobs and the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from scheduler.core.job import ATTEMPTS_KEPT
from tests.chaos.ledger import FINAL, Ledger
from tests.chaos.schedules import is_scheduled

Job = dict[str, Any]
EXPIRED: Final = "expired"
TOLERANCE_S: Final = 0.005
"""Two clocks of the machine are read one after the other to compare them."""


def verdict(ledger: Ledger, jobs: Sequence[Job]) -> list[str]:
    """Everything that is wrong, in words; `jobs` are all jobs of the store, at the end."""
    found = {job["id"]: job for job in jobs}
    return [
        *ledger.wrong,
        *(f"two attempts at once: {line}" for line in ledger.overlaps()),
        *(f"more jobs of a user ran than may: {line}" for line in ledger.crowds()),
        *(f"more jobs of a key ran than may: {line}" for line in ledger.jams()),
        *(f"two jobs with one unique key at once: {line}" for line in ledger.twins()),
        *(f"an accepted job is lost: {job}" for key, job in ledger.accepted.items()
          if key not in found),
        *_twice(jobs),
        *_rerun_twice(jobs),
        *(flaw for job in jobs for flaw in _ends(job)),
        *_attempts(ledger, found),
        *_aborts(ledger, found),
        *_attempts_after_aborts(ledger),
        *_cleanups(ledger, jobs),
        *_before_their_time(ledger, found),
        *_expired(ledger, jobs),
        *_paused(ledger, found),
        *_retries(ledger, jobs),
        *_places(ledger, jobs),
        *_fates(ledger, found),
    ]  # fmt: skip


def _twice(jobs: Sequence[Job]) -> Iterator[str]:
    """A submission, however often it was repeated under its key, is one job."""
    first = (job for job in jobs if job["rerun_of"] is None and not is_scheduled(job))
    for number, times in Counter(job["data"]["n"] for job in first).items():
        if times > 1:
            yield f"submission {number} is stored {times} times"


def _rerun_twice(jobs: Sequence[Job]) -> Iterator[str]:
    """However many requests of many meet, and however often each is repeated: a job is in one."""
    for old, times in Counter(job["rerun_of"] for job in jobs if job["rerun_of"]).items():
        if times > 1:
            yield f"{old} was run again {times} times"


def _ends(job: Job) -> Iterator[str]:
    """Each job has an end that its handler or an abort explains."""
    if job["status"] not in FINAL:
        yield f"a job came to no end: {job}"
    elif job["status"] == "successful":
        if not is_scheduled(job) and job["result"] != {
            "n": job["data"]["n"],
            "attempt": job["attempt"],
        }:
            yield f"the result is not that of the last attempt: {job}"
    elif job["status"] == "terminated":
        data, kind = job["data"] or {}, job["error"]["kind"]
        fails = data.get("manner") == "fails" and kind == "exception"
        fails |= "fails" in data and kind in {"exception", "crash"}
        if not fails and job["error"]["kind"] != EXPIRED:
            yield f"a job ended for no reason of its own: {job}"
    elif job["abort"]["survivors"] != 0 or job["abort"]["cleanup"] not in {None, "done"}:
        yield f"an abort is not proven or not cleaned up: {job}"


def _attempts(ledger: Ledger, found: dict[str, Job]) -> Iterator[str]:
    """No attempt began twice, and none after the last one in the store."""
    begun = ledger.begun()
    for (key, attempt), times in Counter((key, attempt) for key, attempt, _ in begun).items():
        if times > 1:
            yield f"attempt {attempt} of {key} began {times} times"
        if key in found and attempt > found[key]["attempt"]:
            yield f"attempt {attempt} of {key} is unknown to the store: {found[key]}"


def _aborts(ledger: Ledger, found: dict[str, Job]) -> Iterator[str]:
    """A job whose abort was answered is as the answer said."""
    for key, (_, status, told) in ledger.aborts.items():
        job = found.get(key, told)
        if status == 200 and job["status"] != "aborted":
            yield f"an abort was answered 200, and the job is {job}"
        if job["abort"] is None or job["attempt"] > told["attempt"]:
            yield f"an abort was answered, and forgotten: {told} became {job}"


def _attempts_after_aborts(ledger: Ledger) -> Iterator[str]:
    """After an abort was answered no new attempt began."""
    for key, attempt, at in ledger.begun():
        if key in ledger.aborts:
            answered_at, status, told = ledger.aborts[key]
            if attempt > told["attempt"] or (status == 200 and at > answered_at):
                yield f"attempt {attempt} of {key} began after its abort was answered: {told}"


def _cleanups(ledger: Ledger, jobs: Sequence[Job]) -> Iterator[str]:
    """A job that is shown as cleaned up was cleaned up."""
    undone = ledger.undone()
    for job in jobs:
        if job["abort"] and job["abort"]["cleanup"] == "done" and job["id"] not in undone:
            yield f"the clean-up is called done and never began: {job}"


def _before_their_time(ledger: Ledger, found: dict[str, Job]) -> Iterator[str]:
    """No attempt begins before the job's time, by the store's clock: that of this machine."""
    for key, at in ledger.begun_by_clock():
        run_at = found[key]["run_at"] if key in found else None
        if run_at and at < datetime.fromisoformat(run_at).timestamp() - TOLERANCE_S:
            yield f"an attempt began {at} before its time: {found[key]}"


def _expired(ledger: Ledger, jobs: Sequence[Job]) -> Iterator[str]:
    """Only a job that must begin in time expires, and nothing of it has ever run."""
    begun = {job_id for job_id, _, _ in ledger.begun()}
    for job in jobs:
        if job["error"] and job["error"]["kind"] == EXPIRED:
            ledger.counts[EXPIRED] += 1
            if job["start_within_s"] is None or job["attempt"] or job["id"] in begun:
                yield f"a job expired that has begun, or need not begin in time: {job}"


def _paused(ledger: Ledger, found: dict[str, Job]) -> Iterator[str]:
    """No attempt begins after a pause was answered, until it ends."""
    begun = ledger.begun()
    for pause in ledger.pauses:
        for key, attempt, at in begun:
            before = pause.attempts.get(key)
            if before is not None and attempt > before and pause.since < at < pause.until:
                ledger.counts["started while paused"] += 1
                yield f"attempt {attempt} began while it was paused: {found.get(key)}"


def _places(ledger: Ledger, jobs: Sequence[Job]) -> Iterator[str]:
    """No attempt of a job that needs a label ran on a node without it."""
    for job in jobs:
        if job["needs"]:
            nodes = {each["node"] for each in job["attempts"]}
            ledger.counts["attempts where a label is"] += len(job["attempts"])
            if not nodes <= ledger.labelled:
                yield f"a job ran where its label is not: {job}"


def _retries(ledger: Ledger, jobs: Sequence[Job]) -> Iterator[str]:
    """No job has more attempts than it may use up, and none ends before that for want of one."""
    failed = ledger.failed()
    for job in jobs:
        used = [each["number"] for each in job["attempts"] if each["outcome"] == "terminated"]
        allowed = job["max_attempts"] or 1
        ledger.counts["retried"] += len(used) > 1
        if len(used) > allowed:
            yield f"a job has used up more attempts than it may: {job}"
        if is_scheduled(job) or "fails" not in job["data"]:
            continue
        if any((job["id"], number) not in failed for number in used):
            yield f"an attempt counts as failed, and did not fail: {job}"
        is_whole = len(job["attempts"]) < ATTEMPTS_KEPT
        if job["status"] == "terminated" and is_whole and len(used) < allowed:
            yield f"a job ended with attempts left: {job}"


def _fates(ledger: Ledger, found: dict[str, Job]) -> Iterator[str]:
    """What comes after other jobs ended as these say; `_ends` that nothing is left waiting."""
    begun = {job_id for job_id, _, _ in ledger.begun()}
    for job in found.values():
        if job["rerun_of"] is not None or not job["after"]:
            continue
        before = [found[each["id"]]["status"] for each in job["after"] if each["id"] in found]
        doomed = job["after_if"] == "success" and any(each != "successful" for each in before)
        told = (job["abort"] or {}).get("reason") or ""
        ledger.counts["doomed"] += doomed
        if doomed and (job["id"] in begun or job["status"] != "aborted"):
            yield f"a job began though one before it did not succeed: {job}, after {before}"
        if told.startswith("predecessor ") and not doomed:
            yield f"a job was aborted though all before it succeeded: {job}, after {before}"
