"""The course of changes: a stream on the server, of which each node writes and reads.

    announce ─▶ waiting ─▶ serve: one script ─┬─▶ {ns}:changes         the last of them, by id
                                              └─▶ {ns}:changed:<job>   wakes who watches that job

Nobody waits for the server to take a change. While it is away changes wait here, as many as there
is room for; when there is none they become a gap, which is told in their place.
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
from scheduler.core.change import GAP, Change, Kind
from scheduler.core.errors import QueueUnavailable
from scheduler.core.job import Progress
from scheduler.queue.keys import Keys
from scheduler.queue.scripts import Scripts
from scheduler.queue.server import ANSWER_S, Server

KEPT_MAX: Final = 50_000
"""How many changes the server keeps, roughly: 10 MB, and minutes of a busy installation."""
WAITING_MAX: Final = 10_000
"""How many changes wait here for a server that is away."""
TOLD_MAX: Final = 500
"""How many are told in one script, which nothing else on the server can interrupt."""
PAUSE_S: Final = 0.005
"""How long a change waits for others, to share a script with them: a job that begins at once tells
two, and has its node to itself meanwhile."""
FIELD: Final = "c"
"""The one field of an entry."""
KINDS: Final = frozenset(Kind)
"""What this node understands; a newer one beside it may tell more."""


class ChangeStream:
    """What this node tells, and what it reads of what all have told."""

    def __init__(self, server: Server, scripts: Scripts, *, keys: Keys, random: Random) -> None:
        self._server = server
        self._scripts = scripts
        self._keys = keys
        self._random = random
        self._waiting: deque[Change] = deque()
        self._wanted = asyncio.Event()

    def announce(self, changes: Iterable[Change]) -> None:
        """Have them told soon, in this order."""
        self._waiting.extend(changes)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.clear()
            self._waiting.append(Change(kind=Kind.GAP))  # its own: `_tell` knows it by that
        self._wanted.set()

    async def serve(self) -> None:
        """Tell what waits, for ever; a background task."""
        backoff = Backoff(self._random)
        while True:
            await self._wanted.wait()
            await asyncio.sleep(PAUSE_S)
            await retried(self._tell, on=(QueueUnavailable,), backoff=backoff)

    async def close(self) -> None:
        """Tell the rest, if the server takes it now."""
        with suppress(QueueUnavailable):
            await self._tell()

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
            found = await self._server.commands.xrevrange(self._keys.changes, count=1)
            # One to begin with: of an id that is there it is known what came after.
            return str(found[0][0] if found else await self._begin())

    async def _begin(self) -> str:
        return str(await self._server.commands.xadd(self._keys.changes, {FIELD: _text(GAP)}))

    async def _tell(self) -> None:
        while told := list(islice(self._waiting, TOLD_MAX)):
            pairs = ((each.job_id, _text(each)) for each in told)
            async with self._server.answering():
                await self._scripts.announce(list(chain.from_iterable(pairs)), KEPT_MAX)
            # Only now, so that none is lost with an answer; unless there was no room meanwhile.
            while told and self._waiting and self._waiting[0] is told[0]:
                self._waiting.popleft()
                told.pop(0)
        self._wanted.clear()

    async def _from(self, change_id: str, limit: int) -> Sequence[tuple[str, Change]] | None:
        """The change of an id and those behind it, if that one is there."""
        async with self._server.answering():
            found: Any = await self._server.commands.xrange(
                self._keys.changes, min=change_id, count=limit + 1
            )
        if not found or found[0][0] != change_id:
            return None
        return [(entry_id, _change(fields[FIELD])) for entry_id, fields in found]


def _text(change: Change) -> bytes:
    """A change as it stands on the server: its fields, in their order."""
    return orjson.dumps(tuple(change))


def _change(text: str) -> Change:
    """The change of a text; another version's node may have written more of it, or otherwise."""
    row = orjson.loads(text)
    if not isinstance(row, list):
        return GAP
    told = Change(*row[: len(Change._fields)])
    return told._replace(
        kind=Kind(told.kind) if told.kind in KINDS else Kind.GAP,
        at=None if told.at is None else datetime.fromisoformat(str(told.at)),
        progress=None if told.progress is None else Progress(**cast("Any", told.progress)),
    )
