"""Reads a cookie: of each request of a browser, and of whatever else somebody sends as one."""

from __future__ import annotations

from aiohttp import web


def cookie(request: web.Request, name: str) -> str | None:
    """The value of a cookie; None where there is none of this name.

    Nor where there are several: another host of the same domain may have set one of them, so that
    somebody works in a session of its choice. Not by aiohttp, which parses all the others, too:
    8 KB of them take a hundred times as long as the rest of a request.
    """
    found = [
        value
        for header in request.headers.getall("Cookie", ())
        for named, _, value in (each.strip(" \t").partition("=") for each in header.split(";"))
        if named == name
    ]
    return found[0] if len(found) == 1 else None
