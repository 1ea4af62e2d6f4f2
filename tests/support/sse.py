"""Reads Server-Sent Events as a client does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson


@dataclass(frozen=True)
class Event:
    """One event."""

    id: str
    name: str
    data: Any

    def __str__(self) -> str:
        """The event in one word."""
        match self.name:
            case "status":
                abort = self.data["abort"]
                undone = abort and abort["cleanup"] not in {None, "pending"}
                aborting = "+aborting" * bool(abort and not abort["finished_at"])
                return str(self.data["status"]) + aborting + "+cleaned" * bool(undone)
            case "log":
                return f"{self.data['stream']}: {self.data['text']}"
            case name:
                return name


class Events:
    """The events of an answer, in their order."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.status = answer.status
        self.seen: list[Event] = []
        self._lines = answer.content

    async def next(self) -> Event | None:
        """The next event; None at the end of the answer."""
        fields: dict[str, str] = {}
        while line := (await self._lines.readline()).decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if line == "\n" and fields:
                self.seen.append(Event(fields["id"], fields["event"], orjson.loads(fields["data"])))
                return self.seen[-1]
            if name:
                fields[name] = value
        return None

    async def begun(self) -> None:
        """Wait for the first heartbeat: from then on no event is missed."""
        assert (await self._lines.readline()).startswith(b":")

    async def until(self, done: Callable[[Event], object]) -> Event:
        """The next event with this word."""
        while event := await self.next():
            if done(event):
                return event
        raise AssertionError(f"the answer ended after {list(map(str, self.seen))}")

    async def rest(self) -> list[str]:
        """The events until the end of the answer."""
        before = len(self.seen)
        while await self.next():
            pass
        return list(map(str, self.seen[before:]))


@asynccontextmanager
async def listening(
    url: str, *, after: Event | None = None, for_s: float = 40
) -> AsyncIterator[Events]:
    """Listen to a URL for at most `for_s`, from when the node has begun its answer."""
    headers = {"Last-Event-ID": after.id} if after else {}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(for_s)) as session,
        session.get(url, headers=headers) as answer,
    ):
        if answer.status == 200:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield Events(answer)
