"""The Lua scripts, each as a method with types.

A script is atomic: the server runs no other command meanwhile. Each may run twice, because a
command whose answer is lost is sent again. The top of each file in `lua/` says what it does.
"""

# ruff: noqa: D102 - see lua/

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Final

from redis.commands.core import AsyncScript

from scheduler.queue.keys import Keys
from scheduler.queue.server import Server

LOOK_MAX: Final = 1000
"""How many entries one `take` looks at: no other command runs on the server meanwhile."""
LIST_MAX: Final = 10_000
"""How many entries of an in-flight list are looked at or moved: far more than a node has there."""
MOVED_MAX: Final = 1000
"""How many strays one `restore` returns."""


class Scripts:
    """The scripts, for one namespace; they are loaded again when the server has lost them."""

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
        self._changes = load("changes")
        self._latest = load("latest")
        self._repair = load("repair")

    async def take(self, node_id: str, count: int) -> list[str]:
        keys = [self._keys.queue, self._keys.inflight(node_id), self._keys.nodes]
        # Not by the client that repeats lost commands: the dequeuer must know of a lost answer.
        arguments = [str(count), node_id, str(LOOK_MAX)]
        return texts(await self._take(keys, arguments, client=self._server.blocking))

    async def acknowledge(self, node_id: str, job_ids: Sequence[str]) -> None:
        await self._acknowledge([self._keys.inflight(node_id)], job_ids)

    async def give_back(self, node_id: str, job_id: str) -> None:
        await self._give_back([self._keys.queue, self._keys.inflight(node_id)], [job_id])

    async def announce(self, ids_and_texts: Sequence[str | bytes], kept_max: int) -> None:
        arguments = [kept_max, self._keys.changed(""), *ids_and_texts]
        await self._announce([self._keys.changes], arguments)

    async def restore(self, node_id: str, held: Collection[str]) -> int:
        keys = [self._keys.queue, self._keys.inflight(node_id)]
        return int(await self._restore(keys, [str(LIST_MAX), str(MOVED_MAX), *held]))

    async def recover(self, node_ids: Sequence[str]) -> int:
        lists = map(self._keys.inflight, node_ids)
        keys = [self._keys.queue, self._keys.nodes, *lists]
        return int(await self._recover(keys, [str(LIST_MAX), *node_ids]))

    async def missing(
        self, job_ids: Sequence[str], node_ids: Collection[str], *, near: int
    ) -> list[str]:
        keys = [self._keys.queue, *map(self._keys.inflight, node_ids)]
        return texts(await self._missing(keys, [near, *job_ids]))

    async def forgetful(self, run_id: str, node_id: str, *, for_s: float) -> bool:
        return bool(await self._forgetful([self._keys.epoch], [run_id, node_id, _ms(for_s)]))

    async def remind(
        self, run_id: str, node_id: str, job_ids: Sequence[str], *, for_s: float
    ) -> bool:
        keys = [self._keys.epoch, self._keys.queue]
        return bool(await self._remind(keys, [run_id, node_id, _ms(for_s), *job_ids]))

    async def changes(self, change_id: str, count: int, *, bytes_max: int) -> list[tuple[str, str]]:
        found = texts(await self._changes([self._keys.changes], [change_id, count, bytes_max]))
        return list(zip(found[::2], found[1::2], strict=True))

    async def latest(self, text: str | bytes) -> str:
        return str(await self._latest([self._keys.changes], [text]))

    async def repair(self, types: Mapping[str, str]) -> list[tuple[str, str]]:
        found = texts(await self._repair([self._keys.epoch, *types], list(types.values())))
        return list(zip(found[::2], found[1::2], strict=True))

    async def remember(self, run_id: str, node_id: str) -> None:
        await self._remember([self._keys.epoch], [run_id, node_id])


def texts(answer: object) -> list[str]:
    """An answer that must be a list of texts.

    Raises:
        ValueError: it is none.
    """
    if isinstance(answer, list) and all(isinstance(each, str) for each in answer):
        return answer
    raise ValueError(f"not a list of texts: {answer!r}")


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
