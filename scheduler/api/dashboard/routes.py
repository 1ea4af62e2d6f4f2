"""The dashboard's routes; only `page` is part of the public table of routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aiohttp import web

from scheduler.api.access.gate import Gate, View
from scheduler.api.dashboard import data
from scheduler.api.dashboard.files import files
from scheduler.core.access.principal import Right

DASHBOARD: Final = "/-/ui/"
DATA: Final[Mapping[str, tuple[View, Right]]] = {
    "me": (data.me, Right.READ),
    "overview": (data.overview, Right.READ),
    "samples": (data.samples, Right.READ),
    "unfinished": (data.unfinished, Right.CHANGE),
    "calendar": (data.calendar, Right.READ),
    "job": (data.job, Right.READ),
    "find": (data.find, Right.READ),
    "nodes": (data.nodes, Right.OPERATE),
}
"""What the page asks for, and what whoever asks must have."""


async def page(request: web.Request) -> web.Response:
    """Show the dashboard, a page for a browser.

    It loads everything it needs from this node.
    """
    return files()["index.html"].answer(request)


def add_dashboard(app: web.Application, gate: Gate) -> None:
    """Add the routes of what the page loads; the page itself is in the table of routes."""
    files()  # read them now: the event loop must not be blocked later
    app.router.add_get(DASHBOARD.rstrip("/"), _to_page)
    for name, (view, right) in DATA.items():
        app.router.add_get(f"{DASHBOARD}data/{name}", gate.guarded(view, right))
    app.router.add_get(DASHBOARD + "{path:.+}", _file)


def dashboard_paths() -> Sequence[str]:
    """The paths that the page loads."""
    return [DASHBOARD + name for name in (*files(), *(f"data/{name}" for name in DATA))]


async def _to_page(_: web.Request) -> web.Response:
    # Relative, so that it also works behind a proxy that adds a path prefix.
    return web.Response(status=308, headers={"Location": "ui/"})


async def _file(request: web.Request) -> web.Response:
    file = files().get(request.match_info["path"])
    if file is None:
        raise web.HTTPNotFound
    return file.answer(request)
