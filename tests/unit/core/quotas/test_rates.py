"""How fast users may submit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.errors import QuotaExceeded
from scheduler.core.quotas.quota import Quota, burst
from scheduler.core.quotas.rates import Rates

FIVE = {"ada": Quota(pattern="*", submits_per_s=5)}


def took(rates: Rates, number: int, now: float, *, rate: float = 5, uid: str = "ada") -> bool:
    try:
        rates.take({uid: number}, {uid: Quota(pattern="*", submits_per_s=rate)}, now=now)
    except QuotaExceeded:
        return False
    return True


def test_the_jobs_of_a_second_may_come_at_once_and_then_so_many_each_second() -> None:
    """People and programs submit in bursts; only the average is limited."""
    rates = Rates()
    assert [took(rates, 1, 100.0) for _ in range(6)] == [True] * 5 + [False]
    assert not took(rates, 1, 100.1)
    assert took(rates, 1, 100.2)
    assert [took(rates, 1, 200.0) for _ in range(6)] == [True] * 5 + [False]


def test_a_refusal_says_who_is_too_fast_and_when_the_next_is_taken() -> None:
    """A client that waits so long is not refused again."""
    rates = Rates()
    rates.take({"ada": 5}, FIVE, now=0.0)
    with pytest.raises(QuotaExceeded) as caught:
        rates.take({"ada": 1}, FIVE, now=0.0)
    error = caught.value
    assert str(error) == (
        "user 'ada' submits faster than submits_per_s = 5 of [quotas.\"*\"]; try again in 0.2 s"
    )
    assert error.retry_after_s == 1
    (standing,) = error.violations
    assert (standing.limit, standing.used, standing.window_s, standing.resets_s) == (5, 5, 1, 1)


def test_a_slow_rate_lets_one_job_through_at_a_time() -> None:
    """One in ten seconds: the bucket holds one."""
    rates = Rates()
    assert took(rates, 1, 0.0, rate=0.1)
    assert not took(rates, 1, 9.9, rate=0.1)
    assert took(rates, 1, 10.0, rate=0.1)
    standing = rates.standing("ada", 0.1, now=10.0)
    assert (standing.limit, standing.window_s, standing.used) == (1, 10, 1)


def test_an_array_larger_than_the_burst_needs_a_full_bucket_and_is_paid_for_later() -> None:
    """Else it was possible never, or a way around the limit."""
    rates = Rates()
    assert took(rates, 1, 0.0)
    assert not took(rates, 100, 0.1)
    assert took(rates, 100, 0.2)
    assert not took(rates, 1, 19.0)
    assert took(rates, 1, 0.2 + 96 / 5)


def test_of_several_users_all_or_none_pay() -> None:
    """An array that is refused for one of them stores nothing, so it costs nobody."""
    rates = Rates()
    limits = {"ada": FIVE["ada"], "bob": Quota(pattern="bob", submits_per_s=1)}
    rates.take({"bob": 1}, limits, now=0.0)
    with pytest.raises(QuotaExceeded) as caught:
        rates.take({"ada": 5, "bob": 1, "eve": 1}, limits, now=0.0)
    assert [each.uid for each in caught.value.violations] == ["bob"]
    rates.take({"ada": 5}, limits, now=0.0)


def test_users_without_a_rate_are_not_limited_and_not_remembered() -> None:
    """They cost nothing."""
    rates = Rates()
    rates.take({"ada": 1000, "bob": 1}, {"ada": Quota(pattern="*", queued_max=1)}, now=0.0)
    assert not rates._full_at


def test_a_million_users_fill_no_memory() -> None:
    """Whoever makes up a uid for each job must not end the node; who is in debt is kept longest."""
    rates = Rates(buckets_max=100)
    assert took(rates, 1000, 0.0, uid="flood")
    for number in range(10_000):
        assert took(rates, 1, number / 1000, uid=f"u{number}")
        assert len(rates._full_at) <= 100
    assert not took(rates, 1, 20.0, uid="flood")


@given(
    rate=st.floats(0.01, 1000),
    calls=st.lists(st.tuples(st.floats(0, 10), st.integers(1, 50)), min_size=1, max_size=30),
)
def test_nobody_is_faster_than_the_rate_in_the_long_run(
    rate: float, calls: list[tuple[float, int]]
) -> None:
    """What is taken in a time is at most a burst, what the time brings, and the last array."""
    rates, now, taken, last = Rates(), 0.0, 0, 0
    for pause_s, number in calls:
        now += pause_s
        if took(rates, number, now, rate=rate):
            assert taken + min(number, burst(rate)) <= burst(rate) + now * rate + 1e-3
            taken, last = taken + number, number
    assert taken <= burst(rate) + now * rate + last + 1e-3


@given(
    rate=st.floats(0.01, 1000),
    before=st.lists(st.integers(1, 5000), max_size=4),
    number=st.integers(1, 5000),
)
def test_who_waits_as_told_is_taken(rate: float, before: list[int], number: int) -> None:
    """Retry-After is a promise."""
    rates, now = Rates(), 1000.0
    for each in before:
        took(rates, each, now, rate=rate)
    wait_s = 0
    try:
        rates.take({"ada": number}, {"ada": Quota(pattern="*", submits_per_s=rate)}, now=now)
    except QuotaExceeded as error:
        wait_s = error.retry_after_s or 0
    else:
        return
    assert took(rates, number, now + wait_s, rate=rate)
