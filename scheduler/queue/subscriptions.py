"""Pub/sub messages between nodes: aborts, revoked tokens, and changes of jobs that are watched.

All come over one pub/sub connection of the node, which a background task keeps open. Messages only
make things faster: a connection that is down receives nothing, and is down for a while after each
failure. So a watcher that may have missed a message is woken to read the store itself.

    aborts()       ◀─┐                      ┌─ {ns}:aborts:<this node>
    revocations()  ◀─┼─ read ◀─ connection ◀┼─ {ns}:revoked
    watch()        ◀─┤                      ├─ {ns}:changed:<job>, while somebody watches it
    check()        ◀─┘                      └─ {ns}:echo:<this node> ◀─ check()
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

CHECK_S: Final = 5.0
"""How often the node sends itself a message."""

UNREAD_MAX: Final = 10_000
"""Messages that one reader may leave unread; later ones are dropped, as if lost."""


class Subscriptions:
    """The channels that this node subscribes to, and the messages that it receives."""

    def __init__(self, server: Server, *, keys: Keys, node_id: str, random: Random) -> None:
        self._server = server
        self._keys = keys
        self._aborts_channel = keys.aborts(node_id)
        self._echo_channel = keys.echo(node_id)
        self._random = random
        self._readers: dict[str, set[asyncio.Queue[str]]] = {
            self._aborts_channel: set(),
            keys.revoked: set(),
        }
        """By channel; we are subscribed to these for as long as there is a connection."""
        self._watchers: dict[str, set[Event]] = {}
        self._watchers_changed = asyncio.Event()
        """Set when the channels in `_watchers` may differ from those we are subscribed to."""
        self._echoed = asyncio.Event()
        """Set when something comes on the channel of echoes."""
        self._pubsub: PubSub | None = None
        self._subscribed: set[str] = set()
        """Channels of watched jobs that this connection is subscribed to."""

    async def listen(self) -> None:
        """Keep the connection open and read its messages, for ever; a background task."""
        backoff = Backoff(self._random)
        while True:
            with suppress(QueueUnavailable):
                async with self._connected() as pubsub:
                    backoff.reset()
                    await self._read(pubsub)
            await backoff.pause()

    async def subscribe(self) -> None:
        """Subscribe to the channels of all watched jobs, for ever; a background task.

        Only this task changes them, so that no two commands overtake each other. It is not in a
        task group with the reading: if that fails while it is cancelled, Python 3.11 drops the
        cancellation.
        """
        while True:
            await self._watchers_changed.wait()
            self._watchers_changed.clear()
            with suppress(QueueUnavailable):  # the reading fails, too, and reconnects
                await self._update()

    async def check(self) -> None:
        """Send this node a message again and again, and expect it; a background task.

        Nothing else tells that the connection leads to another server than the commands do, or was
        dropped on the way without a word: it sends nothing, so nothing on it is refused or fails.
        A message that does not come is an answer that does not come: all connections are closed.
        """
        while True:
            await asyncio.sleep(CHECK_S)
            if self._pubsub is not None:
                self._echoed.clear()
                with suppress(QueueUnavailable):
                    async with self._server.answering():
                        await self._server.commands.publish(self._echo_channel, "")
                        await self._echoed.wait()

    def aborts(self) -> AsyncIterator[str]:
        """Ids of announced aborts, as they come, until the reader stops."""
        return self._messages(self._aborts_channel)

    def revocations(self) -> AsyncIterator[str]:
        """Ids of revoked tokens, as they come, until the reader stops."""
        return self._messages(self._keys.revoked)

    async def _messages(self, channel: str) -> AsyncIterator[str]:
        unread: asyncio.Queue[str] = asyncio.Queue(UNREAD_MAX)
        self._readers[channel].add(unread)
        try:
            while True:
                yield await unread.get()
        finally:
            self._readers[channel].discard(unread)

    @asynccontextmanager
    async def watch(self, job_id: str) -> AsyncIterator[Event]:
        """An event that is set when the job changes, or may have.

        It is also set once the subscription is active: changes before that were not received.
        """
        channel, event = self._keys.changed(job_id), asyncio.Event()
        self._watchers.setdefault(channel, set()).add(event)
        self._watchers_changed.set()
        try:
            yield event
        finally:
            self._watchers[channel].discard(event)
            if not self._watchers[channel]:
                del self._watchers[channel]
            self._watchers_changed.set()

    def deliver_abort(self, job_id: str) -> None:
        """Pass an abort for this node to all readers."""
        self._pass_on(self._aborts_channel, job_id)

    def deliver_revocation(self, token_id: str) -> None:
        """Pass a revocation to all readers on this node."""
        self._pass_on(self._keys.revoked, token_id)

    def _pass_on(self, channel: str, message: str) -> None:
        for unread in self._readers[channel]:
            with suppress(asyncio.QueueFull):
                unread.put_nowait(message)

    def deliver_changes(self, changes: Iterable[Change]) -> None:
        """Wake the watchers of changes made on this node: that needs no server."""
        for change in changes if self._watchers else ():
            self._wake(self._keys.changed(change.job_id))

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[PubSub]:
        async with self._server.blocking.pubsub() as pubsub:
            async with self._server.answering():
                await pubsub.subscribe(*self._readers, self._echo_channel)
            # Only now: two tasks that use a new `PubSub` at once would open two connections.
            self._pubsub, self._subscribed = pubsub, set()
            self._watchers_changed.set()
            try:
                yield pubsub
            finally:
                self._pubsub = None

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            async with self._server.answering(within_s=None):
                message = await pubsub.get_message(timeout=None)
            if message:
                self._deliver(message["type"], message["channel"], message["data"])

    async def _update(self) -> None:
        pubsub = self._pubsub
        if pubsub is None:
            return  # `_connected` sets the event again
        wanted = set(self._watchers)
        added, removed = wanted - self._subscribed, self._subscribed - wanted
        self._subscribed = wanted
        async with self._server.answering():
            if added:
                await pubsub.subscribe(*added)
            if removed:
                await pubsub.unsubscribe(*removed)

    def _deliver(self, kind: object, channel: object, data: object) -> None:
        if not isinstance(channel, str):
            return  # the server made it up
        if kind == "message" and channel in self._readers and isinstance(data, str):
            self._pass_on(channel, data)
        elif kind in {"message", "subscribe"} and channel == self._echo_channel:
            self._echoed.set()  # a message before the subscription does not come
        elif kind in {"message", "subscribe"}:
            self._wake(channel)

    def _wake(self, channel: str) -> None:
        for event in self._watchers.get(channel, ()):
            event.set()
