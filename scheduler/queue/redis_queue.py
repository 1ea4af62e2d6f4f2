"""The queue on one Redis or Valkey server. The port `Queue` says what each call promises."""

# ruff: noqa: D102 - see scheduler.core.ports.queue

from __future__ import annotations

from asyncio import Event
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from itertools import chain
from random import Random
from typing import Final

import structlog

from scheduler.basics.batch import Batch
from scheduler.core.change import Change
from scheduler.core.errors import StartError
from scheduler.core.job import WaitingJob
from scheduler.core.places.labels import ANYWHERE, Place, is_lane
from scheduler.core.ports.queue import BusyMax, ShareOf
from scheduler.queue.change_stream import ChangeStream
from scheduler.queue.dequeuer import Dequeuer
from scheduler.queue.keys import Keys, entry_of, is_id, line_of
from scheduler.queue.repair import LANES_MAX, Repair
from scheduler.queue.scripts import Scripts, share_text, texts
from scheduler.queue.server import Server
from scheduler.queue.subscriptions import Subscriptions

log = structlog.get_logger()

FLAG_S: Final = 24 * 60 * 60
"""How long an abort flag is kept: longer than any outage after which a watcher still needs it."""

NEAR: Final = 10_000
"""How many ids from the head of a list are near it; a server reads them in about 1 ms."""

REMIND_S: Final = 10.0
"""How long a node that reminds a forgetful server may be silent before another node takes over:
longer than any page of ids takes. No job waits that long: idle workers ask the store."""

IDS_MAX: Final = 1000
"""How many ids one command adds: no other command runs on the server meanwhile."""

USERS_MAX: Final = 10_000
"""The shares of how many users are told anew at the start. Those of others are as their ids say."""

NODES_MAX: Final = 1000
"""How many nodes with an in-flight list are looked at; more there are never, unless somebody else
writes there."""


