"""Hooks from end to end: the calls that a job's user gets, whatever dies meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.receiver import LOOPBACK, Receiver, receiving

SECRET = f"whsec_{base64.b64encode(b's' * 32).decode()}"


@pytest.fixture(name="calling", scope="module")
def calling_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that may call hooks here, with one worker."""
    nodes = Nodes(tmp_path_factory.mktemp("calling"))
    try:
        yield nodes(HOOKS__ALLOW=LOOPBACK, HOOKS__SECRET=SECRET, NODE__WORKERS=1)
    finally:
        nodes.close()


async def calls(node: Node, job: Body) -> list[Body]:
    status, found = await node.call("GET", f"/{job['uid']}/{job['id']}/hooks")
    assert status == 200, found
    return list(found)


async def test_notifications_and_the_end_are_sent(calling: Node, receiver: Receiver) -> None:
    job = await calling.outcome("notify", "hello", hook=receiver.url)
    by_event = {got.headers["scheduler-event"]: got for got in await receiver.gets(2)}

    for got in by_event.values():
        assert Webhook(SECRET).verify(got.body, dict(got.headers)) == got.json
        assert got.headers["scheduler-job"] == f"/u1/{job['id']}"
    assert by_event["job.notified"].json == ["hello", 2**64 + 1]
    sent = by_event["job.ended"].json
    assert sent == {key: job[key] for key in sent}
    assert (sent["status"], sent["attempt"]) == ("successful", 1)

    async def all_delivered() -> bool:
        return [call["status"] for call in await calls(calling, job)] == ["delivered"] * 2

    await eventually(all_delivered)


async def test_aborts_and_failures_are_sent(calling: Node, receiver: Receiver, begun: Path) -> None:
    """Even for a queued job that no worker ever had."""
    running = await calling.submit("wait", {"file": str(begun)}, hook=receiver.url)
    queued = await calling.submit("wait", {"file": str(begun)}, hook=receiver.url)
    await eventually(begun.exists)
    assert (await calling.abort(queued))[0] == 200
    assert (await calling.abort(running))[0] == 200
    failed = await calling.outcome("fail", hook=receiver.url)

    sent = {got.json["id"]: got.json for got in await receiver.gets(3)}
    for job in (running, queued, failed):
        expected = await calling.job(job)
        assert sent[job["id"]]["status"] == expected["status"]
        assert sent[job["id"]]["abort"] == expected["abort"]
    assert sent[failed["id"]]["error"]["kind"] == "exception"


async def test_a_call_survives_the_death_of_its_node(start_node: Nodes) -> None:
    """The end is stored together with the call, so a restarted node still makes it."""
    async with receiving() as gone:
        url = gone.url
    node = start_node(HOOKS__ALLOW=LOOPBACK)
    job = await node.outcome("notify", "lost?", hook=url)

    async def was_tried() -> bool:
        found = await calls(node, job)
        return len(found) == 2 and all(call["answer"] for call in found)

    await eventually(was_tried)
    node.kill()

    port = int(url.rpartition(":")[2].partition("/")[0])
    async with receiving(port) as receiver:
        start_node(HOOKS__ALLOW=LOOPBACK)
        received = await receiver.gets(2)
    assert {got.headers["scheduler-event"] for got in received} == {"job.ended", "job.notified"}


async def test_by_default_no_hook_is_called_in_the_own_network(
    node: Node, receiver: Receiver
) -> None:
    job = await node.outcome("notify", 1, hook=receiver.url)

    async def was_refused() -> bool:
        return all("not public" in str(call["answer"]) for call in await calls(node, job))

    await eventually(was_refused)
    assert receiver.received == []


async def test_the_calls_of_other_users_jobs_are_not_shown(node: Node) -> None:
    job = await node.outcome("pid")
    assert await calls(node, job) == []
    assert (await node.call("GET", f"/u2/{job['id']}/hooks"))[0] == 404
    assert (await node.call("GET", f"/u1/{job['id']}/hooks?limit=1"))[0] == 400
