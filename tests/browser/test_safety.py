"""Text of users and handlers never becomes markup, and no site may frame the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit, advance

MARKUP = "<img src=x onerror=\"document.title='hit'\"><b>bold</b><script>alert(1)</script>"
USER = "<img src=x onerror=document.title=1>"


def test_markup_of_users_and_handlers_is_shown_as_text(visit: Visit, script: Path) -> None:
    job = visit.submit("step", {"file": str(script), "total": 2, "note": MARKUP}, uid=USER)
    page = visit.open("jobs")
    page.get_by_role("row").filter(has_text=USER).first.locator("a.id").click()
    advance(script, MARKUP)

    expect(page.locator("dl.names")).to_contain_text(USER)
    expect(page.locator(".progress .message")).to_have_text(MARKUP)
    expect(page.get_by_role("log")).to_contain_text(MARKUP)
    expect(page.locator("pre.json")).to_contain_text("<b>bold<")

    page.get_by_role("button", name="Abort").click()
    page.get_by_label("Reason").fill(MARKUP)
    page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()
    expect(page.locator(".receipt q")).to_have_text(MARKUP)
    assert job["uid"] == USER
    assert page.locator("main").locator("img, b, script").count() == 0
    assert page.title().startswith("job ")


def test_markup_in_an_error_is_shown_as_text(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("fail", MARKUP, uid=uid))
    page = visit.open(f"jobs/{uid}/{job['id']}")

    expect(page.locator(".failure > p").first).to_have_text(MARKUP)
    expect(page.locator(".failure pre")).to_contain_text(MARKUP)
    assert page.locator("main").locator("img, b, script").count() == 0


def test_json_that_looks_like_the_pages_own_objects_is_shown_as_text(
    visit: Visit, uid: str
) -> None:
    """A value that the library takes for an element of its own would be drawn as one."""
    element = {"type": "img", "props": {"src": "x"}, "__v": 1, "constructor": None}
    job = visit.ended(visit.submit("echo", element, uid=uid))
    page = visit.open(f"jobs/{uid}/{job['id']}")

    expect(page.locator("pre.json").first).to_contain_text('"props"')
    assert page.locator("main img").count() == 0


def test_the_policy_holds_in_the_browser(visit: Visit) -> None:
    """That the header is there proves nothing until the browser has refused something."""
    page = visit.open("jobs")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()

    refused = page.evaluate(
        """async () => {
            const found = [];
            const both = new Promise((heard) =>
                document.addEventListener("securitypolicyviolation", (breach) => {
                    found.push(breach.effectiveDirective);
                    if (found.length === 2) heard(found);
                }));
            try { document.body.innerHTML = "<b>x</b>"; } catch { /* as it should */ }
            const image = new Image();
            image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
            document.body.append(image);
            const late = new Promise((heard) => setTimeout(() => heard(found), 5000));
            return Promise.race([both, late]);
        }"""
    )

    assert refused == ["require-trusted-types-for", "img-src"]
    visit.errors.clear()
