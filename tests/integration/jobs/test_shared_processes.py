"""`[node] share_processes = false`: what a job leaves in its process is for no other user."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes

AMID = rounds(80, long=200)
"""So many short jobs before them make the node send the next ones in lots."""
USERS = ("ada", "bob") * rounds(12, long=40)


async def seen_before(node: Node, users: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Submit a job for each; whose jobs its process had run before."""
    status, jobs = await node.call(
        "POST", "/", [{"uid": uid, "task": "seen", "data": None} for uid in users]
    )
    assert status == 202, jobs
    return [(job["uid"], (await node.job(job, wait_s=60))["result"]) for job in jobs]


def strangers(seen: Sequence[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """The jobs that ran after one of another user."""
    return [(uid, before) for uid, before in seen if set(before) - {uid}]


async def test_a_process_serves_one_user_and_is_then_replaced(start_node: Nodes) -> None:
    """A module that caches a user's rows must not show them to the next one."""
    node = start_node(NODE__WORKERS=1, NODE__SHARE_PROCESSES="false")
    seen = [(await seen_before(node, [uid]))[0] for uid in ("ada", "ada", "bob", "ada", "bob")]
    assert seen == [("ada", []), ("ada", ["ada"]), ("bob", []), ("ada", []), ("bob", [])]
    await eventually(lambda: len(node.processes()) == 7, saying="all replaced ones have ended")


@pytest.mark.parametrize("workers", [1, 2])
async def test_short_jobs_that_share_a_trip_are_of_one_user(
    start_node: Nodes, workers: int
) -> None:
    """A lot of many users' jobs would be sent to one process at once."""
    node = start_node(NODE__WORKERS=workers, NODE__SHARE_PROCESSES="false")
    seen = await seen_before(node, ["ada"] * AMID + [*USERS])
    assert not strangers(seen)
    assert [before for _, before in seen].count(["ada"]) > AMID / 2, "a user's jobs share a process"


async def test_users_share_processes_where_nothing_is_configured(start_node: Nodes) -> None:
    """A process for each user costs time, and most users trust each other."""
    node = start_node(NODE__WORKERS=1)
    assert strangers(await seen_before(node, USERS))
