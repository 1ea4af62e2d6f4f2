"""Aborts amid lots of short jobs: the one that is aborted ends, and no other job is harmed.

`LOT_RACES=10000` runs this many aborts; `make test` runs some dozens.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import pytest

from tests.support.effort import rounds
from tests.support.nodes import Node, Nodes
from tests.support.servers.redis import RedisServer

RACES: Final = int(os.environ.get("LOT_RACES", rounds(60, long=200)))
ROUND: Final = 60
"""How many jobs are submitted at once; a third of them is aborted."""
CLOSE_S: Final = 0.005
WARM_UP: Final = 40
"""So many short jobs make the node send them in lots."""


SETTINGS: Final[dict[str, Any]] = {"NODE__WORKERS": 2, "QUEUE__IDLE_WINDOW_S": 3600}


class Rounds:
    """Submits short jobs together, and aborts some of them while they run."""

    def __init__(self, session: aiohttp.ClientSession, begun: Path) -> None:
        self.aborted: set[str] = set()
        self.others: set[str] = set()
        self.close = 0
        """How many aborts hit a job that had been claimed and had not ended."""
        self._session = session
        self._begun = begun
        self._random = Random(os.environ.get("RACES_SEED", "0"))  # noqa: S311 - to run it again
        self._turn_s = 0.001
        """After how long it is the turn of the next job: later or sooner after each abort."""

    async def run(self, jobs: int, *, aborts: int) -> None:
        """One round."""
        told, submitted = await self._call("POST", "/", [self._job() for _ in range(jobs)])
        assert told == 202, submitted
        ids = [job["id"] for job in submitted]
        chosen = self._random.sample(ids, aborts)
        self.aborted.update(chosen)
        self.others.update(set(ids) - set(chosen))
        async with asyncio.TaskGroup() as group:
            for job_id in chosen:
                # About when it is its turn, since jobs run in the order in which they came.
                due_s = self._turn_s * ids.index(job_id)
                group.create_task(self._abort(job_id, due_s + self._random.gauss(0, CLOSE_S)))
        for job_id in ids:
            await self.record(job_id)

    async def record(self, job_id: str) -> Any:  # noqa: ANN401 - JSON
        """Read a job once it is final."""
        return (await self._call("GET", f"/lots/{job_id}?wait=60"))[1]

    def attempts(self) -> Counter[str]:
        """How often each job began, as its handler recorded."""
        return Counter(line.split()[0] for line in self._begun.read_text().splitlines())

    def _job(self) -> dict[str, Any]:
        for_s = self._random.choice((0, 0.002, 0.005))
        data = {"begun": str(self._begun), "for_s": for_s}
        return {"uid": "lots", "task": "brief", "data": data}

    async def _abort(self, job_id: str, after_s: float) -> None:
        await asyncio.sleep(max(0.0, after_s))
        grace = self._random.choice(("", "&grace_s=0", "&grace_s=0.05"))
        told, job = await self._call("DELETE", f"/lots/{job_id}?wait=30{grace}")
        assert told in {200, 409}, job
        self.close += told == 200 and job["attempt"] > 0
        self._turn_s *= 0.98 if told == 409 else 1.02

    async def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self._session.request(method, path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.mark.timeout(60 + RACES)
async def test_an_abort_in_a_lot_hits_no_bystander(start_node: Nodes, tmp_path: Path) -> None:
    """Whether the job has not begun, is at work, or has ended; and nothing begins twice."""
    await _race(start_node(**SETTINGS), tmp_path / "begun")


@pytest.mark.timeout(60 + RACES)
async def test_an_abort_in_a_lot_hits_no_bystander_with_servers(
    start_node: Nodes, tmp_path: Path, own_redis: RedisServer, postgres_url: str
) -> None:
    """The same on PostgreSQL and Redis."""
    queue_url = f"redis://127.0.0.1:{own_redis.port}/0"
    node = start_node(**SETTINGS, STORE__URL=postgres_url, QUEUE__URL=queue_url)
    await _race(node, tmp_path / "begun", but=1)


async def _race(node: Node, begun: Path, *, but: int = 0) -> None:
    async with aiohttp.ClientSession(node.url, timeout=aiohttp.ClientTimeout(60)) as session:
        rounds = Rounds(session, begun)
        await rounds.run(WARM_UP, aborts=0)
        # A busy machine runs jobs at its own pace: then it takes more of them until one is close.
        while len(rounds.aborted) < (RACES if rounds.close else 10 * RACES):
            await rounds.run(ROUND, aborts=ROUND // 3)
        aborted = {job_id: await rounds.record(job_id) for job_id in rounds.aborted}
        others = {job_id: await rounds.record(job_id) for job_id in rounds.others}

    attempts = rounds.attempts()
    for job_id, job in others.items():
        ended = (job["status"], job["attempt"], job["abort"], attempts[job_id])
        assert ended == ("successful", 1, None, 1), job
    for job_id, job in aborted.items():
        assert attempts[job_id] <= job["attempt"] <= 1
        if job["status"] == "successful":
            assert attempts[job_id] == 1
        else:
            assert (job["status"], job["abort"]["survivors"], job["result"]) == ("aborted", 0, None)
    await node.alone(but=but)
    assert node.drain() == 0, node.log

    ends = Counter(_end(job, attempts[job_id]) for job_id, job in aborted.items())
    print(*(f"{count:6} {end}" for end, count in sorted(ends.items())), sep="\n")  # noqa: T201
    assert {"at work", "claimed, and not begun"} & ends.keys(), "the races must have been close"


def _end(job: Any, begun: int) -> str:  # noqa: ANN401 - JSON
    if job["status"] == "successful":
        return "ended before"
    if job["attempt"] == 0:
        return "queued"
    return "at work" if begun else "claimed, and not begun"
