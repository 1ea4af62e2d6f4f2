"""Aborts at every point of a job's life: at random through a real node, and at named points.

At whatever point, the job ends aborted or successful, every answer stays true, and no other job is
harmed. `RACES=10000` runs this many random races; `make test` runs a hundred.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import NOTHING_RAN, Cleanup, Death, Status
from scheduler.store import open_store
from tests.support.effort import rounds
from tests.support.nodes import Nodes
from tests.support.sse import Events, listening
from tests.support.workers import NodeUnderTest, at_work

RACES: Final = int(os.environ.get("RACES", rounds(120, long=400)))
STEP: Final = 1.02 if RACES >= 400 else 1.07
"""How fast the patience grows and shrinks: it finds its measure within the races that there are."""
RACERS: Final = 8
"""How many users submit and abort at the same time; each of their jobs is one race."""
KILLED: Final = Death(signal="SIGKILL", processes=1, survivors=0)


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[NodeUnderTest]:
    """A worker on a real store, with processes that end when a test lets them."""
    async with (
        open_store("sqlite", data_dir=tmp_path) as store,
        at_work(store) as workers,
    ):
        yield workers


async def test_between_dequeue_and_claim_the_job_never_begins(workers: NodeUnderTest) -> None:
    """A worker has the id already, but only the claim counts, and that comes too late."""
    claim = workers.store.hold("claim", "before")
    job_id = await workers.submit()
    await claim.reached.wait()
    assert (await workers.abort(job_id)).status is Status.ABORTED
    claim.let()
    await workers.idle()
    job = await workers.job(job_id)
    assert (job.status, job.attempt) == (Status.ABORTED, 0)
    assert not workers.slots.frames


async def test_between_claim_and_frame_the_abort_is_not_forgotten(
    workers: NodeUnderTest,
) -> None:
    """The node gets the hint before its worker knows that it has the job."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    assert (await workers.abort(job_id)).status is Status.RUNNING
    claim.let()
    job = await workers.becomes(job_id, "aborted")
    assert job.abort is not None
    assert job.abort.death in (KILLED, NOTHING_RAN)


async def test_while_its_process_starts_the_job_is_aborted_at_once_and_never_begins(
    workers: NodeUnderTest,
) -> None:
    """A machine that is out of processes must not delay an abort."""
    claim = workers.store.hold("claim", "after")
    job_id = await workers.submit()
    await claim.reached.wait()
    workers.slots.open.clear()
    workers.slots.given[0].die(-9)
    claim.let()
    await workers.abort(job_id)
    job = await workers.becomes(job_id, "aborted")
    assert job.abort is not None
    assert job.abort.death == NOTHING_RAN
    workers.slots.open.set()
    await workers.submit()
    (await workers.running()).finish()
    assert [frame["id"] == job_id for frame in workers.slots.frames] == [False]


async def test_between_result_and_settle_the_result_wins(workers: NodeUnderTest) -> None:
    """The contract: 202 now, 409 from then on, and the result is kept."""
    job_id = await workers.submit()
    process = await workers.running()
    settle = workers.store.hold("settle", "before")
    process.finish('"done"')
    await settle.reached.wait()
    assert (await workers.abort(job_id)).status is Status.RUNNING
    settle.let()
    job = await workers.becomes(job_id, "successful")
    assert (job.result, await workers.abort(job_id)) == ('"done"', job)


async def test_during_the_commit_of_the_settle_the_answer_is_the_result(
    workers: NodeUnderTest,
) -> None:
    """The result is written, but the worker does not know it yet."""
    job_id = await workers.submit()
    process = await workers.running()
    settle = workers.store.hold("settle", "after")
    process.finish()
    await settle.reached.wait()
    answer = await workers.abort(job_id)
    assert (answer.status, answer.abort) == (Status.SUCCESSFUL, None)
    settle.let()
    await workers.idle()
    assert await workers.job(job_id) == answer


