"""Finds the route of a request.

aiohttp's router looks up each beginning of a path, up to 4,000 of them in a header of 8 KB. So a
path that is deeper than all routes is refused before. And aiohttp answers an `Expect` before the
middlewares see the request, in another way than the API does, and fails at one that is not UTF-8.
So it is looked at here, for all routes and for paths without one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.web_urldispatcher import MatchInfoError, UrlMappingMatchInfo

CONTINUE: Final = "100-continue"

ExpectHandler = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


class Router(web.UrlDispatcher):
    """Finds routes.

    Args:
        depth_max: how many `/` the path of a route has at most.
    """

    def __init__(self, *, depth_max: int) -> None:
        super().__init__()
        self._depth_max = depth_max

    async def resolve(self, request: web.Request) -> UrlMappingMatchInfo:
        """The route of a request, or the error that it gets."""
        expected = request.headers.get(hdrs.EXPECT)
        if expected and expected.lower() != CONTINUE:
            return _Refused(web.HTTPExpectationFailed())
        if request.rel_url.path_safe.count("/") > self._depth_max:
            return _Refused(web.HTTPNotFound())
        found = await super().resolve(request)
        if isinstance(found, MatchInfoError):
            return _Refused(found.http_exception)
        return _Silent(found, found.route) if expected else found


class _Silent(UrlMappingMatchInfo):
    """A route. Who expects 100-continue gets it when the body is wanted: see `bodies`."""

    @property
    def expect_handler(self) -> ExpectHandler:
        """Say nothing yet."""
        return _say_nothing


class _Refused(_Silent, MatchInfoError):
    """No route, but an error; the middlewares make an answer of it."""


async def _say_nothing(_: web.Request) -> None:
    pass
