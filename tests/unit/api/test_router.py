"""How the route of a request is found, and what it may expect."""

from __future__ import annotations

import pytest
from aiohttp import web

from scheduler.api.dashboard import dashboard_paths
from scheduler.api.description.routes import ROUTES
from tests.unit.api.conftest import Api, build
from tests.unit.api.limits.conftest import request, serving

JOB = "019ab000-0000-7000-8000-000000000001"
ASKED = [
    *(
        (route.method, route.path.format(uid="ada", id=JOB, kind="task", name="task1", group="g"))
        for route in ROUTES
    ),
    *(("GET", path) for path in dashboard_paths()),
    ("GET", "/-/ui"),
    ("GET", "/-/ui/no-such-file.js"),
    ("GET", "/-/no-such-path"),
    ("GET", "/metrics"),
    ("GET", "/ada/" + "x/" * 1000),
    ("PUT", "/-/health"),
    ("OPTIONS", "/"),
    ("PATCH", "/ada"),
]


@pytest.mark.parametrize("depth", [6, 100, 4000])
async def test_a_path_that_is_deeper_than_all_routes_is_looked_up_in_none(
    api: Api, monkeypatch: pytest.MonkeyPatch, depth: int
) -> None:
    """Each of its beginnings would be looked up: 16 ms for 8 KB, without a token."""

    async def resolve(*_: object) -> object:
        raise AssertionError("aiohttp's router was asked")

    monkeypatch.setattr(web.UrlDispatcher, "resolve", resolve)
    for path in ("/a" * depth, "/-/ui" + "/a" * depth):
        answer = await api.get(path)
        assert (answer.status, answer.json["detail"]) == (404, "There is nothing at this path")


@pytest.mark.parametrize("path", dashboard_paths())
async def test_no_file_of_the_dashboard_is_too_deep(api: Api, path: str) -> None:
    assert (await api.get(path)).status in {200, 400}


async def test_an_unknown_expectation_is_refused_in_the_same_way_everywhere() -> None:
    """By itself, aiohttp answers before our middlewares, and with 500 where it is not UTF-8."""
    async with serving(build()) as served:
        peer = await served.connect()
        for method, path in ASKED:
            for expected in ("tea", "tea\udcff", "100-continue, tea"):
                asked = request(method, path).decode().replace("\r\n\r\n", "")
                asked += f"\r\nExpect: {expected}\r\n\r\n"
                reply = await peer.ask(asked.encode(errors="surrogateescape"))
                assert (reply.status, reply.problem) == (417, "expectation-failed"), (method, path)
                assert "server" not in reply.headers
                assert reply.headers["x-content-type-options"] == "nosniff"


async def test_nobody_is_asked_for_a_body_that_nobody_reads() -> None:
    """The client would send it in vain."""
    header = {"Expect": "100-continue", "Content-Length": "9"}
    async with serving(build()) as served:
        for method, path, status in (
            ("GET", "/-/no-such-path", 404),
            ("PUT", "/-/health", 405),
            ("GET", "/-/ui/app.js", 200),
            ("GET", "/" + "a/" * 1000, 404),
        ):
            assert (await served.ask(request(method, path, header))).status == status
