"""The labels that jobs need: whether there are such labels, and room for such jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from aiohttp import web

from scheduler.api.requests.checking import choice, refusal, shown
from scheduler.api.state import PLACES
from scheduler.core.errors import Flaw
from scheduler.core.job import JobRequest
from scheduler.service.places import NO_ROOM

LABELS_LISTED_MAX: Final = 50


async def require_places(
    request: web.Request,
    submissions: Sequence[JobRequest],
    *,
    several: bool,
    is_repeated: Callable[[], Awaitable[bool]],
) -> None:
    """Go on only if there are the labels that jobs ask for; most ask for none.

    Or if all of them are stored already: the node that had the labels may have gone since.

    Args:
        is_repeated: whether they are; asked only where something is wrong with them.

    Raises:
        Invalid: there is no such label, or there are too many different needs.
        StoreUnavailable: it is unknown which there are.
    """
    if not any(each.order.needs for each in submissions):
        return
    places = request.app[PLACES]
    known, refused = await places.labels(), await places.without_room(submissions)
    flaws = []
    for number, each in enumerate(submissions):
        pointer = f"/{number}/needs" if several else "/needs"
        flaws += _unknown(each.order.needs, known, pointer)
        if number in refused:
            flaws.append(Flaw(pointer, NO_ROOM))
    if flaws and not await is_repeated():
        raise refusal(flaws)


async def require_labels(request: web.Request, needed: Collection[str], pointer: str) -> None:
    """Go on only if there are these labels; raises as `require_places`."""
    if flaws := _unknown(needed, await request.app[PLACES].labels(), pointer):
        raise refusal(flaws)


def _unknown(needed: Collection[str], known: Collection[str], pointer: str) -> list[Flaw]:
    """What is wrong with labels that neither a live node has nor a handler needs."""
    labels = sorted(known)
    listed = labels[:LABELS_LISTED_MAX]
    return [
        Flaw(
            pointer,
            f"no node has, and no handler needs, the label {shown(label)}; {_known(label, listed)}",
        )
        for label in needed
        if label not in known
    ]


def _known(label: str, listed: Sequence[str]) -> str:
    return choice(label, listed) if listed else "there are none: see [node] labels"
