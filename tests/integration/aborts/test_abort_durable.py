"""An abort is durable: once answered it takes effect, whatever is down, unreachable or restarted.

An owner that is dead: see `test_several_nodes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.postgres import PostgresServer, running_postgres
from tests.support.servers.redis import RedisServer

LEASE_S: Final = 6
"""The heartbeat, a third of it, brings an abort when nothing else does."""
RARE_LOOKS: Final[dict[str, Any]] = {
    "ABORT__FIRST_LOOK_S": 3600,
    "ABORT__LONGEST_LOOK_S": 3600,
}
"""So long that the watcher cannot cause what a test sees; it alone would be enough as well."""
SOON_S: Final = 30.0
"""How long an abort by heartbeat may take."""
JOBS: Final = 60
"""How many jobs wait while PostgreSQL restarts during their aborts."""
SPREAD_S: Final = 1.2
"""The time over which these are requested; a restart takes about half of it."""


@pytest.fixture(scope="module")
def redis(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server for these tests, which restart it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def pair(
    redis: RedisServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Node, Node]]:
    """Two nodes of one installation, with a worker each."""
    nodes = Nodes(tmp_path_factory.mktemp("pair"))
    try:
        yield _member(nodes, "a", redis, postgres), _member(nodes, "b", redis, postgres)
    finally:
        nodes.close()


def _member(nodes: Nodes, name: str, redis: RedisServer, postgres: PostgresServer) -> Node:
    return nodes(
        name,
        NODE__NAME=name,
        NODE__WORKERS=1,
        NODE__LEASE_S=LEASE_S,
        STORE__URL=postgres.url(),
        QUEUE__URL=redis.url,
        **RARE_LOOKS,
    )


class Outage:
    """A fault of Redis during an abort, and how it ends."""

    def __init__(self, redis: RedisServer) -> None:
        self._redis = redis

    @contextmanager
    def down(self) -> Iterator[None]:
        self._redis.stop()
        try:
            yield
        finally:
            self._redis.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._redis.freeze()
        try:
            yield
        finally:
            self._redis.thaw()

    @contextmanager
    def restarted(self) -> Iterator[None]:
        self._redis.restart()
        yield

    @contextmanager
    def deaf(self) -> Iterator[None]:
        self._redis.command("CLIENT", "KILL", "TYPE", "pubsub")
        yield


@pytest.mark.parametrize("outage", ["down", "frozen", "restarted", "deaf"])
async def test_an_abort_through_another_node_works_whatever_is_wrong_with_redis(
    pair: tuple[Node, Node], redis: RedisServer, begun: Path, outage: str
) -> None:
    """The node that is asked cannot reach the owner, but the owner's heartbeat finds the abort."""
    job = await pair[0].submit("wait", {"file": str(begun)})
    await eventually(begun.exists, within_s=SOON_S)
    job = await pair[0].job(job)
    other = next(node for node, name in zip(pair, "ab", strict=True) if name != job["node"])
    with getattr(Outage(redis), outage)():
        status, answer = await other.abort(job, "")
        assert (status, answer["status"]) == (202, "running")
        final = await other.job(job, wait_s=SOON_S)
    assert (final["status"], final["attempt"]) == ("aborted", 1)
    assert final["abort"]["survivors"] == 0
    assert final["abort"]["requested_at"] == answer["abort"]["requested_at"]
    await _works_again(pair)
    assert await other.job(job) == final


@pytest.mark.parametrize("outage", ["down", "frozen"])
async def test_a_queued_job_is_aborted_without_redis_and_never_runs(
    pair: tuple[Node, Node], redis: RedisServer, tmp_path: Path, outage: str
) -> None:
    """Its id may still come from the queue or the store; neither is a claim."""
    blockers = [tmp_path / name for name in "ab"]
    running = [await pair[0].submit("until", {"file": str(file)}) for file in blockers]
    await eventually(lambda: all(file.exists() for file in blockers), within_s=SOON_S)
    never = tmp_path / "never"
    job = await pair[0].submit("wait", {"file": str(never)})
    with getattr(Outage(redis), outage)():
        status, answer = await pair[0].abort(job, "")
        assert (status, answer["status"], answer["attempt"]) == (200, "aborted", 0)
    for file in blockers:
        file.unlink()
    for each in running:
        assert (await pair[0].job(each, wait_s=60))["status"] == "successful"
    await _works_again(pair)
    assert not never.exists()
    assert await pair[1].job(job) == answer


async def test_an_abort_by_the_announcement_alone(
    start_node: Nodes, postgres_url: str, redis_server: RedisServer, namespace: str, begun: Path
) -> None:
    """The way that takes milliseconds; heartbeats and looks come too late to help."""
    far = {**RARE_LOOKS, "NODE__LEASE_S": 3600, "NODE__WORKERS": 1, "STORE__URL": postgres_url}
    far |= {"QUEUE__URL": redis_server.url, "QUEUE__NAMESPACE": namespace}
    owner = start_node("owner", **far)
    job = await owner.submit("wait", {"file": str(begun)})
    await eventually(begun.exists, within_s=SOON_S)
    asked = start_node("asked", **far)
    status, final = await asked.abort(job, f"wait={SOON_S}")
    assert (status, final["status"]) == (200, "aborted")


