"""Websites, files, programs, processes and coroutines that a job waits for."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.integration.bring_your_code.shared_memory import entries
from tests.integration.bring_your_code.site import served
from tests.integration.bring_your_code.stopping.surroundings import (
    Arrange,
    Surroundings,
    World,
    exists,
    has_computed,
)
from tests.support.process_table import command_of


@asynccontextmanager
async def silent_site(_world: World) -> AsyncIterator[Surroundings]:
    """A page that is never answered."""
    async with served() as site:
        yield Surroundings(
            in_the_middle=site.asked.is_set,
            data={"url": f"{site.url}/slow"},
            free={"connection": site.left},
        )


@asynccontextmanager
async def locked_file(world: World) -> AsyncIterator[Surroundings]:
    """Two files, the second of which another process has locked."""
    mine, locked = world.folder / "mine", world.folder / "locked"
    mine.touch()
    locked.touch()

    def is_free() -> bool:
        with mine.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    with locked.open() as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        yield Surroundings(
            in_the_middle=lambda: bool(world.holding()) and not is_free(),
            data={"mine": str(mine), "locked": str(locked), "hold": world.hold},
            free={"file lock": is_free},
        )


@asynccontextmanager
async def coroutine(world: World) -> AsyncIterator[Surroundings]:
    """A coroutine of a plain handler, which writes how it ended."""
    note = world.folder / "inner_note"
    yield Surroundings(
        in_the_middle=world.holding,
        data={"hold": world.hold, "inner_note": str(note)},
        free={"coroutine": lambda: note.read_text() == "CancelledError"},
    )


def programs(*names: str) -> Arrange:
    """Programs that the handler starts."""

    @asynccontextmanager
    async def arranged(world: World) -> AsyncIterator[Surroundings]:
        def running() -> set[str]:
            commands = map(command_of, world.node.processes())
            return {name for name in names if any(each.startswith(name) for each in commands)}

        yield Surroundings(
            in_the_middle=lambda: all(name in running() for name in names),
            free={"processes": lambda: not running()},
        )

    return arranged


def held(processes: int) -> Arrange:
    """Processes of the handler that wait in the middle of their work."""

    @asynccontextmanager
    async def arranged(world: World) -> AsyncIterator[Surroundings]:
        yield Surroundings(
            in_the_middle=lambda: len(world.holding()) >= processes,
            data={"hold": world.hold},
            free={"processes": lambda: not any(map(exists, world.holding()))},
        )

    return arranged


@asynccontextmanager
async def sharing(world: World) -> AsyncIterator[Surroundings]:
    """Two processes and something in shared memory."""
    before = entries(world.node.trial)

    def made() -> set[str]:
        return entries(world.node.trial) - before

    async with held(2)(world) as same:
        yield Surroundings(
            in_the_middle=lambda: same.in_the_middle() and made(),
            data=same.data,
            free={**same.free, "`/dev/shm`": lambda: not made()},
        )


@asynccontextmanager
async def computing(world: World) -> AsyncIterator[Surroundings]:
    """A process that computes."""
    yield Surroundings(
        in_the_middle=lambda: any(map(has_computed, world.holding())),
        data={"hold": world.hold},
        free={"processes": lambda: not any(map(exists, world.holding()))},
    )
