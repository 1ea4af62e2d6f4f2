"""What a request to run jobs again may contain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from scheduler.api.requests.audit import instant
from scheduler.api.requests.checking import EXPLAINED
from scheduler.api.requests.models import HOOK_CHARS_MAX, Body, Hook, Parent, Uid
from scheduler.api.requests.order_fields import (
    HOOK_RETRIES_SAYS,
    DelayS,
    Group,
    MaxAttempts,
    Needs,
    Priority,
    RunAt,
    StartWithinS,
    UniqueField,
    whole,
)
from scheduler.api.requests.submissions import data_text, unique_of
from scheduler.core.job import FINAL, FailureKind, Status
from scheduler.core.rerun import COUNTED_MAX, RERUNS_MAX, RerunFilter

E = TypeVar("E", bound=StrEnum)

ENDED: Final = sorted(FINAL)


def _names(value: object, known: type[E]) -> tuple[E, ...]:
    """One name, or an array of at least one."""
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in {*known} for name in names):
        raise ValueError(value)
    return tuple(map(known, names))


def _ended(value: object) -> tuple[Status, ...]:
    names = _names(value, Status)
    if not set(names) <= FINAL:
        raise ValueError(value)
    return names


def _kinds(value: object) -> tuple[FailureKind, ...] | None:
    return None if value is None else _names(value, FailureKind)


def _one_or_more(names: list[str], *, or_null: bool = False) -> dict[str, Any]:
    name = {"type": "string", "enum": names}
    nothing = [{"type": "null"}] if or_null else []
    return {"anyOf": [name, {"type": "array", "minItems": 1, "items": name}, *nothing]}


class RerunOrder(Body):
    """What a re-run has instead of what the job had; what is left out is taken over."""

    data: Annotated[Any, Field(description="any JSON value")] = None
    hook: Annotated[
        Hook | None,
        Field(
            description="an absolute http or https URL with a host, "
            f"at most {HOOK_CHARS_MAX} characters; null: none"
        ),
    ] = None
    parent: Parent = None
    priority: Priority = 0
    run_at: RunAt = None
    delay_s: DelayS = None
    start_within_s: StartWithinS = None
    max_attempts: MaxAttempts = None
    hook_retries: Annotated[
        bool, Field(description=f"{HOOK_RETRIES_SAYS}, which may be that of the job")
    ] = False
    needs: Needs = ()
    group: Group = None
    unique: UniqueField = None

    def changes(self, *, data_bytes_max: int) -> Mapping[str, Any]:
        """The fields that were given.

        Raises:
            TooLarge: the data are longer than `data_bytes_max` as JSON.
            Invalid: the data are nested deeper than orjson can write.
        """
        given = {name: getattr(self, name) for name in self.model_fields_set}
        if "data" in given:
            given["data"] = data_text(self.data, pointer="", data_bytes_max=data_bytes_max)
        if "unique" in given:
            given["unique"] = unique_of(self.unique)
        return given


class RerunAllOrder(Body):
    """Which of the jobs that are over to run again."""

    uid: Annotated[
        Uid | None,
        Field(
            description="the user, 1 to 200 characters without '/' and control characters; without "
            "it, the jobs of all"
        ),
    ] = None
    task: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$")] | None,
        Field(description="the name of a handler, 1 to 200 characters"),
    ] = None
    status: Annotated[
        tuple[Status, ...],
        BeforeValidator(_ended),
        WithJsonSchema(_one_or_more([*ENDED])),
        Field(description=f"one or an array of {', '.join(ENDED)}"),
    ] = (Status.TERMINATED,)
    error_kind: Annotated[
        tuple[FailureKind, ...] | None,
        BeforeValidator(_kinds),
        WithJsonSchema(_one_or_more([*FailureKind], or_null=True)),
        Field(
            description=f"one or an array of {', '.join(FailureKind)}; jobs that ended otherwise "
            "than terminated have none"
        ),
    ] = None
    since: Annotated[
        datetime | None,
        BeforeValidator(instant),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
        Field(description="a time with its offset (RFC 3339): only jobs that ended from then on"),
    ] = None
    dry_run: Annotated[
        bool, Field(description="true or false: whether to say only which jobs that would be")
    ] = False
    limit: Annotated[
        Annotated[int, Field(ge=1, le=COUNTED_MAX)],
        BeforeValidator(whole),
        Field(
            description=f"how many at most, 1 to {RERUNS_MAX}, or to {COUNTED_MAX} in a dry run",
        ),
    ]

    @field_validator("limit")
    @classmethod
    def _counted_only(cls, limit: int, info: ValidationInfo) -> int:
        if limit > RERUNS_MAX and not info.data.get("dry_run"):
            raise PydanticCustomError(EXPLAINED, "{why}", {"why": "it is no dry run"})
        return limit

    @field_validator("error_kind")
    @classmethod
    def _of_terminated(
        cls, kinds: tuple[FailureKind, ...] | None, info: ValidationInfo
    ) -> tuple[FailureKind, ...] | None:
        if kinds and Status.TERMINATED not in info.data.get("status", ENDED):
            why = "only terminated jobs have one, and status leaves them out"
            raise PydanticCustomError(EXPLAINED, "{why}", {"why": why})
        return kinds

    @property
    def which(self) -> RerunFilter:
        """What it selects."""
        return RerunFilter(
            uid=self.uid,
            tasks=() if self.task is None else (self.task,),
            statuses=self.status,
            error_kinds=self.error_kind or (),
            since=self.since,
        )


def fingerprint(of: str, body: Mapping[str, object]) -> str:
    """A digest of what a request asks for, independent of its order of keys and white space."""
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return sha256(b"rerun %b " % of.encode() + text).hexdigest()
