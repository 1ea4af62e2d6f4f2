"""Who of several users is next on running nodes, and how many jobs of one of them run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Body, Nodes
from tests.support.servers.redis import RedisServer

FLOOD = 60
ROUNDS = rounds(3, long=6)
WORKERS = 2
CAPPED_MAX = 2
CAPPED_JOBS = rounds(24, long=40)


def beating(folder: Path, uid: str, for_s: float) -> Body:
    return {"uid": uid, "task": "beating", "data": {"folder": str(folder), "for_s": for_s}}


def spans(folder: Path) -> list[tuple[float, float]]:
    """When each attempt wrote first and last, by the clock of the machine."""
    written = (file.read_text().split() for file in folder.iterdir())
    return [(float(times[0]), float(times[-1])) for times in written if times]


def most_at_once(found: Sequence[tuple[float, float]]) -> int:
    """How many attempts ran at the same time, at most."""
    return max(sum(begin <= at <= end for begin, end in found) for at, _ in found)


@pytest.mark.parametrize("redis_is", ["there", "away"])
async def test_the_first_job_of_a_user_is_among_the_next_two_starts(
    start_node: Nodes, own_redis: RedisServer, tmp_path: Path, redis_is: str
) -> None:
    """Whatever another one has queued: every slot that gets free goes to him first."""
    node = start_node(QUEUE__URL=own_redis.url, QUEUE__IDLE_WINDOW_S=0.1, NODE__WORKERS=WORKERS)
    flood, newcomers = tmp_path / "flood", tmp_path / "newcomers"
    flood.mkdir()
    newcomers.mkdir()
    if redis_is == "away":
        own_redis.stop()
    status, _ = await node.call("POST", "/", [beating(flood, "flood", 0.2)] * FLOOD)
    assert status == 202
    for number in range(ROUNDS):
        # Between the two starts of the newcomers the flood has begun anew.
        await _begun(flood, len(list(flood.iterdir())) + 2)
        job = await node.submit(**beating(newcomers, f"newcomer-{number}", 0.01))
        submitted_at = time.monotonic()
        assert (await node.job(job, wait_s=30))["status"] == "successful"
        begun_at = float((newcomers / f"{job['id']}-1").read_text().split()[0])
        between = [at for at, _ in spans(flood) if submitted_at < at < begun_at]
        assert len(between) <= 1, "only one slot may have been given away already"
    await node.call("DELETE", "/flood")


async def test_no_more_jobs_of_a_user_run_than_may_whatever_fails(
    start_node: Nodes, own_redis: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    """Redis is emptied and a node is killed amid them: the rows count, and nothing else."""
    folder = tmp_path / "capped"
    folder.mkdir()
    shared = {
        "STORE__URL": postgres_url,
        "QUEUE__URL": own_redis.url,
        "QUEUE__IDLE_WINDOW_S": 0.5,
        "QUOTAS": f'{{"capped" = {{running_max = {CAPPED_MAX}}}}}',
        "NODE__WORKERS": CAPPED_MAX + 1,
        "NODE__LEASE_S": 1,
        "NODE__LOSSES_MAX": 100,
    }
    nodes = [start_node(name, NODE__NAME=name, **shared) for name in ("one", "two")]
    order = [beating(folder, "capped", 0.1)] * CAPPED_JOBS
    status, jobs = await nodes[0].call("POST", "/", order)
    assert status == 202

    await _begun(folder, CAPPED_JOBS // 4)
    own_redis.command("FLUSHALL")
    await _begun(folder, CAPPED_JOBS // 2)
    nodes[1].kill()
    own_redis.command("FLUSHALL")
    ended = [await nodes[0].job(job, wait_s=60) for job in jobs]

    assert {job["status"] for job in ended} == {"successful"}
    assert most_at_once(spans(folder)) == CAPPED_MAX


async def _begun(folder: Path, attempts: int) -> None:
    await eventually(lambda: len(list(folder.iterdir())) >= attempts, within_s=60)


async def test_a_job_beyond_the_limit_says_so_and_leaves_slots_to_others(
    start_node: Nodes, tmp_path: Path
) -> None:
    """A user's flood waits for itself alone."""
    node = start_node(QUOTAS='{"*" = {running_max = 1}}', NODE__WORKERS=WORKERS)
    files = [tmp_path / "first", tmp_path / "second"]
    first, second = [await node.submit("until", {"file": str(file)}) for file in files]
    await eventually(files[0].exists)
    assert (await node.job(second))["waits"] == {"for": "quota", "until": None}
    assert (await node.outcome("echo", 1, uid="other"))["status"] == "successful"
    assert not files[1].exists()

    files[0].unlink()
    assert (await node.job(first, wait_s=30))["status"] == "successful"
    await eventually(files[1].exists)
    files[1].unlink()
    assert (await node.job(second, wait_s=30))["status"] == "successful"


@pytest.mark.parametrize("redis_is", ["there", "away"])
async def test_a_kept_slot_is_for_a_user_who_runs_nothing(
    start_node: Nodes, own_redis: RedisServer, tmp_path: Path, redis_is: str
) -> None:
    """Else whoever comes first with jobs of hours has all slots for hours."""
    settings: dict[str, object] = {"NODE__WORKERS": WORKERS, "QUEUE__IDLE_WINDOW_S": 0.1}
    settings |= {"QUEUE__URL": own_redis.url, "FAIRNESS__RESERVE_PERCENT": 50}
    node = start_node("keeping", **settings)
    assert (await node.outcome("echo", 1))["status"] == "successful"  # it has looked for nodes
    if redis_is == "away":
        own_redis.stop()
    files = [tmp_path / name for name in ("first", "second")]
    first, second = [await node.submit("until", {"file": str(file)}) for file in files]
    await eventually(files[0].exists)

    assert (await node.outcome("echo", 1, uid="other"))["status"] == "successful"
    assert not files[1].exists()

    files[0].unlink()
    assert (await node.job(first, wait_s=30))["status"] == "successful"
    await eventually(files[1].exists)
    files[1].unlink()
    assert (await node.job(second, wait_s=30))["status"] == "successful"
