"""The fields of a request that say when, in which order and how often a job runs."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from scheduler.api.requests.checking import EXPLAINED
from scheduler.core.dependencies.declaration import PREDECESSORS_MAX, REF, AfterIf
from scheduler.core.job import PRIORITY_MAX, OnConflict
from scheduler.core.places.labels import LABEL_PATTERN, LABEL_WORDS, NEEDS_MAX, is_label, needs
from scheduler.core.retries.declaration import ATTEMPTS_MAX

YEAR_S: Final = 366 * 86_400
"""Further ahead nobody plans a single job; a wrong unit does."""
YEAR: Final = timedelta(seconds=YEAR_S)
START_WITHIN_S_MIN: Final = 0.001
"""The store keeps milliseconds."""
REF_PATTERN: Final = r"[A-Za-z0-9._-]{1,100}"
GROUP_PATTERN: Final = r"^[^/\-\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]{0,199}$"
_PREDECESSOR: Final = re.compile(
    rf"^({REF}{REF_PATTERN}|[0-9A-Fa-f]{{8}}(-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}})$"
)
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?")


def _explained(why: str) -> PydanticCustomError:
    return PydanticCustomError(EXPLAINED, "{why}", {"why": why})


def whole(value: object) -> object:
    """In JSON, 7.0 is an integer too."""
    return int(value) if type(value) is float and value.is_integer() else value


def time_within_a_year(value: object) -> object:
    """A text of RFC 3339 as a time; a local one, whose offset nobody knows, is refused."""
    if not isinstance(value, str):
        return value
    found = _DATE_TIME.fullmatch(value)
    if found is None:
        raise ValueError(value)
    if found[2] is None:
        raise _explained("it has no offset, so nobody knows which time is meant: add Z or +01:00")
    try:
        at = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(value) from error
    if at > datetime.now(UTC) + YEAR:
        raise _explained("it is more than a year ahead")
    return at


def _in_order(value: object) -> object:
    """An array of labels, in order and each once."""
    if not isinstance(value, list):
        return value
    for number, label in enumerate(value):
        if not is_label(label):
            raise _explained(f"its item {number} is no label")
    if len(labels := needs(value)) > NEEDS_MAX:
        raise _explained(f"these are {len(labels)} labels")
    return labels


def _instead(value: float | None, info: ValidationInfo) -> float | None:
    if value is not None and info.data.get("run_at") is not None:
        raise _explained("there is a run_at as well; leave one of the two out")
    return value


def _beside_hook(value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - a validator
    if value and info.data.get("hook") is None:
        raise _explained("there is no hook to call: name one, or leave this out")
    return value


def _on_conflict(value: object) -> object:
    return OnConflict(value) if isinstance(value, str) and value in set(OnConflict) else value


def _alone(value: UniqueOrder | None, info: ValidationInfo) -> UniqueOrder | None:
    """Refuse a key beside what assumes that the job is a new one, or begins after others."""
    for name in ("ref", "after"):
        if value is not None and info.data.get(name):
            raise _explained(f"there is {name} as well; leave one of the two out")
    return value


Priority = Annotated[
    Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX)],
    BeforeValidator(whole),
    Field(
        description=f"seconds of head start before the user's other jobs, a whole number from "
        f"-{PRIORITY_MAX} to {PRIORITY_MAX}",
    ),
]
RunAt = Annotated[
    datetime | None,
    BeforeValidator(time_within_a_year),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
    Field(
        description="the time before which the job does not begin: RFC 3339 with its offset, at "
        "most a year ahead; one that is past, and null, mean at once"
    ),
]
DelayS = Annotated[
    Annotated[float, Field(ge=0, le=YEAR_S)] | None,
    AfterValidator(_instead),
    Field(
        description="seconds before which the job does not begin, counted from its submission by "
        f"the store's clock, 0 to {YEAR_S}; not together with run_at"
    ),
]
StartWithinS = Annotated[
    Annotated[float, Field(ge=START_WITHIN_S_MIN, le=YEAR_S)] | None,
    Field(
        description="seconds within which the job has to begin once it may, "
        f"{START_WITHIN_S_MIN} to {YEAR_S}; else it ends terminated, kind expired"
    ),
]
MaxAttempts = Annotated[
    Annotated[int, Field(ge=1, le=ATTEMPTS_MAX)] | None,
    BeforeValidator(whole),
    Field(
        description="how many attempts the job may use up, the first included, whatever its "
        f"handler says: a whole number from 1 to {ATTEMPTS_MAX}"
    ),
]
Needs = Annotated[
    tuple[str, ...],
    BeforeValidator(_in_order),
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": NEEDS_MAX,
            "items": {"type": "string", "pattern": LABEL_PATTERN},
        }
    ),
    Field(
        max_length=NEEDS_MAX,
        description="the labels that a node must have to run the job, beside those of its handler: "
        f"an array of at most {NEEDS_MAX}, each of {LABEL_WORDS}",
    ),
]
HOOK_RETRIES_SAYS: Final = (
    "true or false: whether the hook is called, with the event job.retried, for each attempt that "
    "failed and is followed by another one; only together with hook"
)
HookRetries = Annotated[bool, AfterValidator(_beside_hook), Field(description=HOOK_RETRIES_SAYS)]


def _after_if(value: object) -> object:
    return AfterIf(value) if isinstance(value, str) and value in set(AfterIf) else value


def _names(value: object) -> object:
    """An array of texts, each at most once; a job is named by its id in lower case."""
    if not isinstance(value, list):
        return value
    names = []
    for number, name in enumerate(value):
        if not isinstance(name, str) or not _PREDECESSOR.fullmatch(name):
            raise _explained(f"its item {number} is no id of a job and no # with a ref behind it")
        names.append(name if name.startswith(REF) else name.lower())
    if len(names) > PREDECESSORS_MAX:
        raise _explained(f"these are {len(names)} jobs")
    for name, times in Counter(names).items():
        if times > 1:
            raise _explained(f"{name} is named more than once")
    return tuple(names)


def _no_step(text: str | None) -> str | None:
    if text in {".", ".."}:
        raise _explained("in a path it would mean a step")
    return text


Ref = Annotated[
    Annotated[str, StringConstraints(pattern=rf"^{REF_PATTERN}$")] | None,
    Field(
        description="what jobs behind it in the same request call this job in their after: 1 to "
        "100 letters, digits, '.', '_' and '-'"
    ),
]
AfterNames = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": PREDECESSORS_MAX,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": _PREDECESSOR.pattern},
        }
    ),
    Field(
        description="the jobs that this one waits for, all of its own user: an array of up to "
        f"{PREDECESSORS_MAX} ids of jobs, and refs of jobs before it in the same request behind a #"
    ),
]
AfterIfField = Annotated[
    AfterIf,
    BeforeValidator(_after_if),
    Field(
        description="how the jobs in after have to end: success (one that ends otherwise aborts "
        "this job) or end (anyhow)"
    ),
]
_GROUP_SAYS: Final = (
    "a name by which this user's jobs are listed, counted and aborted together: 1 to 200 "
    "characters without '/' and control characters, not starting with '-'"
)
_Name = Annotated[str, StringConstraints(pattern=GROUP_PATTERN), AfterValidator(_no_step)]
GroupName = Annotated[_Name, Field(description=_GROUP_SAYS)]
Group = Annotated[_Name | None, Field(description=_GROUP_SAYS)]


class UniqueOrder(BaseModel):
    """A key that only one job of its user and task has at a time."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    key: Annotated[
        str,
        StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$"),
        Field(description="1 to 200 characters without control characters"),
    ]
    on_conflict: Annotated[
        OnConflict,
        BeforeValidator(_on_conflict),
        Field(description=f"one of {', '.join(OnConflict)}"),
    ] = OnConflict.EXISTING


UniqueField = Annotated[
    UniqueOrder | None,
    AfterValidator(_alone),
    Field(
        description="null, or an object with key, 1 to 200 characters without control characters, "
        f"and perhaps on_conflict, one of {', '.join(OnConflict)}; not together with ref or after"
    ),
]
