"""The cases of `make bench-abort`: which nodes and peers take part, and the row of each case."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from bench.cases.abort_scenarios import (
    RATE,
    all_at_once,
    one_by_one,
    through_other_node,
    until_next_job,
    with_all_busy,
)
from bench.harness.samples import Row, Sample
from bench.harness.servers import open_postgres, open_redis
from bench.ours.node import OurNode, open_node
from bench.peers.abort_peer import AbortPeer, open_peer

AT_ONCE: Final = 100
SLOTS: Final = 4
"""Of the busy node: twice as many C loops as the machine of the published figures has cores."""
PEERS: Final = {
    "celery": "Celery, revoke(terminate=True, signal=SIGKILL)",
    "rq": "RQ, send_stop_job_command",
}
LOOP: Final = "C loop"
TREE: Final = "tree of 10"


class Case(NamedTuple):
    """A row, and what one round of it does."""

    row: Row
    measure: Callable[[], Awaitable[Sequence[Sample]]]


async def open_cases(folder: Path, stack: AsyncExitStack) -> Sequence[Case]:
    """Start all nodes and peers; the stack closes them."""
    redis_url = await stack.enter_async_context(open_redis(folder))
    postgres_url = stack.enter_context(open_postgres())

    async def node(name: str, *, installation: str, workers: int, store: str = "sqlite") -> OurNode:
        settings = {
            "NODE__NAME": name,
            "NODE__WORKERS": workers,
            "STORE__URL": store,
            "QUEUE__URL": redis_url,
            "QUEUE__NAMESPACE": installation,
        }
        return await stack.enter_async_context(open_node(folder / name, **settings))

    idle = await node("idle", installation="idle", workers=2)
    many = await node("many", installation="many", workers=AT_ONCE)
    busy = await node("busy", installation="busy", workers=SLOTS)
    single = await node("single", installation="single", workers=1)
    pair = {
        name: await node(name, installation="pair", workers=1, store=postgres_url)
        for name in ("a", "b")
    }
    peers = {
        name: await stack.enter_async_context(
            open_peer(name, redis_url=redis_url, log=folder / f"{name}.log")
        )
        for name in PEERS
    }
    return [
        Case(
            Row(case=f"ours, idle node, {LOOP}", target_ms={"p50": 12, "p99": 60}),
            partial(one_by_one, idle, "loop", times=12),
        ),
        *(_of_peer(name, peer, LOOP, "loop") for name, peer in peers.items()),
        Case(
            Row(case=f"ours, {TREE}", target_ms={"p99": 100}),
            partial(one_by_one, idle, "tree", times=8),
        ),
        *(_of_peer(name, peer, TREE, "tree") for name, peer in peers.items()),
        Case(
            Row(case=f"ours, {AT_ONCE} at once ({AT_ONCE} slots, sleeping jobs)"),
            partial(all_at_once, many, jobs=AT_ONCE),
        ),
        Case(
            Row(case=f"ours, through another node, {LOOP}", target_ms={"p99": 120}),
            partial(through_other_node, pair, times=8),
        ),
        Case(
            Row(
                case=f"ours, {SLOTS} of {SLOTS} slots in C loops, {RATE} requests/s",
                target_ms={"p99": 250},
            ),
            partial(with_all_busy, busy, slots=SLOTS, times=8),
        ),
        Case(
            Row(case="ours, until the slot's next job started", target_ms={"p99": 50}),
            partial(until_next_job, single, times=8),
        ),
    ]


def _of_peer(name: str, peer: AbortPeer, what: str, task: str) -> Case:
    return Case(Row(case=f"{PEERS[name]}, {what}"), partial(peer.abort, task, times=3))
