"""Nodes that share a store and a queue, as clients see them: one URL after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp

from tests.chaos.ledger import FINAL, Ledger
from tests.chaos.members import Member

Job = dict[str, Any]

UID: Final = "chaos"
LIMITED: Final = "limited"
"""The user of whom only `RUNNING_MAX` jobs may run at a time."""
RUNNING_MAX: Final = 1
QUOTAS: Final = {"QUOTAS": f'{{"{LIMITED}" = {{running_max = {RUNNING_MAX}}}}}'}
"""What each node has to know of it."""
LABELLED: Final = {"NODE__LABELS": "fast,zone=eu"}
"""What a node has that takes the jobs which need a label."""
ANSWER_S: Final = 3.0
"""How long a client waits before it asks another node: one may be stopped, or lack its store."""
ANSWERS: Final = {200, 202, 409}
PAGE: Final = 500
PAUSE_S: Final = 0.1
"""The pause before a client tries another node."""


class Installation:
    """An installation: the town of several nodes, or the hermit."""

    def __init__(
        self,
        name: str,
        *,
        members: Sequence[Member],
        ledger: Ledger,
        random: Random,
        group: asyncio.TaskGroup,
        session: aiohttp.ClientSession,
    ) -> None:
        self.name = name
        self.members = members
        self.ledger = ledger
        self._random = random
        self._group = group
        self._session = session
        self._mending: set[asyncio.Task[None]] = set()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        wait_s: float = 0,
        headers: Mapping[str, str] | None = None,
        also: int | None = None,
    ) -> tuple[int, Any, Mapping[str, str]] | None:
        """Send a request to any node; None if it was refused or cut, or the node cannot take it.

        An answer other than 2xx, 409, 503 or `also` is wrong, and ends the run.
        """
        url = self._random.choice(self.members).url
        timeout = aiohttp.ClientTimeout(ANSWER_S + wait_s)
        try:
            async with self._session.request(
                method, url + path, json=body, headers=headers, timeout=timeout
            ) as answer:
                told = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError):
            self.ledger.counts["not answered"] += 1
            return None
        if answer.status == 503:
            self.ledger.counts["answered 503"] += 1
            return None
        assert answer.status in {*ANSWERS, also}, (
            f"{method} {path} was answered {answer.status}: {told}"
        )
        return answer.status, told, answer.headers

    async def look(self, path: str, *, wait_s: float = 0) -> tuple[Any, Mapping[str, str]]:
        """Read a path from any node, until one answers."""
        while True:
            if (answer := await self.call("GET", path, wait_s=wait_s)) is not None:
                return answer[1:]
            await asyncio.sleep(PAUSE_S)

    async def job(self, job_id: str, *, uid: str | None = None, wait_s: float = 0) -> Job:
        """A job as it stands now, or once it is final; of this user, or of who submitted it."""
        while True:
            asked_at = time.monotonic()
            patience_s = min(wait_s, ANSWER_S)
            owner = uid or self.ledger.accepted[job_id]["uid"]
            job, _ = await self.look(f"/{owner}/{job_id}?wait={patience_s}", wait_s=patience_s)
            self.ledger.saw(job, asked_at=asked_at)
            if not wait_s or job["status"] in FINAL:
                return dict(job)

    async def jobs(self, query: str = "") -> list[Job]:
        """All jobs."""
        found: list[Job] = []
        path: str | None = f"/-/jobs?limit={PAGE}{query}"
        while path is not None:
            asked_at = time.monotonic()
            page, headers = await self.look(path)
            for job in page:
                self.ledger.saw(job, asked_at=asked_at)
            found += page
            link = headers.get("Link", "")
            path = urljoin(path, link[link.index("<") + 1 : link.index(">")]) if link else None
        return found

    @asynccontextmanager
    async def victim(self) -> AsyncIterator[Member]:
        """A node for one fault; no other fault gets it until the block ends."""
        whole = [member for member in self.members if not member.harmed.locked()]
        member = self._random.choice(whole or list(self.members))
        async with member.harmed:
            yield member

    def mend(self, what: str, mending: Any) -> None:  # noqa: ANN401 - any coroutine
        """End a fault in the background; the run does not end before that."""
        task = self._group.create_task(mending, name=what)
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def mended(self) -> None:
        """Wait until every fault has ended."""
        while self._mending:
            await asyncio.wait(set(self._mending))