async def _works_again(pair: tuple[Node, Node]) -> None:
    """Wait until a job that is submitted now has run: all before it in the queue has been taken."""
    for node in pair:
        job = await node.job(await node.submit("echo", 1), wait_s=60)
        assert job["status"] == "successful"


async def test_a_job_that_its_node_owns_without_knowing_is_aborted(
    pair: tuple[Node, Node], postgres: PostgresServer, tmp_path: Path
) -> None:
    """The answer to its claim was lost; its owner lives, so it would show as running for ever."""
    blockers = [tmp_path / name for name in "ab"]
    running = [await pair[0].submit("until", {"file": str(file)}) for file in blockers]
    await eventually(lambda: all(file.exists() for file in blockers), within_s=SOON_S)
    jobs = [await pair[0].submit("echo", number) for number in range(2)]
    async with postgres.connection() as connection:
        for job in jobs:
            await connection.execute(
                """
                UPDATE jobs
                   SET status = 'running', attempt = 1, token = 1, started_at = 0, node = name,
                       owner = nodes.id
                  FROM nodes
                 WHERE nodes.name = 'a' AND jobs.id = $1
                """,
                job["id"],
            )
    status, aborted = await pair[1].abort(jobs[0], f"wait={SOON_S}")
    assert (status, aborted["status"], aborted["abort"]["processes"]) == (200, "aborted", 0)
    for file in blockers:
        file.unlink()
    for job in (*running, jobs[1]):
        assert (await pair[0].job(job, wait_s=60))["status"] == "successful"


async def test_while_postgres_restarts_an_abort_is_accepted_or_refused_and_never_half(
    pair: tuple[Node, Node], postgres: PostgresServer, tmp_path: Path
) -> None:
    """A 503 may be tried again; a 2xx is a promise, even if the server dies in the next instant."""
    never = tmp_path / "never"
    jobs = await _two_running_and_many_behind_them(pair, tmp_path, never)
    told = await _aborted_during(lambda: asyncio.to_thread(postgres.restart), pair, jobs)
    for job, (code, said) in zip(jobs, told, strict=True):
        found = await _known(pair[0], job)
        if code == 503:
            assert found["abort"] is None or found["status"] in {"running", "aborted"}, found
        elif code == 409:
            assert found == said["job"]
        else:
            assert found["abort"]["requested_at"] == said["abort"]["requested_at"]

    for job in jobs:
        code, final = await pair[1].abort(job, "wait=60")
        assert code == 200 or final["job"]["status"] == "successful", final
    begun = _begun(never)
    for job, (code, said) in zip(jobs, told, strict=True):
        if code in {200, 202}:
            assert said["attempt"] > 0 or job["id"] not in begun, "it ran after all"
            assert (await pair[0].job(job))["status"] in _ends(code)
    await _works_again(pair)


async def _two_running_and_many_behind_them(
    pair: tuple[Node, Node], folder: Path, never: Path
) -> list[Body]:
    files = [folder / name for name in "ab"]
    jobs = [await pair[0].submit("wait", {"file": str(file)}) for file in files]
    await eventually(lambda: all(file.exists() for file in files), within_s=SOON_S)
    data = {"begun": str(never), "for_s": 0}
    return jobs + [await pair[0].submit("brief", data) for _ in range(JOBS)]


async def _aborted_during(
    restart: Callable[[], Awaitable[None]], pair: tuple[Node, Node], jobs: list[Body]
) -> list[tuple[int, Body]]:
    """Abort each job at a random time before, during or after a restart; the answers."""
    random = Random(1)  # noqa: S311 - spreads the aborts

    async def abort(job: Body) -> tuple[int, Body]:
        await asyncio.sleep(random.uniform(0, SPREAD_S))
        return await random.choice(pair).abort(job, "")

    async with asyncio.TaskGroup() as group:
        told = [group.create_task(abort(job)) for job in jobs]
        await asyncio.sleep(SPREAD_S / 4)
        await restart()
    answers = [answer.result() for answer in told]
    # 409: some of the waiting jobs get a worker once others before them are aborted.
    assert {code for code, _ in answers} <= {200, 202, 409, 503}, answers
    return answers


def _ends(code: int) -> set[str]:
    """The possible ends after such an answer: a brief job may end before its stop."""
    return {"aborted"} if code == 200 else {"aborted", "successful"}


def _begun(file: Path) -> set[str]:
    """Ids of the jobs that began, as their handler recorded."""
    return {line.split()[0] for line in file.read_text().splitlines()} if file.exists() else set()


async def _known(node: Node, job: Body) -> Body:
    """Read a job, once the store answers again."""
    answers: list[Body] = []

    async def answered() -> bool:
        status, found = await node.call("GET", f"/{job['uid']}/{job['id']}")
        answers.append(found)
        return status == 200

    await eventually(answered, within_s=SOON_S)
    return answers[-1]