async def test_when_the_answer_of_the_settle_is_lost_the_result_stays(
    workers: NodeUnderTest,
) -> None:
    """The worker writes it again, and the abort in between finds the job final."""
    job_id = await workers.submit()
    process = await workers.running()
    settle = workers.store.hold("settle", "after")
    process.finish()
    await settle.reached.wait()
    settle.let(StoreUnavailable("lost"))
    answer = await workers.abort(job_id)
    assert answer.status is Status.SUCCESSFUL
    await workers.clock.pass_until(lambda: not workers.local_jobs.tracked)
    assert await workers.job(job_id) == answer


async def test_when_the_answer_of_the_claim_is_lost_the_abort_takes_effect(
    workers: NodeUnderTest,
) -> None:
    """This node owns the job without knowing it, so nothing else would end it."""
    workers.store.lose_answer("claim", StoreUnavailable("lost"))
    job_id = await workers.submit()
    await workers.becomes(job_id, "running")
    await workers.idle()
    assert (await workers.abort(job_id)).status is Status.RUNNING
    await workers.lost_claims.give_back()
    assert (await workers.job(job_id)).status is Status.ABORTED
    assert not workers.slots.frames


async def test_while_it_goes_back_to_the_queue_the_abort_ends_it_there(
    workers: NodeUnderTest,
) -> None:
    """Guarantee 5. A lost lease and an abort at the same time: it must not run again."""
    job_id = await workers.submit()
    process = await workers.running()
    workers.lease._lose()
    settle = workers.store.hold("settle", "before")
    process.die(-9)
    await settle.reached.wait()
    assert (await workers.abort(job_id)).status is Status.RUNNING
    settle.let()
    await workers.becomes(job_id, "aborted")
    await workers.lease._hold_from(workers.clock.monotonic())
    await workers.idle()
    assert len(workers.slots.frames) == 1


async def test_waiting_for_another_attempt_it_is_aborted_at_once_and_cleaned_up(
    workers: NodeUnderTest,
) -> None:
    """It is queued like any other job; but an attempt has begun, so its clean-up runs."""
    job_id = await workers.submit("undoable")
    process = await workers.running()
    workers.lease._lose()
    process.die(-9)
    await workers.becomes(job_id, "queued")
    answer = await workers.abort(job_id)
    assert (answer.status, answer.attempt) == (Status.ABORTED, 1)
    assert answer.abort is not None
    assert (answer.abort.death, answer.abort.cleanup) == (NOTHING_RAN, Cleanup.PENDING)
    await workers.lease._hold_from(workers.clock.monotonic())
    (await workers.running()).finish()
    await workers.idle()
    assert [frame["purpose"] for frame in workers.slots.frames] == ["run", "clean"]
    assert (await workers.abort(job_id)).status is Status.ABORTED


@dataclass
class Race:
    """One job, and the answers that its user got."""

    job_id: str
    told: int
    """The status code of the answer to `DELETE`."""
    status: str
    """The job's status in that answer."""


