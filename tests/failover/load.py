"""Nodes under load while a server fails over: the pauses, and whether every promise was kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp

from tests.chaos.clients import Client
from tests.chaos.installation import LABELLED, QUOTAS, Installation
from tests.chaos.ledger import FINAL, Ledger
from tests.chaos.members import Member
from tests.chaos.verdict import verdict
from tests.support.eventually import eventually

NODES: Final = 2
CLIENTS: Final = 3
PROBERS: Final = 4
PROBE_EVERY_S: Final = 0.02
BEFORE: Final = 15
"""Jobs that have begun before the fault."""
AFTER_S: Final = 0.5
"""How long it all goes on once jobs begin again."""
WITHIN_S: Final = 90.0

Fault = Callable[[], Awaitable[float]]
"""Causes a failover; the instant at which the new server took writes."""


@dataclass(frozen=True, kw_only=True)
class Pauses:
    """What a failover did."""

    what: str
    server_s: float
    """Until the new server took writes."""
    submits_s: float
    """Without an accepted submission."""
    starts_s: float
    """Without a job that began."""
    accepted: int
    again: int
    """Jobs with more than one attempt."""
    wrong: Sequence[str]

    def row(self) -> str:
        """A row of the table."""
        times = f"{self.server_s:.1f} | {self.submits_s:.1f} | {self.starts_s:.1f}"
        return f"| {self.what} | {times} | {self.accepted} | {self.again} | {len(self.wrong)} |"


HEAD: Final = (
    "| what | server s | submits s | starts s | accepted | run again | wrong |\n"
    "|---|--:|--:|--:|--:|--:|--:|"
)


async def pauses(
    what: str, fault: Fault, *, folder: Path, settings: Mapping[str, object]
) -> Pauses:
    """Run nodes with these settings under load, cause the fault, and wait for all jobs to end."""
    ledger, random = Ledger(folder / "jobs"), Random(what)  # noqa: S311 - protects no secrets
    members = [
        Member(f"node-{number}", folder=folder, settings={**QUOTAS, **LABELLED, **settings})
        for number in range(NODES)
    ]
    ledger.labelled.update(member.name for member in members)
    try:
        for member in members:
            await member.start()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            nodes = Installation(
                what, members=members, ledger=ledger, random=random, group=group, session=session
            )
            answered: list[float] = []
            since, served_at = await _under_load(nodes, fault, answered)
            await _at_rest(nodes)
            jobs = await nodes.jobs()
        for member in members:
            member.must_live()
            await member.drain()
    finally:
        for member in members:
            member.close()
    return Pauses(
        what=what,
        server_s=served_at - since,
        submits_s=_longest(answered, since),
        starts_s=_longest([at for _, _, at in ledger.begun()], since),
        accepted=len(ledger.accepted),
        again=sum(job["attempt"] > 1 for job in jobs),
        wrong=verdict(ledger, jobs),
    )


async def _under_load(
    nodes: Installation, fault: Fault, answered: list[float]
) -> tuple[float, float]:
    """Cause the fault amid load; when it began, and when the new server took writes."""
    over, ledger = asyncio.Event(), nodes.ledger

    async def probe() -> None:
        client = Client(nodes, Random())  # noqa: S311 - as above
        while not over.is_set():
            if await client.submit(manner="plain", for_s=0):
                answered.append(time.monotonic())
            await asyncio.sleep(PROBE_EVERY_S)

    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(Client(nodes, Random(number)).work(over))  # noqa: S311 - as above
        for _ in range(PROBERS):
            group.create_task(probe())
        await eventually(lambda: len(ledger.begun()) > BEFORE, within_s=WITHIN_S)
        since = time.monotonic()
        served_at = await fault()
        await eventually(
            lambda: answered[-1] > served_at and ledger.begun()[-1][2] > served_at,
            within_s=WITHIN_S,
            saying="jobs are accepted and begin again",
        )
        await asyncio.sleep(AFTER_S)
        over.set()
    return since, served_at


def _longest(instants: Sequence[float], since: float) -> float:
    """The longest time without one that ends after the fault began."""
    ordered = sorted(instants)
    return max(after - before for before, after in pairwise(ordered) if after > since)


async def _at_rest(nodes: Installation) -> None:
    """Wait for all jobs to end.

    Raises:
        AssertionError: some do not; it names them.
    """
    left: list[object] = []

    async def all_are_over() -> bool:
        left[:] = [job for job in await nodes.jobs() if not _is_over(job)]
        return not left

    try:
        await eventually(all_are_over, within_s=WITHIN_S)
    except AssertionError:
        raise AssertionError(f"{len(left)} jobs do not end, such as {left[:3]}") from None


def _is_over(job: Mapping[str, Any]) -> bool:
    cleaning = (job["abort"] or {}).get("cleanup") == "pending"
    return job["status"] in FINAL and not cleaning
