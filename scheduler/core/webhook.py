"""Calls of a job's hook, and what follows from the answer to a try. Pure.

    due ──┬── 2xx ──────────────────────────────────────────▶ delivered
     ▲    ├── 410 Gone, or tried for too long ──────────────▶ given_up
     └────┴── anything else: again, after a longer while

The store creates a call: with the end of its job or of an attempt, in the same transaction, or when
a handler notifies. So none is lost, and each is delivered at least once: where the answer to a try
does not arrive, or is not stored, the call is tried again with the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from scheduler.core.job import AttemptRecord, JsonText
from scheduler.core.policy import backoff_s

GONE: Final = 410
"""By the Standard Webhooks specification: the receiver wants no more calls."""
RETRY_LONGEST_S: Final = 3600.0
"""Between two tries: a receiver that was away for a day gets the call within the hour."""


class Event(StrEnum):
    """What a call tells of."""

    ENDED = "job.ended"
    RETRIED = "job.retried"
    """An attempt failed, and another one follows. Only for jobs that ask for it."""
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
    """The same in each try, so that a receiver knows repeats; for a job's end, the job's id."""
    job_id: str
    event: Event
    payload: JsonText | None
    """What a handler passed to `notify`; None where the job is sent, or one of its attempts."""
    status: CallStatus
    tries: int
    """How many tries have begun; the current try has this number."""
    created_at: datetime
    due_at: datetime | None
    """When it is tried next, unless it is settled before."""
    answer: str | None
    """The result of the last try: an HTTP status, or why there was none."""
    attempt: AttemptRecord | None = None
    """The attempt that failed, where the call tells of that."""
    next_attempt_at: datetime | None = None
    """Before this time the one after it does not begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The status of a call after a try."""

    status: CallStatus
    due_at: datetime | None = None


def receiver(hook: str) -> str:
    """The receiver at a hook: its URL up to the path, as the user wrote it."""
    return "/".join(f"{hook}/".split("/")[:3]) + "/"


def verdict(
    call: HookCall,
    code: int | None,
    *,
    at: datetime,
    give_up_s: float,
    random: Random,
    retry_after_s: float | None = None,
) -> Verdict:
    """What follows from a try.

    Args:
        code: the answer's HTTP status, or None without an answer.
        retry_after_s: how long the receiver asks us to wait. Then the next try comes no sooner; but
            where that would be too late, it is the last one, just before the call is given up.
    """
    if code is not None and 200 <= code < 300:
        return Verdict(status=CallStatus.DELIVERED)
    due_at = at + timedelta(seconds=backoff_s(call.tries, random=random, longest_s=RETRY_LONGEST_S))
    last_at = call.created_at + timedelta(seconds=give_up_s)
    if code == GONE or due_at > last_at:
        return Verdict(status=CallStatus.GIVEN_UP)
    if retry_after_s is not None:
        due_at = min(due_at + timedelta(seconds=retry_after_s), last_at)
    return Verdict(status=CallStatus.DUE, due_at=due_at)
