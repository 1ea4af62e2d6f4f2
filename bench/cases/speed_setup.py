"""What a run of `make bench` needs: servers, and a new node or peer for each measurement."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from bench.harness.servers import DurablePostgres, open_postgres_server, open_redis
from bench.jobs.start_delay import SOCKET
from bench.ours.node import OurNode, open_node
from bench.peers.speed_peer import SpeedPeer


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Each measurement has a node or peer of its own: none finds what another one left behind."""

    folder: Path
    postgres: DurablePostgres
    settings: Mapping[str, str]
    """Environment variables for a peer: where the other servers are."""

    def node(self, workers: int) -> AbstractAsyncContextManager[OurNode]:
        """A new node of ours."""
        return open_node(self.folder / uuid4().hex, NODE__WORKERS=workers)

    async def peer(self, name: str, workers: int) -> SpeedPeer:
        """A peer, with this many workers and an empty database.

        In one that an earlier measurement left behind, some peers would find jobs that ended with
        their workers, and run them again.
        """
        postgres_url = await self.postgres.add_database(f"peer_{uuid4().hex}")
        settings = {**self.settings, "BENCH_POSTGRES": postgres_url}
        return SpeedPeer(name, workers=workers, settings=settings)


@asynccontextmanager
async def open_setup(folder: Path) -> AsyncIterator[Setup]:
    """Servers of our own, while the block runs."""
    with open_postgres_server() as postgres:
        async with open_redis(folder) as redis_url:
            settings = {
                "BENCH_REDIS": redis_url,
                SOCKET: str(folder / "delays"),
            }
            yield Setup(folder=folder, postgres=postgres, settings=settings)
