"""Calls of a job's hook: what they are, and what follows from how one went. Pure.

    due ──┬── 2xx ──────────────────────────────────────────▶ delivered
     ▲    ├── 410 Gone, or tried for too long ──────────────▶ given_up
     └────┴── anything else: again, after a longer while

A call is made by the store: with the end of its job, in the same transaction, or for a handler that
notifies. So none is lost, and each is delivered at least once: where the answer to a try is not
heard, or not written down, the call is tried again under the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from scheduler.core.job import JsonText
from scheduler.core.policy import backoff_s

GONE: Final = 410
"""By the Standard Webhooks specification: the receiver wants no more of this."""
RETRY_LONGEST_S: Final = 3600.0
"""Between two tries: a receiver that was away for a day is told within the hour."""


class Event(StrEnum):
    """What a call tells of."""

    ENDED = "job.ended"
    NOTIFIED = "job.notified"


class CallStatus(StrEnum):
    """How far a call got."""

    DUE = "due"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One message to a job's hook."""

    id: str
    """The same in each try, so that a receiver knows what it has had. Of an end: the job's id."""
    job_id: str
    event: Event
    payload: JsonText | None
    """What a handler notified of; the end of a job is told as the job is stored."""
    status: CallStatus
    tries: int
    """How often it was begun to be tried; who tries it has the try of this number."""
    created_at: datetime
    due_at: datetime | None
    """When it is tried next, if it is not settled meanwhile."""
    answer: str | None
    """What came of the last try: an HTTP status, or why there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a call after a try."""

    status: CallStatus
    due_at: datetime | None = None


def receiver(hook: str) -> str:
    """Who answers at a hook: its URL up to the path, as its user spells it."""
    return "/".join(f"{hook}/".split("/")[:3]) + "/"


def verdict(
    call: HookCall, code: int | None, *, at: datetime, give_up_s: float, random: Random
) -> Verdict:
    """What follows from the answer to a try: an HTTP status, or None where none came."""
    if code is not None and 200 <= code < 300:
        return Verdict(status=CallStatus.DELIVERED)
    due_at = at + timedelta(seconds=backoff_s(call.tries, random=random, longest_s=RETRY_LONGEST_S))
    if code == GONE or due_at > call.created_at + timedelta(seconds=give_up_s):
        return Verdict(status=CallStatus.GIVEN_UP)
    return Verdict(status=CallStatus.DUE, due_at=due_at)
