"""A whole run: start both installations, cause faults, wait for the jobs to end, and check."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Final, NamedTuple

import aiohttp

from tests.chaos.clients import Client
from tests.chaos.faults import LEASE_S, OF_A_HERMIT, OF_A_TOWN, Fault, Site
from tests.chaos.installation import LABELLED, QUOTAS, Installation, Job
from tests.chaos.ledger import FINAL, Ledger
from tests.chaos.members import Member
from tests.chaos.schedules import Steady
from tests.chaos.storm import Storm
from tests.chaos.verdict import verdict
from tests.support.eventually import eventually
from tests.support.programs.table import find
from tests.support.servers.pgbouncer import PgBouncer, PgBouncers
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.proxy import Proxy, in_front_of
from tests.support.servers.redis import RedisServer

CLIENTS: Final = 3
REST_S: Final = 90.0
"""How long the jobs may take to end after the last fault."""
SETTINGS: Final[Mapping[str, object]] = {
    "NODE__LEASE_S": LEASE_S,
    "NODE__DRAIN_S": 1,
    "NODE__LOSSES_MAX": 1000,  # nodes die so often here that jobs would be given up
    "QUEUE__IDLE_WINDOW_S": 2,
    "ABORT__GRACE_S": 0.3,
    **QUOTAS,
}


class Servers(NamedTuple):
    """The servers that the town shares, and the proxies in front of them."""

    postgres: PostgresServer
    redis: RedisServer
    postgres_link: Proxy
    redis_link: Proxy
    pooler: PgBouncer | None
    """In front of the first node's PostgreSQL, where this machine has one."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What happened in one installation, and what was wrong."""

    name: str
    jobs: Sequence[Job]
    counts: Counter[str]
    recoveries: Sequence[tuple[str, float]]
    wrong: Sequence[str]


async def run(
    *, seconds: float, seed: str, nodes: int, folder: Path, redis_program: str
) -> Sequence[Result]:
    """Run the town and the hermit under faults; the result of each."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        redis = RedisServer(redis_program, folder)
        redis.start()
        stack.callback(redis.stop)
        postgres_link = stack.enter_context(in_front_of(postgres.port))
        redis_link = stack.enter_context(in_front_of(redis.port))
        servers = {
            "STORE__URL": f"postgresql://postgres@127.0.0.1:{postgres_link.port}/postgres",
            "QUEUE__URL": f"redis://127.0.0.1:{redis_link.port}/0",
        }
        pooler = _pooler(postgres_link, stack)
        first = {"STORE__URL": pooler.url} if pooler else {}
        town = Trial("town", nodes, folder=folder, settings=servers, first=first, faults=OF_A_TOWN)
        hermit = Trial("hermit", 1, folder=folder, settings={}, faults=OF_A_HERMIT)
        place = Servers(postgres, redis, postgres_link, redis_link, pooler)
        for trial in (town, hermit):
            stack.callback(trial.close)
        async with asyncio.TaskGroup() as group:
            ways = [
                group.create_task(trial.go_through(place, seconds=seconds, seed=seed))
                for trial in (town, hermit)
            ]
        return [way.result() for way in ways]


def _pooler(postgres_link: Proxy, stack: ExitStack) -> PgBouncer | None:
    """Start a PgBouncer that shares its connections between transactions, where there is one."""
    if find("pgbouncer") is None:
        return None
    bouncers = PgBouncers(postgres_link)
    stack.callback(bouncers.close)
    return bouncers("=public", pool_mode="transaction", default_pool_size=3)


class Trial:
    """The run of one installation."""

    def __init__(
        self,
        name: str,
        nodes: int,
        *,
        folder: Path,
        settings: Mapping[str, object],
        faults: Mapping[Fault, int],
        first: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """`first` has settings of the first node alone."""
        self._name = name
        self._faults = faults
        self._ledger = Ledger(folder / f"{name}-jobs")
        self._members = [
            Member(
                f"{name}-{number}",
                folder=folder,
                settings={
                    **SETTINGS,
                    **settings,
                    **(first if number == 1 else {}),
                    **(LABELLED if number == nodes else {}),
                },
            )
            for number in range(1, nodes + 1)
        ]
        self._ledger.labelled.add(f"{name}-{nodes}")
        self._recoveries: list[tuple[str, float]] = []

    async def go_through(self, servers: Servers, *, seconds: float, seed: str) -> Result:
        """Start, cause faults, wait for the jobs to end, drain; then check."""
        jobs: Sequence[Job] = ()
        random = Random(f"{seed} {self._name}")  # noqa: S311 - repeatable, protects no secrets
        async with asyncio.TaskGroup() as group:
            for member in self._members:
                group.create_task(member.start())
        try:
            async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
                nodes = Installation(
                    self._name,
                    members=self._members,
                    ledger=self._ledger,
                    random=random,
                    group=group,
                    session=session,
                )
                steady = Steady(nodes)
                await steady.begin(seconds=seconds)
                await self._storm(Site(nodes, random, *servers), seconds)
                jobs = await self._rest(nodes, steady)
                self._ledger.wrong.extend(steady.flaws(jobs))
            for member in self._members:
                await member.drain()
        except* AssertionError as flaws:
            self._ledger.wrong.extend(_told(flaws))
        wrong = verdict(self._ledger, jobs)
        return Result(
            name=self._name,
            jobs=jobs,
            counts=self._ledger.counts,
            recoveries=self._recoveries,
            wrong=wrong,
        )

    async def _storm(self, site: Site, seconds: float) -> None:
        """Run clients and faults for this long, and then until every fault has ended."""
        over = asyncio.Event()
        storm = Storm(site, self._faults, site.random)
        asyncio.get_running_loop().call_later(seconds, over.set)
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                own = Random(f"{number} {site.random.random()}")  # noqa: S311 - as above
                group.create_task(Client(site.nodes, own).work(over))
            group.create_task(storm.rage(over))
        await site.nodes.mended()
        self._recoveries = storm.recoveries

    async def _rest(self, nodes: Installation, steady: Steady) -> Sequence[Job]:
        """Wait until every job has ended and is cleaned up, and none is to come; all jobs."""

        async def at_rest() -> bool:
            return await steady.is_over() and not [
                job for job in await nodes.jobs() if not _is_over(job)
            ]

        await eventually(at_rest, within_s=REST_S, saying="every job is at its end")
        for member in self._members:
            member.must_live()
        return await nodes.jobs()

    def close(self) -> None:
        """End whatever still runs."""
        for member in self._members:
            member.close()


def _is_over(job: Job) -> bool:
    return job["status"] in FINAL and (job["abort"] or {}).get("cleanup") != "pending"


def _told(errors: BaseExceptionGroup[AssertionError]) -> Iterator[str]:
    """What each of them says, also those in groups of groups."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _told(error)
        else:
            yield str(error)
