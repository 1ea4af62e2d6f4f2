"""Limits and throttles of handlers: what is taken, what is refused, and what the node is sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from scheduler import Limit, Throttle, handler
from scheduler.core.handler import REGISTERED, HandlerOptions
from scheduler.core.limits.declaration import LimitRule, ThrottleRule


def declared(**options: Any) -> HandlerOptions:  # noqa: ANN401 - any option
    """The options of a handler that is declared so, as the node gets them."""
    before = len(REGISTERED)

    @handler("x", **options)
    def run(data: object) -> object:
        return data

    (made,) = REGISTERED[before:]
    del REGISTERED[before:]
    return HandlerOptions.of(json.loads(json.dumps(asdict(made.options))))


def test_the_node_gets_what_was_declared() -> None:
    options = declared(
        limit=(Limit(20), Limit(1, by=("uid", "/customer"))),
        throttle=Throttle(100, per_s=60, burst=10, by="uid"),
    )

    assert options.limit == (
        LimitRule(jobs_max=20, by=("task",)),
        LimitRule(jobs_max=1, by=("uid", "/customer")),
    )
    assert options.throttle == ThrottleRule(jobs_max=100, per_s=60.0, burst=10, by=("uid",))
    assert options.limited


def test_one_limit_needs_no_tuple() -> None:
    assert declared(limit=Limit(2)).limit == (LimitRule(jobs_max=2, by=("task",)),)
    assert declared(throttle=Throttle(1, per_s=1)).limited
    assert not declared().limited


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 2}, r"limit must be a Limit, such as Limit\(2\), .* not 2"),
        ({"limit": (Limit(1), 2)}, "limit must be a Limit"),
        ({"limit": [Limit(each) for each in (1, 2, 3, 4)]}, "limit has 4 limits; allowed: up to 3"),
        ({"limit": (Limit(1), Limit(2))}, "limit has two limits by 'task'"),
        ({"throttle": 5}, r"throttle must be a Throttle, .* not 5"),
        ({"throttle": (Throttle(1, per_s=1),)}, "throttle must be a Throttle"),
    ],
)
def test_other_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        declared(**options)


@pytest.mark.parametrize("jobs_max", [0, -1, 1_000_001, True, 1.5, "2", None])
def test_a_number_of_jobs_is_a_whole_number_from_1_on(jobs_max: Any) -> None:  # noqa: ANN401
    for make in (Limit, lambda count: Throttle(count, per_s=1)):
        with pytest.raises((TypeError, ValueError), match="the number of jobs must be"):
            make(jobs_max)
    with pytest.raises((TypeError, ValueError), match="burst must be"):
        Throttle(1, per_s=1, burst=jobs_max)


@pytest.mark.parametrize("per_s", [0, -1, float("inf"), float("nan"), True, "60", None, 4e7])
def test_a_time_is_a_number_of_seconds_above_0(per_s: Any) -> None:  # noqa: ANN401
    with pytest.raises((TypeError, ValueError), match="per_s must be"):
        Throttle(1, per_s=per_s)


@pytest.mark.parametrize("by", ["/a~2", "/a~", ("uid", "/~/b")])
def test_a_malformed_pointer_is_refused_with_what_its_signs_mean(by: Any) -> None:  # noqa: ANN401
    """It begins with a slash: whoever reads that it has to would look in vain."""
    with pytest.raises(ValueError, match=r"by has '.*', which is no JSON pointer: .* ~0 stands"):
        Limit(1, by=by)


@pytest.mark.parametrize(
    "by", ["customer", "", "uid ", 5, None, ("uid", "customer"), (None,), {"a": 1}]
)
def test_a_part_of_a_key_is_uid_task_or_a_pointer(by: Any) -> None:  # noqa: ANN401
    """What is not, would be evaluated to nothing for every job, and limit none."""
    with pytest.raises(ValueError, match=r"by has .*; allowed: 'uid', 'task', and JSON pointers"):
        Limit(1, by=by)


@pytest.mark.parametrize("by", [(), [f"/{each}" for each in range(9)]])
def test_a_key_has_one_part_and_not_very_many(by: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"by has \d parts; allowed: 1 to 8"):
        Limit(1, by=by)


@pytest.mark.parametrize("by", ["uid", "task", "/", "/a/b", "/~0~1", "/ü", "/a\nb", ["uid", "/0"]])
def test_pointers_are_those_of_the_rfc(by: Any) -> None:  # noqa: ANN401
    assert Limit(1, by=by).rule.by == ((by,) if isinstance(by, str) else tuple(by))


def test_starts_are_never_closer_than_declared() -> None:
    """Rounded up: a thousand in three seconds are not 334 in one."""
    rule = Throttle(3, per_s=1, burst=4).rule

    assert (rule.interval_us, rule.slack_us) == (333_334, 3 * 333_334)
