"""What requests about schedules may contain."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)
from pydantic_core import PydanticCustomError

from scheduler.api.requests.audit import instant
from scheduler.api.requests.checking import COMPLETE, EXPLAINED, refusal
from scheduler.api.requests.models import (
    HOOK_CHARS_MAX,
    LIMIT_DEFAULT,
    AfterName,
    Body,
    Hook,
    Limit,
    OneOrAll,
    Query,
    Reason,
    Task,
    Uid,
)
from scheduler.api.requests.order_fields import MaxAttempts, Priority, whole
from scheduler.core.errors import Flaw
from scheduler.core.job import JsonText
from scheduler.core.schedules.cron import ALLOWED, CRON_MAX, WrongCron, parsed
from scheduler.core.schedules.schedule import (
    CATCHUP_MAX_S,
    CATCHUP_S,
    EVERY_MAX_S,
    FAILURES_MAX,
    JITTER_MAX_S,
    REMAINING_MAX,
    Misfire,
    Overlap,
    Plan,
    ScheduleKey,
)
from scheduler.core.schedules.timing import Timing
from scheduler.core.schedules.zones import NoSuchZone, zone

E = TypeVar("E", bound=StrEnum)

PREVIEW_DEFAULT: Final = 5
PREVIEW_MAX: Final = 100
YEARS: Final = range(2, 9000)
"""What is earlier or later has no time before or after it on the clocks of some zones."""
NAME_PATTERN: Final = r"^[^/\-\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]{0,199}$"
NO_ZONE: Final = "there is no such zone"
REVERSED: Final = "(ahead of UTC is - in these names, and behind it is +)"
EITHER: Final = "allowed: exactly one of cron and every_s"


def _explained(why: str) -> PydanticCustomError:
    return PydanticCustomError(EXPLAINED, "{why}", {"why": why})


def _cron(text: str | None) -> str | None:
    try:
        if text is not None:
            parsed(text)
    except WrongCron as wrong:
        kind = COMPLETE if wrong.is_complete else EXPLAINED
        raise PydanticCustomError(kind, "{why}", {"why": str(wrong)}) from None
    return text


def _zone(name: str) -> str:
    try:
        zone(name)
    except NoSuchZone as error:
        hint = " or ".join(map(repr, error.nearest))
        reversed_ = f" {REVERSED}" if hint.startswith("'Etc/") else ""
        why = f"there is no such zone; did you mean {hint}?{reversed_}" if hint else NO_ZONE
        raise _explained(why) from None
    return name


def _after_start(end_at: datetime | None, info: ValidationInfo) -> datetime | None:
    start_at = info.data.get("start_at")
    if end_at is not None and start_at is not None and end_at < start_at:
        raise _explained("it is before start_at")
    return end_at


def _known(kind: type[E], value: object) -> object:
    return kind(value) if isinstance(value, str) and value in set(kind) else value


def _time(value: object) -> object:
    at = instant(value)
    if isinstance(at, datetime) and at.year not in YEARS:
        raise ValueError(value)
    return at


_TIME_SCHEMA: Final = {"type": "string", "format": "date-time"}
Time = Annotated[datetime, BeforeValidator(_time), WithJsonSchema(_TIME_SCHEMA)]
TimeOrNone = Annotated[
    datetime | None,
    BeforeValidator(_time),
    WithJsonSchema({"anyOf": [_TIME_SCHEMA, {"type": "null"}]}),
]
CronText = Annotated[
    Annotated[str, StringConstraints(max_length=CRON_MAX), AfterValidator(_cron)] | None,
    Field(description=f"{ALLOWED}; not together with every_s"),
]
EveryS = Annotated[
    Annotated[int, Field(ge=1, le=EVERY_MAX_S)] | None,
    BeforeValidator(whole),
    Field(
        description="seconds from one occurrence to the next, a whole number from 60 to "
        f"{EVERY_MAX_S}, for operators from 1; not together with cron"
    ),
]
PhaseS = Annotated[
    Annotated[int, Field(ge=0, lt=EVERY_MAX_S)],
    BeforeValidator(whole),
    Field(
        description="seconds by which the times of every_s are shifted, a whole number, 0 or more "
        "and less than every_s"
    ),
]
Timezone = Annotated[
    Annotated[str, StringConstraints(max_length=100), AfterValidator(_zone)],
    Field(description="the name of a time zone (IANA), such as Europe/Berlin"),
]
StartAt = Annotated[
    TimeOrNone,
    Field(description="a time with its offset (RFC 3339) before which nothing occurs, or null"),
]
Name = Annotated[
    str,
    StringConstraints(pattern=NAME_PATTERN),
    Field(
        description="1 to 200 characters without '/' and control characters, not starting with '-'"
    ),
]


class ScheduleOrder(Body):
    """A schedule: a job, and when to make it."""

    task: Task
    data: Annotated[Any, Field(description="any JSON value")] = None
    hook: Annotated[
        Hook | None,
        Field(
            description="an absolute http or https URL with a host, "
            f"at most {HOOK_CHARS_MAX} characters"
        ),
    ] = None
    cron: CronText = None
    every_s: EveryS = None
    phase_s: PhaseS = 0
    timezone: Timezone = "UTC"
    start_at: StartAt = None
    end_at: Annotated[
        TimeOrNone,
        AfterValidator(_after_start),
        Field(
            description="a time with its offset (RFC 3339), not before start_at, after which "
            "nothing occurs, or null"
        ),
    ] = None
    jitter_s: Annotated[
        float,
        Field(
            ge=0,
            le=JITTER_MAX_S,
            description=f"seconds by which occurrences are late at most, 0 to {JITTER_MAX_S}: each "
            "by a part of it, so that many schedules of one time do not begin at once",
        ),
    ] = 0.0
    misfire: Annotated[
        Misfire,
        BeforeValidator(partial(_known, Misfire)),
        Field(
            description="skip, once or all: which of the occurrences are made up for that no node "
            "was there for in time"
        ),
    ] = Misfire.ONCE
    catchup_s: Annotated[
        float,
        Field(
            ge=0,
            le=CATCHUP_MAX_S,
            description=f"seconds for which they are made up for, 0 to {CATCHUP_MAX_S}",
        ),
    ] = CATCHUP_S
    overlap: Annotated[
        Overlap,
        BeforeValidator(partial(_known, Overlap)),
        Field(
            description="skip, queue_one, allow or replace: what becomes of an occurrence while an "
            "earlier job of the schedule is not over"
        ),
    ] = Overlap.SKIP
    paused: Annotated[bool, Field(description="true or false: whether nothing occurs")] = False
    note: Reason = None
    pause_after_failures: Annotated[
        Annotated[int, Field(ge=1, le=FAILURES_MAX)] | None,
        BeforeValidator(whole),
        Field(
            description=f"1 to {FAILURES_MAX}, or null: it is paused once so many of its jobs in a "
            "row have failed"
        ),
    ] = None
    remaining: Annotated[
        Annotated[int, Field(ge=0, le=REMAINING_MAX)] | None,
        BeforeValidator(whole),
        Field(
            description=f"0 to {REMAINING_MAX}, or null: it makes so many further jobs and has "
            "ended then"
        ),
    ] = None
    priority: Priority = 0
    max_attempts: MaxAttempts = None

    def plan(self, data: JsonText) -> Plan:
        """The schedule, with its data as JSON text.

        Raises:
            Invalid: it has both of cron and every_s, or none.
        """
        return Plan(
            timing=timing(self, start_at=self.start_at, end_at=self.end_at),
            task=self.task,
            data=data,
            hook=self.hook,
            jitter_s=self.jitter_s,
            misfire=self.misfire,
            catchup_s=self.catchup_s,
            overlap=self.overlap,
            paused=self.paused,
            note=self.note,
            pause_after_failures=self.pause_after_failures,
            remaining=self.remaining,
            priority=self.priority,
            max_attempts=self.max_attempts,
        )


class PreviewOrder(Body):
    """The times of a schedule that need not be there."""

    cron: CronText = None
    every_s: EveryS = None
    phase_s: PhaseS = 0
    timezone: Timezone = "UTC"
    start_at: StartAt = None
    count: Annotated[
        Annotated[int, Field(ge=1, le=PREVIEW_MAX)],
        BeforeValidator(whole),
        Field(description=f"how many occurrences, 1 to {PREVIEW_MAX}"),
    ] = PREVIEW_DEFAULT


BackfillOrder = create_model(
    "BackfillOrder",
    __base__=Body,
    __doc__="From when to when to make up for occurrences.",
    **{  # one of the names is a word of Python
        "from": (Annotated[Time, Field(description="a time with its offset (RFC 3339)")], ...),
        "to": (
            Annotated[
                Time, Field(description="a time with its offset (RFC 3339), not before from")
            ],
            ...,
        ),
    },  # type: ignore[call-overload]
)


class SchedulePath(Query):
    """The schedule in a path."""

    uid: Uid
    name: Name

    @property
    def key(self) -> ScheduleKey:
        """What it names."""
        return ScheduleKey(self.uid, self.name)


class DeleteQuery(Query):
    """How to delete a schedule."""

    abort: Annotated[
        bool, Field(description="true or false: whether to abort its jobs that have not ended")
    ] = False


class SchedulesQuery(Query):
    """Selects schedules, page by page."""

    uid: OneOrAll = None
    limit: Limit = LIMIT_DEFAULT
    after: AfterName = None

    @property
    def after_key(self) -> ScheduleKey | None:
        """The last schedule of the page before."""
        if self.after is None:
            return None
        uid, _, name = self.after.partition("/")
        return ScheduleKey(uid, name)


def timing(
    order: ScheduleOrder | PreviewOrder,
    *,
    start_at: datetime | None,
    end_at: datetime | None = None,
) -> Timing:
    """When the occurrences of a schedule are.

    Raises:
        Invalid: it has both of cron and every_s, or none; or a phase that fits no interval.
    """
    given = [name for name in ("cron", "every_s") if getattr(order, name) is not None]
    if len(given) != 1:
        why = "both are given" if given else "neither is given"
        raise refusal([Flaw(f"/{name}", f"{why}; {EITHER}") for name in ("cron", "every_s")])
    if order.phase_s and order.phase_s >= (order.every_s or 0):
        why = f"got {order.phase_s}; allowed: less than every_s, and only with it"
        raise refusal([Flaw("/phase_s", why)])
    return Timing(
        cron=order.cron,
        every_s=order.every_s,
        phase_s=order.phase_s,
        timezone=order.timezone,
        start_at=start_at,
        end_at=end_at,
    )
