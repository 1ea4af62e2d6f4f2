"""Async handlers that keep in their module what belongs to an event loop, as clients do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scheduler import handler


class Client:
    """Connects at its first use, and serves one caller at a time."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, port: int, text: str) -> str:
        """Send a line; the line that comes back."""
        async with self._lock:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", port)
            reader, writer = self._streams
            writer.write(f"{text}\n".encode())
            await writer.drain()
            return (await reader.readline()).decode().strip()


CLIENT = Client()
LOCK = asyncio.Lock()
QUEUE: asyncio.Queue[int] = asyncio.Queue()
LIMIT = asyncio.Semaphore(1)
EVENT = asyncio.Event()
LEFT: list[object] = []


@handler("ask")
async def ask(data: Any) -> Any:
    """Ask a server twice at once, with the client of this process."""
    async with asyncio.TaskGroup() as tasks:
        answers = [tasks.create_task(CLIENT.ask(data["port"], text)) for text in data["texts"]]
    return [each.result() for each in answers]


async def _in_turn(lock: asyncio.Lock | asyncio.Semaphore) -> None:
    async with lock:
        await asyncio.sleep(0)


async def _contend(lock: asyncio.Lock | asyncio.Semaphore) -> None:
    """Have tasks wait for it, which binds it to the event loop."""
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(_in_turn(lock))


async def _exchange() -> None:
    async with asyncio.TaskGroup() as tasks:
        got = tasks.create_task(QUEUE.get())
        await asyncio.sleep(0)
        await QUEUE.put(1)
    assert got.result() == 1


async def _notice() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(EVENT.wait())
        await asyncio.sleep(0)
        EVENT.set()
    EVENT.clear()


@handler("use_kept")
async def use_kept(data: Any) -> Any:
    """Use a primitive of asyncio that the module keeps; the process that did."""
    match data:
        case "lock":
            await _contend(LOCK)
        case "semaphore":
            await _contend(LIMIT)
        case "queue":
            await _exchange()
        case "event":
            await _notice()
    return os.getpid()


async def _go_on(file: str | None) -> None:
    try:
        await asyncio.sleep(1000)
    finally:
        if file is not None:
            Path(file).write_text("ended")


async def _steps(file: str) -> AsyncIterator[int]:
    try:
        for step in range(3):
            yield step
    finally:
        Path(file).write_text("ended")


@handler("leave_task")
async def leave_task(data: Any) -> Any:
    """Return, while a task runs, or with other settings of the event loop."""
    match data["kind"]:
        case "task":
            LEFT.append(asyncio.create_task(_go_on(data["file"])))  # noqa: TID251 - left alone
            await asyncio.sleep(0)
        case "generator":
            async for _ in _steps(data["file"]):
                break
        case "failing":
            LEFT.append(asyncio.create_task(_fail()))  # noqa: TID251 - left alone
            await asyncio.sleep(0)
        case "handler of exceptions":
            asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        case "debug":
            asyncio.get_running_loop().set_debug(True)


def _task(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    return asyncio.Task(work, loop=loop, **options)


async def _fail() -> None:
    raise ValueError("ada's failure")


@handler("company_in_the_loop")
async def company_in_the_loop(data: Any) -> Any:
    """What else there is in the event loop."""
    loop = asyncio.get_running_loop()
    return {
        "tasks": len(asyncio.all_tasks()),
        "debug": loop.get_debug(),
        "task factory": loop.get_task_factory() is not None,
        "handler of exceptions": loop.get_exception_handler() is not None,
    }


@handler("use_threads")
async def use_threads(data: Any) -> Any:
    """Call functions in threads, by each way that asyncio has."""
    loop = asyncio.get_running_loop()
    one = await asyncio.to_thread(int, "1")
    two = await loop.run_in_executor(None, int, "2")
    (three, *_) = await loop.getaddrinfo("127.0.0.1", 3)
    return [one, two, three[4][1]]
