"""Log in with a token, do what it allows, log out: in a real browser."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from atlanscheduler_client import Client
from tests.browser.conftest import Visit, log_in, token


def test_a_login_leads_back_to_where_one_was(visitor: Visit, admin: Client) -> None:
    """Somebody follows a link to a job, and is asked who he is first."""
    job = admin.submit("ada", "echo", 5)
    admin.wait("ada", job.id, timeout_s=60)
    page = visitor.open(f"jobs/ada/{job.id}")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    log_in(page, "atl_nonsense")
    expect(page.get_by_role("alert")).to_contain_text("no token")
    log_in(page, token(admin, "user", "ada").token)
    expect(page.get_by_role("heading", name="echo")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="echo")).to_be_visible()


def test_the_token_is_nowhere_in_the_browser(visitor: Visit, admin: Client) -> None:
    """Neither a script nor a person at the screen finds it."""
    made = token(admin, "user", "ada")
    page = visitor.open()
    log_in(page, made.token)
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    kept = page.evaluate(
        "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    )
    assert made.token not in kept + page.content() + page.url
    assert "atl_" not in kept


def test_what_somebody_may_not_do_is_not_offered(visitor: Visit, admin: Client) -> None:
    """A button that is refused is worse than none."""
    job = admin.submit("ada", "echo", 5)
    admin.wait("ada", job.id, timeout_s=60)
    page = visitor.open()
    log_in(page, token(admin, "viewer", "ada").token)
    expect(page.get_by_role("row").filter(has_text="echo").first).to_be_visible()
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(links).to_have_text(["jobs", "schedules", "handlers", "API"])
    for name in ("Submit a job", "Abort all …", "Run all again …"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    page.goto(f"{visitor.node.url}/-/ui/#/jobs/ada/{job.id}")
    expect(page.get_by_role("heading", name="echo")).to_be_visible()
    expect(page.get_by_role("button", name="again")).to_have_count(0)


def test_who_acts_for_several_users_says_for_whom(visitor: Visit, admin: Client) -> None:
    """The jobs of all users are not his to see."""
    page = visitor.open()
    log_in(page, token(admin, "user", "ada", "team-a.*").token)
    expect(page.get_by_text("You act for ada, team-a.*")).to_be_visible()
    page.get_by_label("User").fill("team-a.bob")
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()


def test_an_operator_sees_everything(visitor: Visit, admin: Client) -> None:
    page = visitor.open()
    log_in(page, token(admin, "operator", "ada").token)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.get_by_role("link", name="nodes", exact=True).click()
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()


def test_after_a_logout_nothing_is_left(visitor: Visit, admin: Client) -> None:
    """Also not by the browser's button Back."""
    page = visitor.open("jobs")
    log_in(page, token(admin, "user", "ada").token)
    page.get_by_role("link", name="handlers").click()
    expect(page.get_by_role("heading", name="Handlers")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert visitor.context.request.get(f"{visitor.node.url}/ada").status == 401


def test_a_revoked_session_leads_to_the_login_and_back(
    visitor: Visit, admin: Client, tmp_path: Path
) -> None:
    """In the middle of watching a job."""
    job = admin.submit("ada", "talk_until", {"file": str(tmp_path / "end")})
    made = token(admin, "user", "ada")
    page = visitor.open(f"jobs/ada/{job.id}")
    log_in(page, made.token)
    expect(page.get_by_role("heading", name="talk_until")).to_be_visible()
    admin.revoke_token(made.id)
    expect(page.get_by_role("heading", name="Log in")).to_be_visible(timeout=40_000)
    log_in(page, token(admin, "user", "ada").token)
    expect(page.get_by_role("heading", name="talk_until")).to_be_visible()
    admin.abort("ada", job.id)


def test_a_node_without_authentication_asks_nobody(visit: Visit) -> None:
    """It goes on as it always did."""
    page = visit.open()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    expect(page.get_by_role("button", name="Log out")).to_have_count(0)
