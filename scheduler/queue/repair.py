"""Deletes keys in our namespace that are of another type than ours.

Every command on such a key fails, for as long as the key is there, on every node and after every
start. What it replaced was a hint: its ids are enqueued anew from the store. Lines of users are
repaired by the scripts that meet them.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from scheduler.basics.seldom import Seldom
from scheduler.core.errors import QueueUnavailable
from scheduler.queue.keys import Keys
from scheduler.queue.scripts import Scripts, texts
from scheduler.queue.server import Server

PAUSE_S: Final = 1.0
"""Between two repairs, if somebody writes such keys again and again."""
NODES_MAX: Final = 1000
"""The in-flight lists of so many nodes are looked at."""

LANES_MAX: Final = 1000
"""And the keys of so many lanes."""

log = structlog.get_logger()


class Repair:
    """Repairs one namespace."""

    def __init__(self, server: Server, scripts: Scripts, *, keys: Keys, node_id: str) -> None:
        self._server = server
        self._scripts = scripts
        self._keys = keys
        self._node_id = node_id
        self._seldom = Seldom()

    async def serve(self) -> None:
        """Repair whenever a call met a wrong type, for ever; a background task."""
        while True:
            await self._server.wrong_type.wait()
            self._server.wrong_type.clear()
            with suppress(QueueUnavailable):
                await self.repair()
            await asyncio.sleep(PAUSE_S)

    async def repair(self) -> None:
        """Delete what is of the wrong type.

        Raises:
            QueueUnavailable: the server did not take it.
        """
        async with self._server.answering():
            deleted = await self._scripts.repair(self._keys.types)
            # Only now: the set of nodes itself may have been another type.
            nodes = texts(await self._server.commands.srandmember(self._keys.nodes, NODES_MAX))
            lanes = texts(await self._server.commands.srandmember(self._keys.lanes, LANES_MAX))
            for lane in lanes:
                deleted += await self._scripts.repair(self._keys.of_lane(lane))
            lists = map(self._keys.inflight, {self._node_id, *nodes})
            deleted += await self._scripts.repair(dict.fromkeys(lists, "list"))
        if deleted and self._seldom():
            key, found = deleted[0]
            log.warning(
                "a key of the queue had a type that is not ours: it was deleted",
                key=key,
                type=found,
                keys=len(deleted),
            )
