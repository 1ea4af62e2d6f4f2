"""A clean-up that fails is tried again: on a real node, with real processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.aborts.test_abort_cleanup import FAR, undone
from tests.support.commands import command
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer

WAIT = "wait=60&until=over"


async def begin(node: Node, begun: Path, task: str) -> Body:
    job = await node.submit(task, {"file": str(begun)})
    await eventually(begun.exists)
    return job


async def test_a_clean_up_is_tried_until_it_succeeds(node: Node, begun: Path) -> None:
    """One request waits for it, though it raises, and then crashes its process."""
    job = await begin(node, begun, "undone_at_last")

    status, job = await node.abort(job, WAIT)

    assert (status, job["status"], job["abort"]["cleanup"]) == (200, "aborted", "done")
    made = {name: job["abort"]["on_abort"][name] for name in ("state", "tries", "error")}
    assert made == {"state": "done", "tries": 3, "error": None}
    processes = {line.split()[1] for line in undone(begun)}
    assert len(processes) == 3, "each try has a process of its own"


async def test_a_clean_up_that_always_fails_is_given_up(start_node: Nodes, begun: Path) -> None:
    """The command says so in words, and in its exit status; the node logs one error."""
    node = start_node(ABORT__CLEANUP_TRIES=2)
    job = await begin(node, begun, "not_undoable")

    aborted = await command(node, "abort", f"{job['uid']}/{job['id']}")

    why = "RuntimeError: cannot be undone"
    assert f"the clean-up failed 2 of 2 times and is given up: {why}" in aborted.output
    assert aborted.status == 8
    waited = await command(node, "wait", f"{job['uid']}/{job['id']}", "--until", "over")
    assert (waited.status, waited.output) == (8, aborted.output)
    ended = await command(node, "wait", f"{job['uid']}/{job['id']}")
    assert ended.status == 4, "which says how the job ended"
    levels = [line["level"] for line in logged(node, job) if "clean-up failed" in line["event"]]
    assert levels == ["warning", "error"]


async def test_a_command_waits_until_a_clean_up_has_ended(node: Node, begun: Path) -> None:
    """A script goes on only once what the job had taken is free again."""
    job = await begin(node, begun, "undone_at_last")
    assert (await node.abort(job, "wait=30"))[0] == 200
    waited = await command(node, "wait", f"{job['uid']}/{job['id']}", "--until", "over")
    assert (waited.status, ", undone at the third try" in waited.output) == (4, True)


async def test_a_restart_goes_on_where_the_tries_were(start_node: Nodes, begun: Path) -> None:
    """The pause and the count are in the store; a drain does not wait for the pause."""
    node = start_node(QUEUE__IDLE_WINDOW_S=FAR)
    job = await begin(node, begun, "undone_at_last")
    await node.abort(job)
    await eventually(lambda: tries(node, job, 1))
    assert node.drain() == 0

    again = start_node(QUEUE__IDLE_WINDOW_S=FAR)

    _, job = await again.abort(job, WAIT)
    assert (job["abort"]["cleanup"], job["abort"]["on_abort"]["tries"]) == ("done", 3)
    assert len(undone(begun)) == 3


async def test_another_node_tries_again_what_a_dead_node_began(
    start_node: Nodes, begun: Path, postgres_url: str, redis_server: RedisServer, namespace: str
) -> None:
    """The death of a node uses up no try, and loses none."""
    shared: dict[str, Any] = {
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
        "QUEUE__IDLE_WINDOW_S": FAR,
        "NODE__LEASE_S": 1,
    }
    first = start_node("first", NODE__NAME="first", **shared)
    job = await begin(first, begun, "undone_at_last")
    await first.abort(job)
    await eventually(lambda: tries(first, job, 1))
    first.kill()

    second = start_node("second", NODE__NAME="second", **shared)

    _, job = await second.abort(job, WAIT)
    assert (job["abort"]["cleanup"], job["abort"]["on_abort"]["tries"]) == ("done", 3)


async def tries(node: Node, job: Body, ended: int) -> bool:
    on_abort = (await node.job(job))["abort"]["on_abort"]
    return on_abort is not None and on_abort["tries"] >= ended


def logged(node: Node, job: Body) -> list[dict[str, Any]]:
    return [json.loads(line) for line in node.log.splitlines() if job["id"] in line]
