"""The limiters of a job: what its handler limits, for the keys of this job.

    @handler("resize", limit=Limit(2, by=("uid", "/customer")))
    data {"customer": "acme"} of ada ▶ limiter ["resize","limit",["uid","/customer"],["ada","acme"]]

A limiter belongs to one handler. The node that claims a job evaluates its keys, by the options
under which it would run the job: so a limit that was declared anew holds for jobs that were
submitted before, and whoever submits them need not know the handler. Where a pointer leads nowhere,
or to null, the job has no such limiter: else all of those would wait for each other.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import JsonText
from scheduler.core.limits.declaration import JOBS_MAX, TASK, UID, LimitRule, ThrottleRule

KEY_CHARACTERS_MAX: Final = 500
"""The values of a longer key are replaced by their digest."""
_NOTHING: Final = object()
OPEN_US: Final = 10**15
"""How far starts may run ahead in a throttle that throttles nothing any more: thirty years."""


class Limiter(NamedTuple):
    """What a job must have room in to begin."""

    key: str
    rule: str
    """What of its handler makes it: the first part of its key, which does not say how many."""
    jobs_max: int | None = None
    """Of a limit: how many run at once."""
    interval_us: int | None = None
    """Of a throttle: the time from one start to the next, in microseconds."""
    slack_us: int = 0
    """Of a throttle: how far starts may run ahead of that, in microseconds."""


def limiters_of(options: HandlerOptions, *, uid: str, data: JsonText) -> Sequence[Limiter]:
    """The limiters of a job of this handler."""
    rules = [*options.limit, *([options.throttle] if options.throttle else ())]
    found = Values(uid, data)
    return [
        _limiter(options.name, rule, values)
        for rule in rules
        if (values := found.of(rule.by)) is not None
    ]


def throttle_of(options: HandlerOptions, *, uid: str, data: JsonText) -> Limiter | None:
    """The limiter of a job's throttle, if it has one."""
    limiters = limiters_of(options, uid=uid, data=data)
    return next((limiter for limiter in limiters if limiter.interval_us is not None), None)


def rules_of(tasks: Mapping[str, HandlerOptions]) -> Mapping[str, Limiter]:
    """By the rule of a limiter, what it lets through, for all limits of these handlers."""
    limiters = (
        _limiter(options.name, rule, ())
        for options in tasks.values()
        for rule in (*options.limit, *([options.throttle] if options.throttle else ()))
    )
    return {limiter.rule: limiter for limiter in limiters}


def given_up(keys: Collection[str], tasks: Mapping[str, HandlerOptions]) -> Mapping[str, Limiter]:
    """By their rules, those of some limiters that these handlers have no more, open for all jobs.

    Of a handler that is not among them, nobody knows here what it limits.
    """
    known, found = rules_of(tasks), dict[str, Limiter]()
    for key in keys:
        task, kind, *_ = json.loads(key)
        if task not in tasks or (rule := rule_of(key)) in known:
            continue
        if kind == "limit":
            found[rule] = Limiter(key, rule, jobs_max=JOBS_MAX)
        else:
            found[rule] = Limiter(key, rule, interval_us=1, slack_us=OPEN_US)
    return found


def rule_of(key: str) -> str:
    """The rule of the limiter of a key."""
    return _text(json.loads(key)[:3])


class Values:
    """The values in a job that keys are made of; its data is parsed where a key needs it."""

    def __init__(self, uid: str, data: JsonText) -> None:
        self._uid = uid
        self._data = data
        self._parsed: Any = _NOTHING

    def of(self, by: Sequence[str]) -> Sequence[object] | None:
        """The values of these parts; None where one of them is missing."""
        values = [self._value(part) for part in by]
        return None if any(value is None for value in values) else values

    def _value(self, part: str) -> object:
        if part == TASK:
            return part
        if part == UID:
            return self._uid
        if self._parsed is _NOTHING:
            self._parsed = _parsed(self._data)
        return _pointed_at(self._parsed, part)


def _limiter(task: str, rule: LimitRule | ThrottleRule, values: Sequence[object]) -> Limiter:
    kind = "limit" if isinstance(rule, LimitRule) else "throttle"
    name = _text([task, kind, list(rule.by)])
    found = _text(values)
    if len(found) > KEY_CHARACTERS_MAX:
        found = _text(sha256(found.encode()).hexdigest())
    key = f"{name[:-1]},{found}]"
    if isinstance(rule, LimitRule):
        return Limiter(key, name, jobs_max=rule.jobs_max)
    return Limiter(key, name, interval_us=rule.interval_us, slack_us=rule.slack_us)


def _text(value: object) -> str:
    """As JSON of ASCII characters, the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _parsed(data: JsonText) -> Any:  # noqa: ANN401 - any JSON value
    """The value of the data; None where it is nested too deep for a key to be found in it."""
    try:
        return json.loads(data)
    except (RecursionError, ValueError):
        return None


def _pointed_at(value: Any, pointer: str) -> object:  # noqa: ANN401 - any JSON value
    """What a JSON pointer (RFC 6901) leads to; None where it leads nowhere."""
    for name in _names(pointer):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and (name == "0" or name[0] != "0"):
            value = value[int(name)] if len(name) < 10 and int(name) < len(value) else None
        else:
            return None
    return value


def _names(pointer: str) -> Iterator[str]:
    for part in pointer.split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")
