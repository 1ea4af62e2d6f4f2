"""Pauses: while one lasts, no new attempt begins of what it covers. Pure.

    task    jobs of one handler, of all users
    uid     jobs of one user
    node    jobs on one node, which takes nothing new; they run on others meanwhile

What runs goes on, aborts are done at once, and so are the clean-ups that follow them. A pause
counts by its kind and name: what it names need not be there yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from scheduler.core.job import Hold, HoldReason, Job, Status


class PauseKind(StrEnum):
    """What a pause names."""

    TASK = "task"
    UID = "uid"
    NODE = "node"


class PauseKey(NamedTuple):
    """What is paused: there is one pause of it at a time."""

    kind: PauseKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause that lasts."""

    kind: PauseKind
    name: str
    reason: str | None
    until: datetime | None
    """When it ends by itself, by the store's clock; None where it does not."""
    paused_at: datetime
    """Since when; it stays where only the reason or the end is replaced."""
    by: str | None
    """The name of who asked for it last; None in mode `none`."""

    @property
    def key(self) -> PauseKey:
        """What it pauses."""
        return PauseKey(self.kind, self.name)


Pauses = Mapping[PauseKey, Pause]


def by_key(pauses: Iterable[Pause]) -> Pauses:
    """Pauses by what they pause."""
    return {each.key: each for each in pauses}


def keys_of(job: Job) -> tuple[PauseKey, PauseKey]:
    """What the pauses name that keep a job from beginning on any node."""
    return PauseKey(PauseKind.TASK, job.task), PauseKey(PauseKind.UID, job.uid)


def hold_of(job: Job, pauses: Pauses) -> Hold | None:
    """What a job waits for, as its user is told it.

    One that a pause covers is paused, also where no worker has met it yet. Of several pauses, the
    one that ends last is told.
    """
    hold = job.hold
    if job.status is not Status.QUEUED or (hold and hold.reason != HoldReason.PAUSED):
        return hold
    found = [pauses[key] for key in keys_of(job) if key in pauses]
    if not found:
        return hold
    last = max(found, key=lambda pause: (pause.until is None, pause.until or pause.paused_at))
    return Hold(HoldReason.PAUSED, last.until, last.key, last.reason, last.by)
