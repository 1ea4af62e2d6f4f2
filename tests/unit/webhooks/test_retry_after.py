"""How long a receiver asks us to wait, in all spellings, sensible or not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scheduler.webhooks.retry_after import WAIT_S_MAX, retry_after_s

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("000120", 120),
        ("Sun, 01 Mar 2026 12:02:00 GMT", 120),
        ("Sunday, 01-Mar-26 12:02:00 GMT", 120),
        ("Sun Mar  1 12:02:00 2026", 120),
        ("9" * 5000, WAIT_S_MAX),
        ("99999999999", WAIT_S_MAX),
        ("Fri, 31 Dec 9999 23:59:59 GMT", WAIT_S_MAX),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_seconds_and_dates_are_understood_and_bounded(
    code: int, header: str, wait_s: float
) -> None:
    assert retry_after_s(code, header, at=AT) == wait_s


@pytest.mark.parametrize(
    "header",
    [
        *(None, "", "-120", "+120", "1.5", "1e3", "soon", "\u0661\u0662", "²", "nan", "inf"),
        *("Sun, 01 Mar 2026 11:00:00 GMT", "Sun, 99 Foo 2026 12:02:00 GMT", "Sun", "," * 5000),
        "Sun, 01 Mar 99999 12:02:00 GMT",
    ],
)
def test_what_is_no_time_to_wait_is_ignored(header: str | None) -> None:
    """The past, too: the pauses of our own are then long enough."""
    assert retry_after_s(429, header, at=AT) is None


@pytest.mark.parametrize("code", [200, 301, 404, 500, 502])
def test_other_answers_do_not_ask_us_to_wait(code: int) -> None:
    """By its specification, only 503 and 429 mean that the same request may succeed later."""
    assert retry_after_s(code, "120", at=AT) is None
