"""What a dialog asked is what is done, and what was typed into it is not lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import Visit, drawn

if TYPE_CHECKING:
    from playwright.sync_api import Locator


def middle(place: Locator) -> tuple[float, float]:
    """Where a mouse would point at it."""
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_bulk_abort_is_asked_for_anew_when_the_filter_changes(visit: Visit, uid: str) -> None:
    """Back in the history would else abort jobs that nobody counted."""
    visit.open(f"jobs?uid={uid}-other")
    page = visit.open(f"jobs?uid={uid}")
    expect(page.get_by_label("User")).to_have_value(uid)
    page.get_by_role("button", name="Abort all").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.go_back()
    expect(page.get_by_label("User")).to_have_value(f"{uid}-other")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_text_that_is_marked_beyond_the_dialog_does_not_close_it(visit: Visit) -> None:
    page = visit.open("handlers?submit=echo")
    data = page.get_by_label("Data")
    data.fill("[1, 2, 3]")
    page.mouse.move(*middle(data))
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    drawn(page)
    expect(data).to_have_value("[1, 2, 3]")

    page.mouse.click(5, 5)
    expect(page.get_by_role("dialog")).to_have_count(0)