class Races:
    """Runs races: users of one node submit a job and soon abort it."""

    def __init__(self, session: aiohttp.ClientSession, begun: Path) -> None:
        self.races: list[Race] = []
        self.bystanders: list[str] = []
        self._session = session
        self._begun = begun
        self._random = Random(os.environ.get("RACES_SEED", "0"))  # noqa: S311 - to run it again
        self._patience_s = 0.02

    async def run(self, count: int) -> None:
        left = iter(range(count))
        async with asyncio.TaskGroup() as group:
            for _ in range(RACERS):
                group.create_task(self._racer(left))

    async def record(self, uid: str, job_id: str, *, wait_s: float = 0) -> Any:  # noqa: ANN401
        """Read a job, at once or when it is final."""
        return (await self._call("GET", f"/{uid}/{job_id}?wait={wait_s}"))[1]

    def attempts(self) -> Counter[str]:
        """How often each job began, as its handler recorded."""
        return Counter(line.split()[0] for line in self._begun.read_text().splitlines())

    async def _racer(self, left: Any) -> None:  # noqa: ANN401 - an iterator
        for number in left:
            job_id = await self._submit("racer")
            if number % 4 == 0:
                self.bystanders.append(await self._submit("bystander"))
            # In half of the races the abort should come too late, however fast this machine is.
            await asyncio.sleep(self._random.uniform(0, 2 * self._patience_s))
            wait_s = self._random.choice((0, 0, 30))
            grace = self._random.choice(("", "&grace_s=0", "&grace_s=0.05"))
            told, answer = await self._call("DELETE", f"/racer/{job_id}?wait={wait_s}{grace}")
            self._patience_s *= 1 / STEP if told == 409 else STEP
            status = answer["job"]["status"] if told == 409 else answer["status"]
            self.races.append(Race(job_id, told, status))

    async def _submit(self, uid: str) -> str:
        for_s = self._random.choice((0, 0.005, 0.02, 0.1))
        data = {"begun": str(self._begun), "for_s": for_s}
        told, job = await self._call("POST", "/", {"uid": uid, "task": "brief", "data": data})
        assert told == 202, job
        return str(job["id"])

    async def _call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self._session.request(method, path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.mark.timeout(60 + RACES)
async def test_random_races_have_one_end_that_never_changes(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Thousands of jobs, aborted at any time between their submission and their end."""
    node = start_node(NODE__WORKERS=4, QUEUE__IDLE_WINDOW_S=3600)
    timeout = aiohttp.ClientTimeout(60 + RACES)
    async with (
        aiohttp.ClientSession(node.url, timeout=timeout) as session,
        listening(f"{node.url}/-/events?uid=racer", for_s=60 + RACES) as events,
        asyncio.TaskGroup() as group,
    ):
        await events.begun()
        hearing = group.create_task(events_until_the_end(events, jobs=RACES))
        races = Races(session, tmp_path / "begun")
        await races.run(RACES)
        finals = [await races.record("racer", race.job_id, wait_s=60) for race in races.races]
        others = [await races.record("bystander", each, wait_s=60) for each in races.bystanders]
        again = [await races.record("racer", race.job_id) for race in races.races]

    attempts = races.attempts()
    for race, job in zip(races.races, finals, strict=True):
        assert (race.told, race.status, job["status"]) in {
            (200, "aborted", "aborted"),
            (202, "running", "aborted"),
            (202, "running", "successful"),
            (409, "successful", "successful"),
        }
        assert attempts[job["id"]] <= job["attempt"] <= 1
        if job["status"] == "aborted":
            assert job["abort"]["survivors"] == 0
            assert job["result"] is None
        else:
            assert attempts[job["id"]] == 1
        told = hearing.result()[job["id"]]
        assert told[0] == "queued"
        assert [each for each in told if each.startswith(job["status"])] == told[-1:]
        assert all(earlier != later for earlier, later in pairwise(told)), told
    assert again == finals, "a final record never changes"
    assert {(job["status"], job["attempt"], job["abort"]) for job in others} == {
        ("successful", 1, None)
    }
    assert all(attempts[job_id] == 1 for job_id in races.bystanders)
    await node.alone()
    assert node.drain() == 0, node.log

    ends = Counter(
        f"told {race.told}, {job['status']} in attempt {job['attempt']}"
        for race, job in zip(races.races, finals, strict=True)
    )
    print(*(f"{count:6} {end}" for end, count in sorted(ends.items())), sep="\n")  # noqa: T201
    assert ends.keys() >= {
        "told 200, aborted in attempt 0",
        "told 202, aborted in attempt 1",
        "told 409, successful in attempt 1",
    }, "the races must have been close"


async def events_until_the_end(events: Events, *, jobs: int) -> Mapping[str, Sequence[str]]:
    """The events of each job, by its id, until this many have ended."""
    told: defaultdict[str, list[str]] = defaultdict(list)
    ended: set[str] = set()
    while len(ended) < jobs:
        event = await events.until(lambda event: event.name == "status")
        told[event.data["id"]].append(str(event))
        if event.data["finished_at"]:
            ended.add(event.data["id"])
    return told
