"""The answers that clients got, and whether any two contradict each other."""

from __future__ import annotations

import asyncio
import fcntl
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final, NamedTuple

Job = dict[str, Any]

FINAL: Final = frozenset({"successful", "terminated", "aborted"})
LASTING: Final = ("status", "result", "error", "attempt", "finished_at")
"""The fields of a final job that never change; its clean-up may still be running."""


class Pause(NamedTuple):
    """A time in which all was paused for sure, by the monotonic clock."""

    since: float
    until: float
    attempts: dict[str, int]
    """Of the jobs that were queued then."""


class Ledger:
    """Records answers, and what was wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accepted: dict[str, Job] = {}
        self.aborts: dict[str, tuple[float, int, Job]] = {}
        """The first answer to an abort of each job: when, status code, and the job."""
        self.wrong: list[str] = []
        self.counts = Counter[str]()
        self.labelled: set[str] = set()
        """The names of the nodes that have the label which some jobs need."""
        self.pauses: list[Pause] = []
        self.pausing = asyncio.Lock()
        """Held from a pause until it has ended: what comes late must not end another one."""
        self._finals: dict[str, tuple[float, Job]] = {}
        self._numbers: dict[int, str] = {}
        (folder / "locks").mkdir(parents=True)

    @property
    def open(self) -> list[Job]:
        """Accepted jobs that no client has seen at their end."""
        return [job for job in self.accepted.values() if job["id"] not in self._finals]

    def accept(self, job: Job) -> None:
        """Record a job whose submission was answered with 2xx."""
        number = job["data"]["n"]
        if self._numbers.setdefault(number, job["id"]) != job["id"]:
            self.wrong.append(f"one submission became two jobs: {self._numbers[number]}, {job}")
        self.accepted[job["id"]] = job

    def reran(self, job: Job, old: str) -> None:
        """Record a re-run that a request was answered with."""
        self.counts["re-run"] += 1
        if job["rerun_of"] != old:
            self.wrong.append(f"a job that was to run {old} again is {job}")
        self.accepted[job["id"]] = job

    def answer_abort(self, status: int, job: Job) -> None:
        """Record the answer to an abort: 200 aborted, 202 being stopped."""
        self.aborts.setdefault(job["id"], (time.monotonic(), status, job))
        if (status == 200) != (job["status"] == "aborted"):
            self.wrong.append(f"an abort was answered {status} with {job}")

    def saw(self, job: Job, *, asked_at: float) -> None:
        """Compare a job with how it was seen before; `asked_at` is the time of the request."""
        seen_at, before = self._finals.get(job["id"], (float("inf"), job))
        if asked_at > seen_at and any(job[key] != before[key] for key in LASTING):
            self.wrong.append(f"a final job changed: {before} became {job}")
        if job["status"] in FINAL and job["id"] not in self._finals:
            self._finals[job["id"]] = (time.monotonic(), job)
            self._must_be_dead(job)

    def begun(self) -> list[tuple[str, int, float]]:
        """Every attempt that a handler began: job id, number, and when."""
        rows = map(str.split, self._diary("begun"))
        return [(job_id, int(attempt), float(at)) for job_id, attempt, at in rows]

    def begun_by_clock(self) -> list[tuple[str, float]]:
        """The same, by the machine's wall clock: job id, and seconds since 1970."""
        ahead_s = time.time() - time.monotonic()
        return [(job_id, at + ahead_s) for job_id, _, at in self.begun()]

    def overlaps(self) -> list[str]:
        """The lines of handlers that found another attempt running."""
        return self._diary("overlaps")

    def crowds(self) -> list[str]:
        """The lines of handlers that found as many jobs of their user running as may run."""
        return self._diary("crowds")

    def jams(self) -> list[str]:
        """The lines of handlers that found as many jobs of a key running as may run."""
        return self._diary("jams")

    def twins(self) -> list[str]:
        """The lines of handlers that found another job with their unique key running."""
        return self._diary("twins")

    def undone(self) -> set[str]:
        """Ids of the jobs whose clean-up began."""
        return set(self._diary("undone"))

    def failed(self) -> set[tuple[str, int]]:
        """Every attempt that failed and may be followed by another one: job id and number."""
        rows = map(str.split, self._diary("failed"))
        return {(job_id, int(attempt)) for job_id, attempt in rows}

    def _diary(self, name: str) -> list[str]:
        file = self.folder / name
        return file.read_text().splitlines() if file.exists() else []

    def _must_be_dead(self, job: Job) -> None:
        """Check that no process of a final job holds its lock, except the clean-up of an abort."""
        file = self.folder / "locks" / job["id"]
        if not file.exists() or (job["abort"] or {}).get("cleanup"):
            return
        with file.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.wrong.append(f"something lives of a job that is final: {job}")
