"""The change stream: a stream on the server that each node writes to and reads.

    announce ─▶ waiting ─▶ serve: one script ─┬─▶ {ns}:changes         the last changes, by id
                                              └─▶ {ns}:changed:<job>   wakes the job's watchers

Callers do not wait until the server has taken a change. While the server is away changes wait here,
up to a limit; beyond it a gap replaces them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain, islice
from random import Random
from typing import Any, Final, cast

import orjson

from scheduler.basics.retry import Backoff, retried
from scheduler.core.change import GAP, Change, ChangeKind
from scheduler.core.errors import QueueUnavailable
from scheduler.core.job import Progress
from scheduler.queue.connections import ANSWER_S
from scheduler.queue.keys import Keys, is_id
from scheduler.queue.scripts import Scripts
from scheduler.queue.server import Server

KEPT_MAX: Final = 50_000
"""About how many changes the server keeps: 10 MB, and minutes of a busy installation."""
WAITING_MAX: Final = 10_000
"""How many changes may wait here while the server is away."""
PUBLISHED_MAX: Final = 500
"""How many one script publishes: no other command runs on the server meanwhile."""
PAUSE_S: Final = 0.005
"""How long a change waits for others to share a script with them: a job that begins at once makes
two changes, and the node runs the job meanwhile."""
TEXT_BYTES_MAX: Final = 65_536
"""The longest text of a change: far more than a progress with its message takes."""
NUMBER_MAX: Final = 10**8
"""Tokens, attempts and offsets are less: with them, the id of an event can still be read."""
KINDS: Final = frozenset(ChangeKind)
"""The kinds that this node knows; a newer node may send others."""


class ChangeStream:
    """Publishes the changes of this node, and reads those of all nodes."""

    def __init__(self, server: Server, scripts: Scripts, *, keys: Keys, random: Random) -> None:
        self._server = server
        self._scripts = scripts
        self._keys = keys
        self._random = random
        self._waiting: deque[Change] = deque()
        self._has_changes = asyncio.Event()

    def announce(self, changes: Iterable[Change]) -> None:
        """Publish changes soon, in this order."""
        self._waiting.extend(changes)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.clear()
            self._waiting.append(
                Change(kind=ChangeKind.GAP)
            )  # a new object: `_publish` compares by identity
        self._has_changes.set()

    async def serve(self) -> None:
        """Publish waiting changes, for ever; a background task."""
        backoff = Backoff(self._random)
        while True:
            await self._has_changes.wait()
            await asyncio.sleep(PAUSE_S)
            await retried(self._publish, on=(QueueUnavailable,), backoff=backoff)

    async def close(self) -> None:
        """Publish the rest, if the server takes it now."""
        with suppress(QueueUnavailable):
            await self._publish()

    async def read(
        self, change_id: str, *, limit: int, wait_s: float = 0.0
    ) -> Sequence[tuple[str, Change]] | None:
        """See `Queue.changes`."""
        found = await self._from(change_id, limit)
        if wait_s and found is not None and len(found) == 1:
            async with self._server.answering(within_s=wait_s + ANSWER_S):
                await self._server.blocking.xread(
                    {self._keys.changes: change_id}, count=1, block=round(wait_s * 1000)
                )
            found = await self._from(change_id, limit)
        return found

    async def latest(self) -> str:
        """See `Queue.latest_change`."""
        async with self._server.answering():
            return await self._scripts.latest(_text(GAP))

    async def _publish(self) -> None:
        while changes := list(islice(self._waiting, PUBLISHED_MAX)):
            pairs = ((each.job_id, _text(each)) for each in changes)
            async with self._server.answering():
                await self._scripts.announce(list(chain.from_iterable(pairs)), KEPT_MAX)
            # Removed only now, so that no lost answer loses a change. `announce` may have replaced
            # all by a gap meanwhile: then the first ones are not those that were published.
            while changes and self._waiting and self._waiting[0] is changes[0]:
                self._waiting.popleft()
                changes.pop(0)
        self._has_changes.clear()

    async def _from(self, change_id: str, limit: int) -> Sequence[tuple[str, Change]] | None:
        """The change with this id and up to `limit` later ones; None where it is not there."""
        async with self._server.answering():
            found = await self._scripts.changes(change_id, limit + 1, bytes_max=TEXT_BYTES_MAX)
        if not found or found[0][0] != change_id:
            return None
        return [(entry_id, _change(text)) for entry_id, text in found]


def _text(change: Change) -> bytes:
    """A change as text: the JSON array of its fields, in their order."""
    return orjson.dumps(tuple(change))


def _change(text: str) -> Change:
    """The change in a text; a gap where it makes none.

    A node of another version may have written more fields, or others; and whoever can write to the
    server may have written anything.
    """
    try:
        row = orjson.loads(text)
        change = Change(*row[: len(Change._fields)])
        known = change._replace(
            kind=ChangeKind(change.kind) if change.kind in KINDS else ChangeKind.GAP,
            at=None if change.at is None else datetime.fromisoformat(str(change.at)),
            progress=None if change.progress is None else Progress(**cast("Any", change.progress)),
        )
    except (TypeError, ValueError, KeyError):
        return GAP
    return known if _is_whole(known) else GAP


def _is_whole(change: Change) -> bool:
    """Whether each field is what this node makes it itself."""
    numbers = (change.attempt, change.token, change.start_offset, change.end_offset)
    return (
        isinstance(change.job_id, str)
        and (is_id(change.job_id) or (change.kind is ChangeKind.GAP and not change.job_id))
        and isinstance(change.uid, str | None)
        and all(type(each) is int and 0 <= each < NUMBER_MAX for each in numbers)
        and (change.at is None or change.at.tzinfo is not None)
        and (change.progress is None or _is_progress(change.progress))
    )


def _is_progress(progress: Progress) -> bool:
    """Whether its fields are numbers and a text."""
    total = 0.0 if progress.total is None else progress.total
    return isinstance(progress.message, str | None) and all(
        isinstance(each, int | float) for each in (progress.done, total)
    )
