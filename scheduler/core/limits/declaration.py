"""How a handler says how many of its jobs run at once, and how many begin within a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, isfinite
from typing import Any, Final

LIMITS_MAX: Final = 3
"""Limits of one handler: each is a lock that a claim of its jobs takes."""
PARTS_MAX: Final = 8
"""Parts of one `by`."""
JOBS_MAX: Final = 1_000_000
"""The greatest number of jobs in a limit, a throttle or a burst."""
PER_S_MAX: Final = 366 * 86_400
"""The longest time in a throttle. Whoever names a longer one has mistaken the unit."""
UID: Final = "uid"
TASK: Final = "task"
MICROSECONDS: Final = 1_000_000
_POINTER: Final = re.compile(r"(?:/(?:[^~]|~[01])*)+", re.DOTALL)

By = str | Iterable[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRule:
    """What the node knows of a handler's `Limit`; sent as JSON."""

    jobs_max: int
    by: tuple[str, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> LimitRule:
        """The rule that was sent as JSON."""
        return cls(**{**fields, "by": tuple(fields["by"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleRule:
    """What the node knows of a handler's `Throttle`; sent as JSON."""

    jobs_max: int
    per_s: float
    burst: int
    by: tuple[str, ...]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> ThrottleRule:
        """The rule that was sent as JSON."""
        return cls(**{**fields, "by": tuple(fields["by"])})

    @property
    def interval_us(self) -> int:
        """The time from one start to the next, in microseconds; never shorter than was declared."""
        return ceil(self.per_s * MICROSECONDS / self.jobs_max)

    @property
    def slack_us(self) -> int:
        """How far starts may run ahead of that, in microseconds."""
        return (self.burst - 1) * self.interval_us


@dataclass(frozen=True, slots=True)
class Limit:
    """How many jobs of a handler run at once for each key, on all nodes together.

    Args:
        jobs_max: how many, at least 1.
        by: what makes the key: `"task"` (one for all jobs of the handler), `"uid"`, JSON pointers
            into `data`, or several of these. A job for which one of them leads nowhere, or to null,
            has no key, and is not limited.

    Raises:
        TypeError, ValueError: a value is of a wrong type, or out of range.
    """

    jobs_max: int
    by: By = TASK

    def __post_init__(self) -> None:
        _check_count("Limit", "the number of jobs", self.jobs_max)
        object.__setattr__(self, "by", _checked("Limit", self.by))

    @property
    def rule(self) -> LimitRule:
        """What the node needs to know of it."""
        return LimitRule(jobs_max=self.jobs_max, by=tuple(self.by))


@dataclass(frozen=True, slots=True)
class Throttle:
    """How many jobs of a handler begin within a time for each key, on all nodes together.

    Starts are spaced evenly: one each `per_s / jobs_max` seconds. After a time without any, up to
    `burst` of them may come at once. So within any `per_s` seconds no more than `jobs_max + burst`
    begin. It counts starts, those of further attempts too, and not how long jobs run.

    Args:
        jobs_max: how many, at least 1.
        per_s: within how many seconds.
        burst: how many may begin at once.
        by: as in `Limit`.

    Raises:
        TypeError, ValueError: a value is of a wrong type, or out of range.
    """

    jobs_max: int
    per_s: float
    burst: int = 1
    by: By = TASK

    def __post_init__(self) -> None:
        _check_count("Throttle", "the number of jobs", self.jobs_max)
        _check_count("Throttle", "burst", self.burst)
        _check_seconds(self.per_s)
        object.__setattr__(self, "by", _checked("Throttle", self.by))

    @property
    def rule(self) -> ThrottleRule:
        """What the node needs to know of it."""
        return ThrottleRule(
            jobs_max=self.jobs_max, per_s=float(self.per_s), burst=self.burst, by=tuple(self.by)
        )


def limits(given: object) -> tuple[LimitRule, ...]:
    """The limits in a handler's option: none, one or several.

    Raises:
        TypeError, ValueError: it is something else, or too many.
    """
    if given is None:
        return ()
    several = given if isinstance(given, tuple | list) else (given,)
    for each in several:
        if not isinstance(each, Limit):
            raise TypeError(
                f"handler: limit must be a Limit, such as Limit(2), or a tuple of up to"
                f" {LIMITS_MAX}, not {each!r}"
            )
    if len(several) > LIMITS_MAX:
        raise ValueError(f"handler: limit has {len(several)} limits; allowed: up to {LIMITS_MAX}")
    rules = tuple(each.rule for each in several)
    for place, rule in enumerate(rules):
        if rule.by in [each.by for each in rules[:place]]:
            raise ValueError(f"handler: limit has two limits by {', '.join(map(repr, rule.by))}")
    return rules


def throttle_rule(given: object) -> ThrottleRule | None:
    """The throttle in a handler's option, if there is one.

    Raises:
        TypeError: it is something else.
    """
    if given is not None and not isinstance(given, Throttle):
        raise TypeError(
            f"handler: throttle must be a Throttle, such as Throttle(100, per_s=60), not {given!r}"
        )
    return None if given is None else given.rule


def _check_count(kind: str, name: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{kind}: {name} must be a whole number, not {count!r}")
    if not 1 <= count <= JOBS_MAX:
        raise ValueError(f"{kind}: {name} must be 1 to {JOBS_MAX}, not {count!r}")


def _check_seconds(seconds: object) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"Throttle: per_s must be a number of seconds, not {seconds!r}")
    if not isfinite(seconds) or not 0 < seconds <= PER_S_MAX:
        raise ValueError(f"Throttle: per_s must be above 0, up to {PER_S_MAX}, not {seconds!r}")


def _checked(kind: str, by: object) -> tuple[str, ...]:
    """The parts of a key, each once."""
    several = by if isinstance(by, Iterable) and not isinstance(by, str) else (by,)
    parts = tuple(dict.fromkeys(_part(kind, each) for each in several))
    if not 1 <= len(parts) <= PARTS_MAX:
        raise ValueError(f"{kind}: by has {len(parts)} parts; allowed: 1 to {PARTS_MAX}")
    return parts


def _part(kind: str, part: object) -> str:
    if isinstance(part, str) and (part in {UID, TASK} or _POINTER.fullmatch(part)):
        return str(part)
    if isinstance(part, str) and part.startswith("/"):
        raise ValueError(
            f"{kind}: by has {part!r}, which is no JSON pointer: in one, ~0 stands for ~, and ~1"
            " for a slash in a name"
        )
    raise ValueError(
        f"{kind}: by has {part!r}; allowed: 'uid', 'task', and JSON pointers into data, which begin"
        " with a slash, such as '/customer'"
    )