class RedisQueue:
    """One node's view of the queue; its `services` must run while it is in use."""

    def __init__(
        self,
        server: Server,
        *,
        keys: Keys,
        node_id: str,
        private: bool,
        random: Random,
        share_of: ShareOf,
        busy_max: BusyMax,
        place: Place,
    ) -> None:
        scripts = Scripts(server, keys)
        self.dequeuer = Dequeuer(
            server, scripts, keys=keys, node_id=node_id, busy_max=busy_max, place=place
        )
        self.subscriptions = Subscriptions(server, keys=keys, node_id=node_id, random=random)
        self._enqueued = Batch(self._enqueue_all, weight=len, weight_max=IDS_MAX)
        self.repair = Repair(server, scripts, keys=keys, node_id=node_id)
        self.change_stream = ChangeStream(server, scripts, keys=keys, random=random)
        self._server = server
        self._scripts = scripts
        self._keys = keys
        self._node_id = node_id
        self._private = private
        self._share_of = share_of
        self._store_identity: str | None = None
        self._run_id: str | None = None
        """The run of the server that `forgetful` last looked at."""

    def services(self) -> Mapping[str, Coroutine[None, None, None]]:
        """Its background tasks, by name."""
        return {
            "queue_dequeue": self.dequeuer.serve(),
            "queue_acknowledge": self.dequeuer.acknowledged.serve(),
            "queue_enqueue": self._enqueued.serve(),
            "queue_announce": self.change_stream.serve(),
            "queue_messages": self.subscriptions.listen(),
            "queue_subscriptions": self.subscriptions.subscribe(),
            "queue_echo": self.subscriptions.check(),
            "queue_reconnect": self._server.reconnect(),
            "queue_repair": self.repair.serve(),
        }

    async def join(self, store_identity: str) -> None:
        async with self._server.answering():
            registered = await self._register(store_identity)
            if registered != store_identity and self._private:
                # The server is this node's alone, so its database file was replaced: no job has
                # these ids any more.
                await self._server.commands.flushdb()
                registered = await self._register(store_identity)
        if registered != store_identity and not is_id(registered):
            log.warning("the queue named no store: this node's store is registered")
            async with self._server.answering():
                await self._server.commands.set(self._keys.store, registered := store_identity)
        if registered != store_identity:
            raise StartError(
                f"[queue] namespace: {self._keys.namespace!r} on {self._server.where} belongs to"
                " another store; give this installation a namespace of its own, or, if that store"
                f" is gone for good, delete the key {self._keys.store}"
            )
        self._store_identity = store_identity
        async with self._server.answering():
            await self._share_anew()

    async def enqueue(self, jobs: Sequence[WaitingJob], *, ahead: bool = False) -> None:
        if ahead and jobs:
            async with self._server.answering():
                await self._scripts.enqueue_first(
                    [entry_of(job.id, job.uid, job.lane) for job in jobs]
                )
        elif jobs:
            await self._enqueued(jobs)

    async def dequeue(
        self, *, wait_s: float, limit: int = 1, in_vain: Callable[[], None] | None = None
    ) -> Sequence[str]:
        return await self.dequeuer.take(wait_s=wait_s, limit=limit, in_vain=in_vain)

    async def acknowledge(self, job_ids: Sequence[str]) -> None:
        await self.dequeuer.acknowledge(job_ids)

    def hold(self, job_id: str, uid: str, *, lane: str = ANYWHERE) -> None:
        self.dequeuer.hold(job_id, uid, lane=lane)

    async def give_back(self, job_id: str) -> None:
        await self.dequeuer.give_back(job_id)

    async def postpone(self, jobs: Sequence[WaitingJob]) -> None:
        await self.dequeuer.postpone(jobs)

    async def drop(self, jobs: Sequence[WaitingJob]) -> None:
        lines: dict[str, list[str]] = {}
        for job in jobs:
            lines.setdefault(line_of(job.uid, job.lane), []).append(job.id)
        arguments: list[str | int] = []
        for line, ids in lines.items():
            arguments += [line, len(ids), *ids]
        if arguments:
            async with self._server.answering():
                await self._scripts.drop(arguments)

    async def recover(self, live_node_ids: Collection[str]) -> int:
        async with self._server.answering():
            gone = await self._nodes() - {self._node_id, *live_node_ids}
            return await self._scripts.recover(sorted(gone)) if gone else 0

    async def missing(self, jobs: Sequence[WaitingJob]) -> Sequence[WaitingJob]:
        if not jobs:
            return []
        ids_and_lines = list(
            chain.from_iterable((job.id, line_of(job.uid, job.lane)) for job in jobs)
        )
        async with self._server.answering():
            found = await self._scripts.missing(ids_and_lines, await self._nodes(), near=NEAR)
            return [jobs[number] for number in found]

    async def forgetful(self) -> bool:
        async with self._server.answering():
            self._run_id = await self._server.run_id()
            return await self._scripts.forgetful(self._run_id, self._node_id, for_s=REMIND_S)

    async def remind(self, jobs: Sequence[WaitingJob]) -> bool:
        async with self._server.answering():
            return await self._scripts.remind(
                str(self._run_id), self._node_id, self._lines(jobs), for_s=REMIND_S
            )

    async def remember(self) -> None:
        if self._run_id is None:
            await self.forgetful()
        async with self._server.answering():
            await self._scripts.remember(str(self._run_id), self._node_id)
            if self._store_identity is not None:
                # A server that lost the ids lost the registration, too.
                await self._server.commands.set(self._keys.store, self._store_identity, nx=True)

    async def announce_abort(self, job_id: str, *, node_id: str) -> None:
        local = node_id == self._node_id
        if local:
            self.subscriptions.deliver_abort(job_id)
        async with self._server.answering(), self._server.commands.pipeline() as pipe:
            pipe.set(self._keys.abort(job_id), 1, ex=FLAG_S)
            if not local:
                pipe.publish(self._keys.aborts(node_id), job_id)
            await pipe.execute()

    async def abort_announced(self, job_id: str) -> bool:
        async with self._server.answering():
            return bool(await self._server.commands.exists(self._keys.abort(job_id)))

    def aborts(self) -> AsyncIterator[str]:
        return self.subscriptions.aborts()

    async def announce_revocation(self, token_id: str) -> None:
        self.subscriptions.deliver_revocation(token_id)
        async with self._server.answering():
            await self._server.commands.publish(self._keys.revoked, token_id)

    def revocations(self) -> AsyncIterator[str]:
        return self.subscriptions.revocations()

    def announce(self, changes: Sequence[Change]) -> None:
        self.subscriptions.deliver_changes(changes)
        self.change_stream.announce(changes)

    async def changes(
        self, change_id: str, *, limit: int, wait_s: float = 0.0
    ) -> Sequence[tuple[str, Change]] | None:
        return await self.change_stream.read(change_id, limit=limit, wait_s=wait_s)

    async def latest_change(self) -> str:
        return await self.change_stream.latest()

    def watch(self, job_id: str) -> AbstractAsyncContextManager[Event]:
        return self.subscriptions.watch(job_id)

    async def _enqueue_all(self, calls: Sequence[Sequence[WaitingJob]]) -> Sequence[None]:
        async with self._server.answering():
            self.dequeuer.note_enqueued()
            await self._scripts.enqueue(self._lines(chain.from_iterable(calls)))
        return [None] * len(calls)

    def _lines(self, jobs: Iterable[WaitingJob]) -> Sequence[str | int]:
        """The arguments of `add_to_lines` in `users.lua`."""
        found: dict[tuple[str, str], list[str | int]] = {}
        for job in jobs:
            found.setdefault((job.uid, job.lane), []).extend((job.turn_ms, job.id))
        lines = (
            (line_of(uid, lane), share_text(self._share_of(uid)), len(line) // 2, *line)
            for (uid, lane), line in found.items()
        )
        return list(chain.from_iterable(lines))

    async def _share_anew(self) -> None:
        """Tell the server the shares of those who wait: it may have those of an earlier start."""
        commands = self._server.commands
        lanes = texts(await commands.srandmember(self._keys.lanes, LANES_MAX))
        for lane in (ANYWHERE, *filter(is_lane, lanes)):
            placed = texts(await commands.zrange(self._keys.users_of(lane), 0, USERS_MAX - 1))
            capped = texts(await commands.srandmember(self._keys.capped_of(lane), USERS_MAX))
            shares = [
                (line_of(uid, lane), share_text(self._share_of(uid)), 0)
                for uid in (*placed, *capped)
            ]
            for begin in range(0, len(shares), IDS_MAX):
                page = shares[begin : begin + IDS_MAX]
                await self._scripts.enqueue(list(chain.from_iterable(page)))

    async def _register(self, store_identity: str) -> str:
        async with self._server.commands.pipeline() as pipe:
            pipe.set(self._keys.store, store_identity, nx=True)
            pipe.get(self._keys.store)
            return str((await pipe.execute())[-1])

    async def _nodes(self) -> set[str]:
        return set(texts(await self._server.commands.srandmember(self._keys.nodes, NODES_MAX)))
