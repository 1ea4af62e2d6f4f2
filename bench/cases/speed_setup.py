"""What a run of `make bench` plays on: servers, cores, and nodes and peers as they are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bench.harness.servers import open_postgres, open_redis
from bench.jobs.start_delay import PLACE
from bench.ours.node import Ours, open_node
from bench.peers.speed_peer import Contender


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Each measurement has a node or peer of its own: none finds what another one left."""

    folder: Path
    settings: Mapping[str, str]
    """For the environment of a peer: where the servers are."""

    def node(self, workers: int) -> AbstractAsyncContextManager[Ours]:
        """A node of ours."""
        return open_node(self.folder / uuid4().hex, NODE__WORKERS=workers)

    def contender(self, name: str, workers: int) -> Contender:
        """A peer."""
        return Contender(name, workers=workers, settings=self.settings)


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    """Servers of our own, for as long as the block runs."""
    with open_postgres() as postgres_url:
        async with open_redis(folder) as redis_url:
            settings = {
                "BENCH_REDIS": redis_url,
                "BENCH_POSTGRES": postgres_url.partition("?")[0],  # its options are asyncpg's
                PLACE: str(folder / "stamps"),
            }
            yield Stage(folder=folder, settings=settings)
