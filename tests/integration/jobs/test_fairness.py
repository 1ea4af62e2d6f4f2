"""Whose turn it is on a real node: what others have queued does not matter to a newcomer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes

NAP_S = 0.2


def begun(file: Path) -> list[str]:
    """The ids of the jobs that have begun, in this order."""
    return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


async def flood(node: Node, file: Path, uid: str, count: int) -> list[str]:
    """Queue as many jobs at once; their ids."""
    job = {"uid": uid, "task": "brief", "data": {"for_s": NAP_S, "begun": str(file)}}
    status, jobs = await node.call("POST", "/", [job] * count)
    assert status == 202, jobs
    return [job["id"] for job in jobs]


async def test_the_job_of_a_newcomer_is_among_the_next_two_to_start(
    start_node: Nodes, tmp_path: Path
) -> None:
    """With two workers, one may be about to begin with a job as it is submitted."""
    node, file = start_node(NODE__WORKERS=2), tmp_path / "begun"
    await flood(node, file, "a", 1000)
    await eventually(lambda: len(begun(file)) >= 2)
    for number in range(10):
        [job_id] = await flood(node, file, f"b{number % 3}", 1)
        before = len(begun(file))

        def has_begun(job_id: str = job_id) -> bool:
            return job_id in begun(file)

        await eventually(has_begun)
        assert begun(file).index(job_id) < before + 2


async def test_users_who_came_later_get_as_much_as_who_was_first(
    start_node: Nodes, tmp_path: Path
) -> None:
    """However much the first one has queued."""
    node, file = start_node(NODE__WORKERS=2), tmp_path / "begun"
    users = dict.fromkeys(await flood(node, file, "a", 200), "a")
    await eventually(lambda: len(begun(file)) >= 4)
    before = len(begun(file))
    for uid in ("b", "c"):
        users |= dict.fromkeys(await flood(node, file, uid, 20), uid)

    await eventually(lambda: len(begun(file)) >= before + 30, within_s=60)
    started = Counter(users[job_id] for job_id in begun(file)[before : before + 30])
    assert min(started.values()) >= 8, started
