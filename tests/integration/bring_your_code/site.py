"""A small website on loopback, with a page that is answered only when the test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

PAGES = 6


class Site:
    """Pages, and a page that links to them."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = asyncio.Event()
        """Set once somebody waits for the slow page."""
        self.closing = asyncio.Event()
        self._slow: web.Request | None = None

    def left(self) -> bool:
        """Whether the one who waited for the slow page has closed the connection."""
        return self._slow is not None and self._slow.transport is None

    async def index(self, request: web.Request) -> web.Response:
        links = [f"/pages/{number}" for number in range(PAGES)]
        links += ["/slow"] if "slow" in request.query else []
        return self._page("".join(f'<a href="{link}">' for link in links))

    async def page(self, _request: web.Request) -> web.Response:
        return self._page("a page")

    async def slow(self, request: web.Request) -> web.Response:
        self._slow = request
        self.asked.set()
        await self.closing.wait()
        return self._page("late")

    def _page(self, text: str) -> web.Response:
        return web.Response(text=text, content_type="text/html")


@asynccontextmanager
async def served() -> AsyncIterator[Site]:
    """A site for the block."""
    site = Site()
    app = web.Application()
    app.add_routes(
        [
            web.get("/", site.index),
            web.get("/pages/{number}", site.page),
            web.get("/slow", site.slow),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        tcp = web.TCPSite(runner, "127.0.0.1", 0)
        await tcp.start()
        site.url = tcp.name
        yield site
    finally:
        site.closing.set()
        await runner.cleanup()
