"""Limits and throttles of running nodes, as the jobs' own processes see them.

Each attempt writes the time again and again, by the monotonic clock of the machine: from its first
line to its last it ran for sure, whatever the store says of it.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.nodes.test_shares import most_at_once, spans
from tests.support.effort import rounds, variants
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import Proxy, in_front_of
from tests.support.servers.redis import RedisServer

LEASE_S = 2
FOR_S = 0.25
AMID = rounds(3, long=5)
"""How many attempts begin between two faults."""
JOBS = rounds(48, long=60)
WAITING = rounds(2, long=10)
"""How many thousands of jobs wait for one that runs."""
OTHERS_S = 3.0
SAME_S = 30.0
"""While they are being put aside: his own job comes behind them."""
LATE_S = 0.1
"""How much later than by the store's clock a start may be seen: a process takes the job first."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "beats"
    found.mkdir()
    return found


async def submit_all(node: Node, order: Sequence[Body]) -> Sequence[Body]:
    status, jobs = await node.call("POST", "/", list(order))
    assert status == 202, jobs
    return list(jobs)


def order(task: str, folder: Path, for_s: float = FOR_S, **data: object) -> Body:
    return {"uid": "u1", "task": task, "data": {"folder": str(folder), "for_s": for_s, **data}}


async def begun(folder: Path, attempts: int) -> None:
    await eventually(lambda: len(list(folder.iterdir())) >= attempts, within_s=90)


@pytest.fixture
def town(
    start_node: Nodes, own_redis: RedisServer, postgres_url: str, postgres_server: PostgresServer
) -> Callable[[], tuple[list[Node], Proxy, ExitStack]]:
    """Starts three nodes, the last of them behind a proxy."""

    def start() -> tuple[list[Node], Proxy, ExitStack]:
        stack = ExitStack()
        proxy = stack.enter_context(in_front_of(postgres_server.port))
        behind = postgres_url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        assert behind != postgres_url
        shared = {
            "QUEUE__URL": own_redis.url,
            "QUEUE__IDLE_WINDOW_S": 0.5,
            "NODE__LEASE_S": LEASE_S,
            "NODE__LOSSES_MAX": 100,
            "NODE__WORKERS": 2,
        }
        urls = {"one": postgres_url, "two": postgres_url, "three": behind}
        nodes = [
            start_node(name, NODE__NAME=name, STORE__URL=url, **shared)
            for name, url in urls.items()
        ]
        return nodes, proxy, stack

    return start


@pytest.mark.timeout(300)
@pytest.mark.parametrize("most", variants([3], long=[1]))
async def test_never_more_run_at_once_whatever_fails(
    town: Callable[[], tuple[list[Node], Proxy, ExitStack]],
    own_redis: RedisServer,
    folder: Path,
    most: int,
) -> None:
    """A node is killed, another one frozen for longer than its lease, a third one cut off."""
    nodes, proxy, stack = town()
    one, two, three = nodes
    with stack:
        # The more run at once, the longer they take: the last fault, too, comes amid them.
        jobs = await submit_all(one, [order(f"beating_{most}", folder, FOR_S * most)] * JOBS)
        await begun(folder, AMID)
        own_redis.command("FLUSHALL")
        await begun(folder, 2 * AMID)
        two.signal(signal.SIGSTOP)
        await begun(folder, 3 * AMID)
        await asyncio.sleep(LEASE_S + 2)
        two.signal(signal.SIGCONT)
        await begun(folder, 5 * AMID)
        proxy.cut()
        await begun(folder, 6 * AMID)
        await asyncio.sleep(LEASE_S + 2)
        proxy.heal()
        await begun(folder, 8 * AMID)
        three.kill()
        own_redis.command("FLUSHALL")
        ended = [await one.job(job, wait_s=60) for job in jobs]

    assert {job["status"] for job in ended} == {"successful"}
    assert most_at_once(spans(folder)) == most


