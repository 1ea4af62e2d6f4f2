"""The Lua scripts, each with the types it takes and answers.

A script is one step for everybody: no other command runs in between. Each may run twice, because an
answer that is lost is asked for again. What each does is said at the top of its file in `lua/`.
"""

# ruff: noqa: D102 - see lua/

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.resources import files

from redis.commands.core import AsyncScript

from scheduler.queue.keys import Keys
from scheduler.queue.server import Server


class Scripts:
    """The scripts, bound to one namespace; they are loaded again when the server forgot them."""

    def __init__(self, server: Server, keys: Keys) -> None:
        def load(name: str) -> AsyncScript:
            text = files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
            return server.commands.register_script(text)

        self._server = server
        self._keys = keys
        self._take = load("take")
        self._acknowledge = load("acknowledge")
        self._give_back = load("give_back")
        self._announce = load("announce")
        self._restore = load("restore")
        self._recover = load("recover")
        self._missing = load("missing")
        self._forgetful = load("forgetful")
        self._remind = load("remind")
        self._remember = load("remember")

    async def take(self, node_id: str, count: int) -> list[str]:
        keys = [self._keys.queue, self._keys.inflight(node_id), self._keys.nodes]
        # Not by the client that sends lost commands again: the feed has to learn of a lost answer.
        taken: list[str] = await self._take(keys, [count, node_id], client=self._server.blocking)
        return taken

    async def acknowledge(self, node_id: str, job_ids: Sequence[str]) -> None:
        await self._acknowledge([self._keys.inflight(node_id)], job_ids)

    async def give_back(self, node_id: str, job_id: str) -> None:
        await self._give_back([self._keys.queue, self._keys.inflight(node_id)], [job_id])

    async def announce(self, ids_and_texts: Sequence[str | bytes], kept_max: int) -> None:
        arguments = [kept_max, self._keys.changed(""), *ids_and_texts]
        await self._announce([self._keys.changes], arguments)

    async def restore(self, node_id: str, held: Collection[str]) -> int:
        keys = [self._keys.queue, self._keys.inflight(node_id)]
        return int(await self._restore(keys, list(held)))

    async def recover(self, node_ids: Sequence[str]) -> int:
        lists = map(self._keys.inflight, node_ids)
        keys = [self._keys.queue, self._keys.nodes, *lists]
        return int(await self._recover(keys, node_ids))

    async def missing(
        self, job_ids: Sequence[str], node_ids: Collection[str], *, near: int
    ) -> list[str]:
        keys = [self._keys.queue, *map(self._keys.inflight, node_ids)]
        missing: list[str] = await self._missing(keys, [near, *job_ids])
        return missing

    async def forgetful(self, run_id: str, node_id: str, *, for_s: float) -> bool:
        return bool(await self._forgetful([self._keys.epoch], [run_id, node_id, _ms(for_s)]))

    async def remind(
        self, run_id: str, node_id: str, job_ids: Sequence[str], *, for_s: float
    ) -> bool:
        keys = [self._keys.epoch, self._keys.queue]
        return bool(await self._remind(keys, [run_id, node_id, _ms(for_s), *job_ids]))

    async def remember(self, run_id: str, node_id: str) -> None:
        await self._remember([self._keys.epoch], [run_id, node_id])


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
