"""Schedules as text."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, RenderableType

from atlanscheduler_client.reading import preview_of, schedule_of
from scheduler.api.description.examples import BY_SCHEMA, SCHEDULE
from scheduler.cli import rendering


def text(shown: RenderableType) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(shown)
    found = console.file
    assert isinstance(found, StringIO)
    return found.getvalue()


def test_a_schedule_is_shown_with_its_next_times_and_its_last_ones() -> None:
    shown = text(rendering.schedule(schedule_of(SCHEDULE)))
    assert "0 2 * * * Europe/Berlin" in shown
    assert "2026-11-24 01:00:00 UTC" in shown
    assert "successful  ada/01a208bc" in shown
    assert "skipped: overlap" in shown
    assert "after 3 failures in a row" in shown


def test_a_list_of_schedules_says_when_each_is_next() -> None:
    paused = {
        **SCHEDULE,
        "name": "weekly",
        "paused": True,
        "next": [],
        "cron": None,
        "every_s": 600,
    }
    shown = text(rendering.schedules([schedule_of(SCHEDULE), schedule_of(paused)]))
    assert "ada/nightly" in shown
    assert "every 10m00s" in shown
    assert "paused" in shown
    over = schedule_of({**SCHEDULE, "next": []})
    assert rendering.next_run(over) == "no more: it has ended"


def test_a_preview_has_both_clocks() -> None:
    shown = text(rendering.preview(preview_of(BY_SCHEMA["Preview"])))
    assert "2026-11-24T02:00:00+01:00  2026-11-24 01:00:00 UTC" in shown
    assert "At 02:00 every day" in shown
