"""Handlers that end with an exception while they hold a lock or a transaction."""

from __future__ import annotations

import asyncio
import fcntl
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any

from scheduler import handler

PATIENCE_S = 1.0
LAST: list[BaseException] = []


def _lock(place: str) -> object:
    file = Path(place).open("w")  # noqa: SIM115 - the test is that nobody closes it
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _write(place: str) -> object:
    connection = sqlite3.connect(place, isolation_level=None, timeout=0)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
    return connection


TAKES: dict[str, Callable[[str], object]] = {"lock": _lock, "transaction": _write}


class Owner:
    """Refers to itself, so that only the garbage collector frees it."""

    def __init__(self, held: object) -> None:
        self.held = held
        self.me = self


def _raise(held: object) -> None:
    raise ValueError(f"with {held} in hand")


def _raise_from(held: object) -> None:
    try:
        _raise(held)
    except ValueError as error:
        raise RuntimeError("another") from error


def _raise_meanwhile(held: object) -> None:
    try:
        _raise(held)
    finally:
        raise RuntimeError("another")


def _raise_group(held: object) -> None:
    try:
        _raise(held)
    except ValueError as error:
        raise ExceptionGroup("several", [error, TypeError("other")]) from None


def _keep_error(held: object) -> None:
    try:
        _raise(held)
    except ValueError as caught:
        error = caught
    raise error


def _remember(held: object) -> None:
    try:
        _raise(held)
    except ValueError as error:
        LAST.append(error)
        raise


def _own(held: object) -> None:
    _raise(Owner(held))


def _return_owner(held: object) -> None:
    Owner(held)


def _swallow(held: object) -> None:
    """Keep an exception that refers to itself, and return."""
    try:
        _raise(held)
    except ValueError as caught:
        error = caught  # noqa: F841 - with its traceback, it refers to this frame, so to itself


def _generate(held: object) -> None:
    def steps() -> Iterator[object]:
        yield itself
        yield held

    itself = steps()
    next(itself)
    _raise(held)


def _run(held: object) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        _raise(held)

    asyncio.run(work())


def _run_group(held: object) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        _raise(held)

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())

    asyncio.run(work())


WAYS: dict[str, Callable[[object], None]] = {
    "raised": _raise,
    "raised from": _raise_from,
    "raised meanwhile": _raise_meanwhile,
    "raised in a group": _raise_group,
    "kept in a local": _keep_error,
    "kept in a module": _remember,
    "kept by a cycle": _own,
    "returned with a cycle": _return_owner,
    "returned with an error": _swallow,
    "kept by a generator": _generate,
    "raised in a loop": _run,
    "raised in a task": _run_group,
}


@handler("hold")
def hold(data: Any) -> Any:
    """Take it, and end in one of several ways without releasing it."""
    held = TAKES[data["kind"]](data["place"])
    WAYS[data["how"]](held)


@handler("hold_async")
async def hold_async(data: Any) -> Any:
    """Do the same in an event loop, where there is none of its own."""
    held = TAKES[data["kind"]](data["place"])
    await asyncio.sleep(0)
    WAYS[data["how"]](held)


@handler("hold_until_aborted")
def hold_until_aborted(data: Any) -> Any:
    """Take it and wait; the exception of an abort is kept."""
    held = TAKES[data["kind"]](data["place"])
    Path(data["file"]).touch()
    try:
        time.sleep(1000)
    except BaseException as error:
        LAST.append(error)
        error.add_note(str(held))
        raise


@handler("hold_until_aborted_async")
async def hold_until_aborted_async(data: Any) -> Any:
    """Take it and wait; its task is cancelled."""
    held = TAKES[data["kind"]](data["place"])
    Path(data["file"]).touch()
    await asyncio.sleep(1000)
    return str(held)


@handler("take_it")
def take_it(data: Any) -> Any:
    """Take and release it; fail where it is not free soon."""
    if data["kind"] == "transaction":
        with closing(sqlite3.connect(data["place"], timeout=PATIENCE_S)) as connection:
            connection.execute("BEGIN IMMEDIATE")
        return
    with Path(data["place"]).open("w") as file:
        deadline = time.monotonic() + PATIENCE_S
        while not _locked(file) and time.monotonic() < deadline:
            time.sleep(0.01)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(file: IO[str]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
