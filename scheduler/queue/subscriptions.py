"""What nodes tell each other while they look: aborts, and changes of jobs that somebody watches.

All goes over one pub/sub connection of the node, which a background task keeps up. Messages only
make things faster (a connection that is down hears nothing, and is down for a while after each
failure), so whoever may have missed one is woken to look for himself.

    aborts()  ◀─┐                      ┌─ {ns}:aborts:<this node>
                ├─ read ◀─ connection ◀┤
    watch()   ◀─┘                      └─ {ns}:changed:<job>, while somebody watches it
"""

from __future__ import annotations

import asyncio
from asyncio import Event
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Final

from redis.asyncio.client import PubSub

from scheduler.basics.retry import Backoff
from scheduler.core.change import Change
from scheduler.core.errors import QueueUnavailable
from scheduler.queue.keys import Keys
from scheduler.queue.server import Server

ABORTS_MAX: Final = 10_000
"""Announced aborts that one reader may leave unread; later ones are dropped, as if not heard."""


class Subscriptions:
    """What this node hears."""

    def __init__(self, server: Server, *, keys: Keys, node_id: str, random: Random) -> None:
        self._server = server
        self._keys = keys
        self._aborts_channel = keys.aborts(node_id)
        self._random = random
        self._readers: set[asyncio.Queue[str]] = set()
        self._watchers: dict[str, set[Event]] = {}
        self._wishes = asyncio.Event()
        """Set when the channels in `_watchers` may differ from those we are subscribed to."""
        self._pubsub: PubSub | None = None
        self._subscribed: set[str] = set()
        """Channels of watchers that this connection is subscribed to."""

    async def listen(self) -> None:
        """Keep the connection up, and hear what is said; a background task."""
        backoff = Backoff(self._random)
        while True:
            with suppress(QueueUnavailable):
                async with self._connected() as pubsub:
                    backoff.reset()
                    await self._read(pubsub)
            await backoff.pause()

    async def subscribe(self) -> None:
        """Keep the subscriptions as the watchers wish them; a background task.

        It alone changes them, so that no two commands overtake each other. Not in a task group
        with the reading: where that fails while it is cancelled, Python 3.11 forgets to cancel.
        """
        while True:
            await self._wishes.wait()
            self._wishes.clear()
            with suppress(QueueUnavailable):  # the reading fails as well, and connects again
                await self._meet_wishes()

    async def aborts(self) -> AsyncIterator[str]:
        """Ids of announced aborts, for as long as somebody reads."""
        unread: asyncio.Queue[str] = asyncio.Queue(ABORTS_MAX)
        self._readers.add(unread)
        try:
            while True:
                yield await unread.get()
        finally:
            self._readers.discard(unread)

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[Event]:
        """An event that is set when the job changes, or may have.

        It is also set once the subscription holds: what changed before that was not heard.
        """
        channel, event = self._keys.changed(job_id), asyncio.Event()
        self._watchers.setdefault(channel, set()).add(event)
        self._wishes.set()
        try:
            yield event
        finally:
            self._watchers[channel].discard(event)
            if not self._watchers[channel]:
                del self._watchers[channel]
            self._wishes.set()

    def hear_abort(self, job_id: str) -> None:
        """Take note of an abort that concerns this node."""
        for unread in self._readers:
            with suppress(asyncio.QueueFull):
                unread.put_nowait(job_id)

    def hear_changes(self, changes: Iterable[Change]) -> None:
        """Take note of changes that come from this node: they need no server."""
        for change in changes if self._watchers else ():
            self._wake(self._keys.changed(change.job_id))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[PubSub]:
        async with self._server.blocking.pubsub() as pubsub:
            async with self._server.answering():
                await pubsub.subscribe(self._aborts_channel)
            # Only now: two tasks that use a new `PubSub` at once would open two connections.
            self._pubsub, self._subscribed = pubsub, set()
            self._wishes.set()
            try:
                yield pubsub
            finally:
                self._pubsub = None

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            async with self._server.answering(within_s=None):
                message = await pubsub.get_message(timeout=None)
            if message:
                self._hear(message["type"], message["channel"], message["data"])

    async def _meet_wishes(self) -> None:
        pubsub = self._pubsub
        if pubsub is None:
            return  # whoever connects wakes us
        wanted = set(self._watchers)
        gained, lost = wanted - self._subscribed, self._subscribed - wanted
        self._subscribed = wanted
        async with self._server.answering():
            if gained:
                await pubsub.subscribe(*gained)
            if lost:
                await pubsub.unsubscribe(*lost)

    def _hear(self, kind: str, channel: str, data: str) -> None:
        if kind == "subscribe":
            self._wake(channel)
        elif kind == "message" and channel == self._aborts_channel:
            self.hear_abort(data)
        elif kind == "message":
            self._wake(channel)

    def _wake(self, channel: str) -> None:
        for event in self._watchers.get(channel, ()):
            event.set()
