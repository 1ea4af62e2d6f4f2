"""What a re-run asks for, and how many one request takes."""

from __future__ import annotations

import pytest

from scheduler.core import rerun
from scheduler.core.job import AT_ONCE, JsonText, Order, Rerun
from scheduler.core.rerun import LEFT_OUT, Rerunnable, again, within
from tests.support.stores import AT, later, new

OF = Rerun("019ab000-0000-7000-8000-000000000001")


def test_all_of_the_order_is_taken_over_but_its_times() -> None:
    """A field that is added to the order later is taken over as well."""
    order = Order(
        priority=60, delay_s=5, start_within_s=30, max_attempts=3, hook_retries=True, group="g"
    )
    job = new(order=order, hook="http://h", parent="p").stored(run_at=later(5))

    request = again(job, OF)

    kept = {name: getattr(request.order, name) for name in Order.__slots__}
    assert kept == {
        name: getattr(AT_ONCE if name in LEFT_OUT else order, name) for name in Order.__slots__
    }
    assert (request.uid, request.task, request.data) == (job.uid, job.task, job.data)
    assert (request.hook, request.parent, request.rerun) == ("http://h", None, OF)


def test_what_is_given_is_instead() -> None:
    job = new(order=Order(priority=60), hook="http://h").stored()
    changes = {"data": JsonText("1"), "hook": None, "priority": 0, "run_at": AT, "parent": "q"}

    request = again(job, OF, changes)

    assert (request.data, request.hook, request.parent) == ("1", None, "q")
    assert request.order == Order(run_at=AT)


def test_a_plain_job_is_run_again_as_a_plain_one() -> None:
    """So it may begin at once on a worker that idles, as any other."""
    assert again(new().stored(), OF).order is AT_ONCE


@pytest.mark.parametrize(
    ("sizes", "limit", "taken"),
    [
        ([1, 1, 1], 2, 2),
        ([40, 60, 1], 9, 2),
        ([40, 61, 1], 9, 1),
        ([101, 1], 9, 1),
        ([], 9, 0),
    ],
)
def test_a_request_takes_up_to_a_number_and_a_size(
    monkeypatch: pytest.MonkeyPatch, sizes: list[int], limit: int, taken: int
) -> None:
    """But one at least: else a large job would be in the way of all later ones."""
    monkeypatch.setattr(rerun, "BYTES_MAX", 100)
    found = [Rerunnable(str(number), "u1", size) for number, size in enumerate(sizes)]

    assert list(within(found, limit=limit)) == found[:taken]