async def test_a_job_that_waits_says_so_and_lets_others_pass(
    start_node: Nodes, folder: Path
) -> None:
    """It takes no worker, neither from its own user nor from others."""
    node = start_node(NODE__WORKERS=2)
    first, second = [await node.submit(**order("beating_1", folder, 60)) for _ in range(2)]
    await begun(folder, 1)

    async def waits() -> bool:
        found = await node.job(second)
        return bool(found["waits"] == {"for": "limit", "until": None})

    await eventually(waits)
    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert (await node.outcome("echo", 1, uid="u2"))["status"] == "successful"
    status, _ = await node.abort(second)
    assert status == 200
    third = await node.submit(**order("beating_1", folder, 0.01))
    assert (await node.abort(first))[0] == 200
    assert (await node.job(third, wait_s=20))["status"] == "successful"


async def test_jobs_of_other_keys_run_beside_each_other(start_node: Nodes, folder: Path) -> None:
    node = start_node(NODE__WORKERS=4)
    customers = [{"customer": name} for name in ("a", "a", "b")]
    sent = [order("by_customer", folder, 60, **each) for each in customers]
    sent += [order("by_customer", folder, 60)] * 2

    jobs = await submit_all(node, sent)

    await begun(folder, 4)
    statuses = [(await node.job(job))["status"] for job in jobs]
    assert sorted(statuses) == ["queued", *["running"] * 4]
    assert statuses[2:] == ["running"] * 3
    await node.call("DELETE", "/u1")


async def test_a_key_is_free_once_what_the_job_did_is_undone(
    start_node: Nodes, folder: Path, tmp_path: Path
) -> None:
    node = start_node(NODE__WORKERS=2)
    undoing = tmp_path / "undoing"
    undoing.touch()
    sent = order("undone_one_by_one", folder, 60, undoing=str(undoing))
    first, second = [await node.submit(**sent) for _ in range(2)]
    await begun(folder, 1)

    assert (await node.abort(first))[0] == 200
    await asyncio.sleep(1.5)  # longer than the time between two looks
    assert (await node.job(second))["status"] == "queued"
    assert len(list(folder.iterdir())) == 1

    undoing.unlink()
    await begun(folder, 2)
    await node.abort(second)


async def test_a_throttle_spaces_what_begins_also_over_a_restart(
    start_node: Nodes, folder: Path
) -> None:
    """Five in a second, and two at once: as the processes see it."""
    node = start_node("same")
    jobs = await submit_all(node, [order("throttled", folder, 0.01)] * 14)
    await begun(folder, 7)
    assert node.drain() == 0
    node = start_node("same")
    ended = [await node.job(job, wait_s=30) for job in jobs]

    assert {job["status"] for job in ended} == {"successful"}
    starts = sorted(begin for begin, _ in spans(folder))
    assert len(starts) == len(jobs)
    for first, begin in enumerate(starts):
        for last, end in enumerate(starts[first:], first):
            assert last - first + 1 <= 2 + (end - begin + LATE_S) / 0.2
    assert max(after - before for before, after in pairwise(starts)) < 10


async def test_a_handler_closes_its_throttle_for_its_key(start_node: Nodes, folder: Path) -> None:
    node = start_node()
    closing = order("told_to_wait", folder, after_s=2)
    assert (await node.outcome(**{**closing, "data": closing["data"]}))["status"] == "successful"
    closed_at = time.monotonic()

    other = await node.outcome("told_to_wait", {"folder": str(folder)}, uid="u2")
    late = await node.submit("told_to_wait", {"folder": str(folder)})

    async def waits() -> bool:
        waits = (await node.job(late))["waits"]
        return waits is not None and waits["for"] == "throttle" and waits["until"] is not None

    assert other["status"] == "successful"
    await eventually(waits)
    assert (await node.job(late, wait_s=20))["status"] == "successful"
    assert float((folder / f"{late['id']}-1").read_text()) > closed_at + 1.5
    log = await node.outcome("has_no_throttle")
    assert (log["error"]["kind"], log["error"]["type"]) == ("exception", "RuntimeError")
    assert "throttle=Throttle" in log["error"]["message"]


