"""The dashboard's files and JSON: what the browser gets, and what it is forbidden to do."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import scheduler.api.dashboard
from scheduler.api.dashboard.files import files
from scheduler.core.job import JsonText, Status
from tests.unit.api.conftest import Api

FOLDER = Path(scheduler.api.dashboard.__file__).parent
SOURCES = sorted((FOLDER / "static").rglob("*.*"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_source_leads_elsewhere_or_makes_markup_of_text(path: Path) -> None:
    """The page must work in a network without access to the internet."""
    text = path.read_text()
    outside = re.findall(r"https?://[^\s'\"`)]+", text)
    assert set(outside) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|dangerouslySet|insertAdjacent|\beval\(|new Function", text)
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=|<style", text)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_file_that_is_named_is_there(path: Path) -> None:
    """A missing module makes an empty page, which only a browser would show."""
    text = path.read_text()
    modules = re.findall(r'from "(\.[^"]+)"', text)
    icons = re.findall(r'(?:src|href)="((?!\.\.)[\w/.-]+)"', text)
    static = FOLDER / "static"
    paths = [path.parent / name for name in modules] + [static / name for name in icons]
    named = {os.path.relpath(name, static) for name in paths}
    assert named <= set(files())


async def test_the_page_forbids_all_that_it_does_not_need(api: Api) -> None:
    answer = await api.get("/-/ui/")

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
    )
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_path_of_the_page_may_lack_its_last_slash(api: Api) -> None:
    answer = await api.get("/-/ui", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (308, "ui/")


async def test_a_file_comes_with_its_type_and_is_not_sent_twice(api: Api) -> None:
    answer = await api.get("/-/ui/app.js")
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"

    again = await api.get("/-/ui/app.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.text) == (304, "")


async def test_a_file_is_gzipped_only_for_clients_that_accept_it(api: Api) -> None:
    packed = await api.get("/-/ui/app.js")
    plain = await api.get("/-/ui/app.js", headers={"Accept-Encoding": "identity"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.text == plain.text


@pytest.mark.parametrize(
    "path", ["nothing.js", "vendor/VENDORED", "../api/app.py", "%2e%2e/files.py", "data/nothing"]
)
async def test_no_other_file_is_served(api: Api, path: str) -> None:
    assert (await api.get(f"/-/ui/{path}")).status == 404


async def test_the_statistics_of_an_empty_installation(api: Api) -> None:
    figures = (await api.get("/-/ui/data/overview")).json

    assert (figures["queued"], figures["running"]) == (0, 0)
    assert figures["oldest_queued_s"] is figures["waiting"] is figures["ran"] is None
    assert len(figures["minutes"]) == 30
    assert figures["last_minute"] == {"successful": 0, "terminated": 0, "aborted": 0}


async def test_the_statistics_follow_what_happens(api: Api) -> None:
    await api.submit()
    running, ended = await api.submit(), await api.submit()
    await api.start(running)
    claim = await api.start(ended)
    await api.end(claim, result=JsonText("1"))

    figures = (await api.get("/-/ui/data/overview")).json

    assert (figures["queued"], figures["running"]) == (1, 1)
    assert figures["queued_is_exact"] is True
    assert 0 <= figures["oldest_queued_s"] < 60
    assert figures["held"] == {}
    assert figures["last_minute"]["successful"] == figures["minutes"][-1]["successful"] == 1
    assert figures["waiting"] == figures["ran"] == {"p50_s": 0, "p95_s": 0}


async def test_what_a_bulk_abort_would_affect_is_counted_by_user(api: Api) -> None:
    for uid in ("u1", "u1", "u2"):
        await api.submit(uid)
    await api.start(await api.submit("u3"))

    async def users(which: str) -> dict[str, int]:
        answer = (await api.get(f"/-/ui/data/unfinished?{which}")).json
        assert answer["exact"] is True
        found: dict[str, int] = answer["users"]
        return found

    assert await users("") == {"u1": 2, "u2": 1, "u3": 1}
    assert await users("uid=u1") == {"u1": 2}
    assert await users("status=running") == {"u3": 1}
    assert await users(f"status={Status.SUCCESSFUL}") == {}
    assert await users("uid=nobody") == {}


async def test_the_nodes_are_listed_with_their_heartbeats(api: Api) -> None:
    await api.start(await api.submit())
    await api.store.renew("a1", running=1)

    answer = (await api.get("/-/ui/data/nodes")).json

    assert answer["lease_s"] == 6
    assert [(node["id"], node["beat"]) for node in answer["nodes"]] == [("a1", 1)]


@pytest.mark.parametrize(
    "path",
    [
        "unfinished?uid=-x",
        "unfinished?status=odd",
        "unfinished?limit=1",
        "overview?x=1",
        "samples?x=1",
    ],
)
async def test_the_response_to_a_wrong_query_says_what_is_wrong(api: Api, path: str) -> None:
    answer = await api.get(f"/-/ui/data/{path}")
    assert answer.status == 400
    assert len(answer.flaws) == 1
