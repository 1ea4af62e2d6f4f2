"""Each page of the dashboard: what it shows, with data and without."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from playwright.sync_api import Browser, expect

from scheduler import __version__
from tests.browser.conftest import PHONE, Visit, drawn, visiting
from tests.support.nodes import Node, Nodes

SMALL_PHONE = {**PHONE, "width": 320}
PAGES = ["", "jobs", "nodes", "handlers", "handlers?submit=echo"]


def test_a_new_installation_is_empty_and_says_how_to_begin(
    browser: Browser, start_node: Nodes
) -> None:
    with visiting(browser, start_node()) as visit:
        page = visit.open()
        expect(page.get_by_text("nothing waits")).to_be_visible()
        expect(page.get_by_text("nothing ended lately")).to_have_count(2)
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()

        page.get_by_role("link", name="Submit the first one").click()
        expect(page.get_by_role("dialog", name="Submit a job")).to_be_visible()


def test_the_overview_shows_what_waits_runs_and_ends(visit: Visit, uid: str) -> None:
    visit.ended(visit.submit("echo", uid=uid))
    visit.ended(visit.submit("fail", uid=uid))

    page = visit.open()

    finished = page.get_by_role("link", name="Finished / min")
    expect(finished).to_contain_text(re.compile(r"min\d*[1-9]"))
    expect(finished).to_contain_text("of them failed")
    for chart in ("Ended per minute", "Queued and running"):
        expect(page.get_by_role("figure", name=chart).locator("canvas")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text=uid)).to_have_count(2)


def test_jobs_are_listed_newest_first_page_by_page(visit: Visit, uid: str) -> None:
    orders = [{"uid": uid, "task": "echo", "data": number} for number in range(60)]
    jobs = visit.ask("POST", "/", orders)
    ids = [f"…{job['id'][-8:]}" for job in reversed(jobs)]

    page = visit.open(f"jobs?uid={uid}")
    rows = page.locator("table.jobs a.id")
    expect(rows).to_have_text(ids[:50])

    page.get_by_role("link", name="Older →").click()
    expect(rows).to_have_text(ids[50:])
    expect(page).to_have_url(re.compile("after="))

    page.get_by_role("link", name="← Newest").click()
    expect(rows).to_have_text(ids[:50])


def test_a_filter_is_kept_in_the_url(visit: Visit, uid: str) -> None:
    """A filtered list can be sent as a link, and survives a reload."""
    for task in ("echo", "fail", "pid"):
        visit.ended(visit.submit(task, uid=uid))
    page = visit.open("jobs")
    rows = page.locator("table.jobs tbody tr")

    page.get_by_label("User").fill(uid)
    expect(rows).to_have_count(3)
    page.get_by_label("Task").select_option("fail")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="terminated").click()
    page.get_by_role("button", name="aborted").click()

    expect(page).to_have_url(re.compile(rf"uid={uid}&task=fail&status=terminated%2Caborted$"))
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.get_by_label("User")).to_have_value(uid)
    expect(page.get_by_label("Task")).to_have_value("fail")
    expect(page.get_by_role("button", name="terminated")).to_have_attribute("aria-pressed", "true")

    page.get_by_role("button", name="terminated").click()
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()
    page.get_by_role("link", name="Show all jobs").click()
    expect(page.get_by_label("User")).to_have_value("")


def test_a_filter_that_is_chosen_changes_nothing_but_itself(visit: Visit) -> None:
    """Pico draws a search as one pill: a ring around all of it, and no borders inside."""
    page = visit.open("jobs")
    form = page.locator("form.filters")
    look = """(form) => [form, ...form.querySelectorAll("input, select")].map((each) => {
        const { borderRadius, borderColor, boxShadow } = getComputedStyle(each);
        return [borderRadius, borderColor, boxShadow];
    })"""
    before = form.evaluate(look)
    page.get_by_role("button", name="queued").click()

    expect(page.get_by_role("button", name="queued")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("main").get_by_role("search")).to_be_visible()
    assert form.evaluate(look) == before
    assert [radius for radius, *_ in before] == ["0px", "8px", "8px"]


def test_a_terminated_job_is_called_failed_with_its_status_beside(visit: Visit, uid: str) -> None:
    """`terminated` sounds like an abort; but it is the word that the API takes."""
    job = visit.ended(visit.submit("fail", uid=uid))
    page = visit.open(f"jobs?uid={uid}")
    expect(page.locator("table.jobs .status")).to_have_text("✕failed terminated")
    expect(page.get_by_role("button", name="failed terminated")).to_be_visible()

    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.locator("h1 .status")).to_have_text("✕failed terminated")
    expect(page.locator(".timeline .what").last).to_have_text("failed terminated")


def test_all_times_are_by_one_clock_of_24_hours(browser: Browser, node: Node) -> None:
    """A time of the log is found in the timeline and in the chart as it stands."""
    with visiting(browser, node, locale="en-US", timezone_id="Etc/GMT+5") as visit:
        job = visit.ended(visit.submit("say_to", ["stdout", "at"], uid="clock"))
        at = datetime.fromisoformat(job["created_at"]).astimezone(timezone(timedelta(hours=-5)))
        page = visit.open(f"jobs/clock/{job['id']}")
        submitted = page.locator(".timeline time").first
        expect(submitted).to_have_text(f"{at:%H:%M:%S}")
        expect(submitted).to_have_attribute("title", f"{at:%Y-%m-%d %H:%M:%S}")
        expect(page.get_by_role("log").locator("time")).to_have_text(
            re.compile(rf"^{at:%H}:\d\d:\d\d\.\d\d\d$")
        )
        visit.open("nodes")
        expect(page.locator("article.card")).to_contain_text(re.compile(r"\d{4}(-\d\d){2} \d\d:"))


def test_the_chart_of_now_begins_with_what_the_node_remembers(visit: Visit) -> None:
    """Whoever opens the page because something is wrong needs to see how it came to that."""
    samples = visit.ask("GET", "/-/ui/data/samples")
    assert samples
    assert set(samples[0]) == {"at", "queued", "running"}
    page = visit.open()
    chart = page.get_by_role("figure", name="Queued and running")
    expect(chart.locator("canvas")).to_be_visible()
    first_drawn = """(figure) => {
        const canvas = figure.querySelector("canvas");
        const key = getComputedStyle(figure.querySelector("[data-status=running]")).color;
        const wanted = key.match(/\\d+/g).map(Number);
        const { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        for (let x = 0; x < width; x++)
            for (let y = 0; y < height; y++)
                if (wanted.every((each, at) => Math.abs(data[4 * (y * width + x) + at] - each) < 9))
                    return x / width;
        return 1;
    }"""
    drawn(page)
    assert chart.evaluate(first_drawn) < 0.15


def test_both_charts_write_a_time_in_the_same_way(visit: Visit) -> None:
    """They stand side by side, and a reader compares them."""
    visit.page.add_init_script(
        """window.labels = new Map();
        const { fillText } = CanvasRenderingContext2D.prototype;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          if (text.includes(":")) labels.set(this.canvas, text);
          document.documentElement.dataset.labels = labels.size;
          return fillText.call(this, text, ...rest);
        };"""
    )
    page = visit.open("")
    expect(page.locator("html")).to_have_attribute("data-labels", "2")
    labels = page.evaluate("[...labels.values()]")
    assert [re.sub(r"\d", "0", label) for label in labels] == ["00:00:00"] * 2


def test_a_job_that_failed_shows_why(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("fail", "the reason", uid=uid))

    page = visit.open(f"jobs/{uid}/{job['id']}")

    expect(page.get_by_role("heading", name="ValueError")).to_be_visible()
    expect(page.get_by_text("the reason", exact=True)).to_be_visible()
    expect(page.get_by_text('File "')).to_contain_text("trials.py")
    expect(page.locator(".timeline")).to_contain_text("terminated")


def test_a_job_that_succeeded_shows_its_data_and_result(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("echo", {"a": [1, "ü"]}, uid=uid))

    page = visit.open(f"jobs/{uid}/{job['id']}")

    for part in ("Result", "Data"):
        section = page.locator("section").filter(has=page.get_by_role("heading", name=part))
        expect(section.locator("pre")).to_contain_text('"ü"')
    expect(page.get_by_role("button", name="Abort")).to_have_count(0)


def test_data_and_result_are_shown_digit_by_digit(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("echo", [9007199254740993], uid=uid))
    page = visit.open(f"jobs/{uid}/{job['id']}")

    expect(page.locator("pre.json")).to_have_text(["[\n  9007199254740993\n]"] * 2)


def test_a_user_is_typed_without_the_list_talking_into_it(visit: Visit) -> None:
    """The list follows the text of the field, and must not overwrite it."""
    page = visit.open("jobs")
    page.get_by_label("User").press_sequentially("ada ")
    expect(page).to_have_url(re.compile("uid=ada$"))
    drawn(page)
    page.get_by_label("User").press_sequentially("lovelace")

    expect(page).to_have_url(re.compile(r"uid=ada\+lovelace$"))
    expect(page.get_by_label("User")).to_have_value("ada lovelace")


@pytest.mark.parametrize("depth", [1500, 100_000])
def test_a_deep_result_does_not_break_the_page(visit: Visit, uid: str, depth: int) -> None:
    """Indented by its depth, its text would fill the memory; some browsers cannot write it."""
    job = visit.submit("deep", depth, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    section = page.locator("section").filter(has=page.get_by_role("heading", name="Result"))
    expect(section.locator("pre")).to_have_text(re.compile(r"^(\[{1500}|too deep to be shown)"))


def test_a_job_that_does_not_exist_is_reported(visit: Visit, uid: str) -> None:
    page = visit.open(f"jobs/{uid}/019ab000-0000-7000-8000-000000000000")

    expect(page.get_by_role("heading", name="There is no such job")).to_be_visible()
    visit.ignore_errors("404")


def test_a_page_that_does_not_exist_is_reported(visit: Visit) -> None:
    page = visit.open("nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_the_nodes_are_shown_with_their_leases(visit: Visit) -> None:
    page = visit.open("nodes")

    card = page.locator("article.card")
    expect(card).to_contain_text("of 2workers busy")
    expect(card).to_contain_text("renewed, holds for 6 s")
    expect(card).to_contain_text(__version__)


def test_no_node_is_called_silent_while_the_page_does_not_hear(visit: Visit) -> None:
    visit.page.clock.install()
    page = visit.open("nodes")
    expect(page.locator("article.card")).to_contain_text("renewed")
    page.route("**/data/nodes", lambda _: None)

    page.clock.fast_forward(60_000)
    page.clock.run_for(2000)
    drawn(page)
    expect(page.locator("article.card")).to_contain_text("renewed", timeout=1)


def test_a_list_is_loaded_as_soon_as_somebody_looks_again(visit: Visit, uid: str) -> None:
    visit.page.route("**/-/events?*", lambda _: None)  # which would tell it
    visit.page.clock.install()
    page = visit.open(f"jobs?uid={uid}")
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()
    with page.expect_response("**/-/jobs?*"):
        visit.turn(hidden=True)
        page.clock.fast_forward(10_000)  # after which it loads its list again
    visit.submit("echo", uid=uid)

    visit.turn(hidden=False)
    expect(page.locator("table.jobs a.id")).to_have_count(1, timeout=3000)


def test_the_handlers_are_shown_with_their_options(visit: Visit) -> None:
    page = visit.open("handlers")

    card = page.locator("article.card").filter(
        has=page.get_by_role("heading", name="limited", exact=True)
    )
    expect(card).to_contain_text("Run longer than its time limit.")
    expect(card).to_contain_text("200 ms")
    expect(card).to_contain_text("killed at once")
    expect(card).to_contain_text("the machine's")
    greedy = page.locator("article.card").filter(has_text="greedy")
    expect(greedy).to_contain_text("256 MiB")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_the_systems_until_it_is_switched(
    browser: Browser, node: Node, theme: str
) -> None:
    def is_dark() -> bool:
        ground = "getComputedStyle(document.documentElement).backgroundColor"
        return max(map(int, re.findall(r"\d+", page.evaluate(ground))[:3])) < 128

    with visiting(browser, node, color_scheme=theme) as visit:
        page = visit.open("jobs")
        expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
        assert is_dark() is (theme == "dark")

        page.get_by_role("button", name="Light or dark").click()
        assert is_dark() is (theme == "light")
        page.reload()
        assert is_dark() is (theme == "light")


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_every_page_without_scrolling_sideways(
    browser: Browser, node: Node, path: str
) -> None:
    with visiting(browser, node, viewport=SMALL_PHONE, has_touch=True) as visit:
        visit.ended(visit.submit("echo", "x" * 300, uid="a-user-with-a-name-that-is-rather-long"))
        page = visit.open(path)
        expect(page.get_by_role("heading").first).to_be_visible()
        expect(page.get_by_label("Loading")).to_have_count(0)

        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_phone_shows_a_job_without_scrolling_sideways(browser: Browser, node: Node) -> None:
    with visiting(browser, node, viewport=PHONE) as visit:
        job = visit.ended(visit.submit("fail", "x" * 300, uid="u1"))
        page = visit.open(f"jobs/u1/{job['id']}")
        expect(page.get_by_role("heading", name="ValueError")).to_be_visible()

        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_every_page_works_without_local_storage(visit: Visit, uid: str) -> None:
    visit.page.add_init_script(
        """Object.defineProperty(window, "localStorage", {
            get() { throw new DOMException("denied", "SecurityError"); },
        });"""
    )
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill(uid)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page).to_have_url(re.compile(f"#/jobs/{uid}/"))
    page.get_by_role("button", name="Light or dark").click()