async def test_a_limit_that_is_loaded_anew_counts_at_once(
    start_node: Nodes, tmp_path: Path, folder: Path
) -> None:
    """Raised, it lets go what waits; nobody has to end for it."""
    handlers = tmp_path / "handlers"
    handlers.mkdir()
    text = (
        "import time\nfrom pathlib import Path\nfrom scheduler import Limit, handler\n"
        "@handler('x', limit=Limit({}))\n"
        "def x(data, job):\n"
        "    Path(data['folder'], job.id).touch()\n"
        "    while Path(data['folder'], job.id).exists():\n"
        "        time.sleep(0.01)\n"
    )
    (handlers / "x.py").write_text(text.format(1))
    node = start_node(HANDLERS__PATH=handlers, NODE__WORKERS=3)
    await submit_all(node, [order("x", folder)] * 3)
    await begun(folder, 1)
    await asyncio.sleep(1.2)
    assert len(list(folder.iterdir())) == 1

    (handlers / "x.py").write_text(text.format(2))
    node.signal(signal.SIGHUP)

    await begun(folder, 2)
    for file in folder.iterdir():
        file.unlink()
    await begun(folder, 1)
    status, tasks = await node.call("GET", "/-/tasks")
    assert (status, tasks[0]["limit"]) == (200, [{"jobs_max": 2, "by": ["task"]}])
    await node.call("DELETE", "/u1")


async def test_thousands_that_wait_keep_nobody_else_waiting(
    start_node: Nodes, folder: Path
) -> None:
    """Not other users, nor the other jobs of the same one."""
    node = start_node(NODE__WORKERS=2)
    first = await node.submit(**order("beating_1", folder, 3600))
    await begun(folder, 1)
    usual_s = await _echo_s(node, "u2")
    for _ in range(WAITING):
        await submit_all(node, [order("beating_1", folder, 0.01)] * 1000)

    took_s = await _echo_s(node, "u2")
    same_s = await _echo_s(node, "u1")
    busy_s = 10 * usual_s
    assert took_s < OTHERS_S + busy_s, f"another user's job took {took_s:.1f} s"
    assert same_s < SAME_S + busy_s, f"one of the same user took {same_s:.1f} s"

    async def parked() -> bool:
        _, metrics = await asyncio.to_thread(_metrics, node)
        return f'held_jobs{{reason="limit"}} {WAITING}000.0' in metrics

    await eventually(parked, within_s=60)
    assert await _echo_s(node, "u1") < 2 + busy_s
    await node.abort(first, "grace_s=0&wait=10")
    await begun(folder, 50)


async def _echo_s(node: Node, uid: str) -> float:
    """How long a job that does nothing takes."""
    asked_at = time.monotonic()
    assert (await node.outcome("echo", 1, uid=uid))["status"] == "successful"
    return time.monotonic() - asked_at


def _metrics(node: Node) -> tuple[int, str]:
    with urlopen(f"{node.url}/-/metrics", timeout=10) as answer:  # noqa: S310 - the node
        return answer.status, answer.read().decode()


async def test_one_whose_user_runs_as_many_as_he_may_keeps_nobody_waiting(
    start_node: Nodes, own_redis: RedisServer, folder: Path
) -> None:
    """Its turn has come, and it waits for another job of its user: others of the key go on."""
    node = start_node(
        QUEUE__URL=own_redis.url, QUOTAS='{"ada" = {running_max = 1}}', NODE__WORKERS=3
    )
    await submit_all(node, [order("beating_1", folder, 2.0)])
    await begun(folder, 1)
    of_ada, of_bob = await submit_all(
        node, [order("beating_1", folder) | {"uid": uid} for uid in ("ada", "bob")]
    )
    await eventually(lambda: _are_held(node, of_ada, of_bob))
    await submit_all(node, [order("beating_3", folder, 60.0) | {"uid": "ada"}])

    assert (await node.job(of_bob, wait_s=20))["status"] == "successful"
    assert (await node.job(of_ada))["waits"]["for"] in {"quota", "limit"}


async def _are_held(node: Node, *jobs: Body) -> bool:
    waits = [(await node.job(job))["waits"] for job in jobs]
    return all(each is not None and each["for"] == "limit" for each in waits)
