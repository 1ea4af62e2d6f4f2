"""The dashboard's routes; only `page` is part of the public table of routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from scheduler.api.dashboard import data
from scheduler.api.dashboard.files import files

DASHBOARD: Final = "/-/ui/"
DATA: Final[Mapping[str, Callable[[web.Request], Awaitable[web.Response]]]] = {
    "overview": data.overview,
    "samples": data.samples,
    "unfinished": data.unfinished,
    "nodes": data.nodes,
}


async def page(request: web.Request) -> web.Response:
    """Show the dashboard, a page for a browser.

    It loads everything it needs from this node.
    """
    return files()["index.html"].answer(request)


def add_dashboard(app: web.Application) -> None:
    """Add the routes of what the page loads; the page itself is in the table of routes."""
    files()  # read them now: the event loop must not be blocked later
    app.router.add_get(DASHBOARD.rstrip("/"), _to_page)
    for name, view in DATA.items():
        app.router.add_get(f"{DASHBOARD}data/{name}", view)
    app.router.add_get(DASHBOARD + "{path:.+}", _file)


async def _to_page(_: web.Request) -> web.Response:
    # Relative, so that it also works behind a proxy that adds a path prefix.
    return web.Response(status=308, headers={"Location": "ui/"})


async def _file(request: web.Request) -> web.Response:
    file = files().get(request.match_info["path"])
    if file is None:
        raise web.HTTPNotFound
    return file.answer(request)
