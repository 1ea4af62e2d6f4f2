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

from scheduler.core.ports.queue import Share
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
        def load(*names: str) -> AsyncScript:
            folder = files(__package__).joinpath("lua")
            texts = [folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in names]
            return server.commands.register_script("".join(texts))

        self._server = server
        self._keys = keys
        self._enqueue = load("users", "enqueue")
        self._enqueue_first = load("users", "enqueue_first")
        self._take = load("users", "take")
        self._acknowledge = load("users", "acknowledge")
        self._give_back = load("users", "give_back")
        self._postpone = load("users", "postpone")
        self._drop = load("users", "drop")
        self._restore = load("users", "restore")
        self._recover = load("users", "recover")
        self._recount = load("users", "recount")
        self._missing = load("users", "missing")
        self._remind = load("users", "remind")
        self._announce = load("announce")
        self._forgetful = load("forgetful")
        self._remember = load("remember")
        self._changes = load("changes")
        self._latest = load("latest")
        self._repair = load("repair")

    async def enqueue(self, lines: Sequence[str | int]) -> None:
        await self._enqueue(self._keys.of_users, lines)

    async def enqueue_first(self, entries: Sequence[str]) -> None:
        await self._enqueue_first(self._keys.of_users, entries)

    async def take(self, node_id: str, count: int, busy_max: int | None, place: str) -> list[str]:
        keys = [*self._of(node_id), self._keys.nodes, self._keys.earlier]
        # Not by the client that repeats lost commands: the dequeuer must know of a lost answer.
        most = "" if busy_max is None else str(busy_max)
        arguments = [str(count), node_id, str(LOOK_MAX), most, place]
        return texts(await self._take(keys, arguments, client=self._server.blocking))

    async def acknowledge(self, node_id: str, entries: Sequence[str], *, wakes: int = 0) -> None:
        await self._acknowledge(self._of(node_id), [str(wakes), *entries])

    async def give_back(self, node_id: str, entry: str) -> None:
        await self._give_back(self._of(node_id), [entry])

    async def postpone(self, node_id: str, scores_and_entries: Sequence[str | int]) -> None:
        await self._postpone(self._of(node_id), scores_and_entries)

    async def drop(self, lines_and_ids: Sequence[str | int]) -> None:
        await self._drop(self._keys.of_users, lines_and_ids)

    async def announce(self, ids_and_texts: Sequence[str | bytes], kept_max: int) -> None:
        arguments = [kept_max, self._keys.changed(""), *ids_and_texts]
        await self._announce([self._keys.changes], arguments)

    async def restore(self, node_id: str, held: Collection[str]) -> int:
        keys = [*self._of(node_id), self._keys.nodes]
        return int(await self._restore(keys, [node_id, str(LIST_MAX), str(MOVED_MAX), *held]))

    async def recover(self, node_ids: Sequence[str]) -> int:
        lists = map(self._keys.inflight, node_ids)
        keys = [*self._keys.of_users, self._keys.nodes, *lists]
        return int(await self._recover(keys, [str(LIST_MAX), *node_ids]))

    async def recount(self, node_ids: Collection[str]) -> None:
        await self._recount(self._of(*node_ids), [LIST_MAX, LIST_MAX])

    async def missing(
        self, ids_and_lines: Sequence[str], node_ids: Collection[str], *, near: int
    ) -> list[int]:
        """The places of those that are missing, from 0."""
        found = await self._missing(self._of(*node_ids), [near, *ids_and_lines])
        if not isinstance(found, list):
            raise ValueError(f"not a list of numbers: {found!r}")  # noqa: TRY004 - as `texts` does
        return [int(each) - 1 for each in found]

    async def forgetful(self, run_id: str, node_id: str, *, for_s: float) -> bool:
        earlier = (self._keys.earlier, self._keys.earlier_epoch)
        keys = [self._keys.complete, *earlier, self._keys.check("write")]
        return bool(await self._forgetful(keys, [run_id, node_id, _ms(for_s)]))

    async def remind(
        self, run_id: str, node_id: str, lines: Sequence[str | int], *, for_s: float
    ) -> bool:
        arguments = [run_id, node_id, _ms(for_s), *lines]
        return bool(await self._remind(self._keys.of_users, arguments))

    async def changes(self, change_id: str, count: int, *, bytes_max: int) -> list[tuple[str, str]]:
        found = texts(await self._changes([self._keys.changes], [change_id, count, bytes_max]))
        return list(zip(found[::2], found[1::2], strict=True))

    async def latest(self, text: str | bytes) -> str:
        return str(await self._latest([self._keys.changes], [text]))

    async def repair(self, types: Mapping[str, str]) -> list[tuple[str, str]]:
        found = texts(await self._repair([self._keys.complete, *types], list(types.values())))
        return list(zip(found[::2], found[1::2], strict=True))

    async def remember(self, run_id: str, node_id: str) -> None:
        await self._remember([self._keys.complete], [run_id, node_id])

    def _of(self, *node_ids: str) -> list[str]:
        return [*self._keys.of_users, *map(self._keys.inflight, node_ids)]


def share_text(share: Share) -> str:
    """What `shares` has of a user, which `users.lua` reads; nothing where it is the default."""
    if share == Share():
        return ""
    most = -1 if share.running_max is None else share.running_max
    return f"{share.weight:.9g} {most}"


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
