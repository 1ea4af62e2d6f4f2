"""Live events on real nodes: each change of a job is sent at once, by every node, and once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.nodes.test_several_nodes import member
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer
from tests.support.sse import Event, listening

__all__ = ["member"]


def events_of(node: Node, job: Body, query: str = "") -> str:
    return f"{node.url}/{job['uid']}/{job['id']}/events{query}"


async def test_a_job_is_followed_from_its_present_state_to_its_end(
    node: Node, tmp_path: Path
) -> None:
    """And a client that reconnects after that gets the answer that there is nothing more."""
    job = await node.submit("talk_until", {"file": str(tmp_path / "end")})
    async with listening(events_of(node, job)) as events:
        await events.until(lambda event: event.data["status"] == "running")
        (tmp_path / "end").touch()
        await events.rest()
    words = [str(event) for event in events.seen]
    assert words in (["running", "successful"], ["queued", "running", "successful"])
    last = events.seen[-1]
    whole = await node.job(job)
    assert last.data == {name: whole[name] for name in whole if name not in ("data", "result")}
    async with listening(events_of(node, job), after=last) as events:
        assert events.status == 204


async def test_a_job_that_has_ended_is_one_event(node: Node) -> None:
    """A client that comes late gets the end, and needs no other request."""
    job = await node.outcome("echo")
    async with listening(events_of(node, job)) as events:
        assert await events.rest() == ["successful"]
    assert (await node.call("GET", f"/u2/{job['id']}/events"))[0] == 404


async def test_all_events_of_a_users_jobs_come_in_order(node: Node) -> None:
    """Each status, however short, and nothing about other users."""
    async with listening(f"{node.url}/-/events?uid=watched&log=true") as events:
        await events.begun()
        await node.outcome("talk", uid="another")
        job = await node.outcome("talk_twice", uid="watched")
        await events.until(lambda event: event.name == "status" and event.data["finished_at"])
    assert {event.data["id"] for event in events.seen} == {job["id"]}
    assert list(map(str, events.seen)) == [
        "queued",
        "running",
        "stdout: one",
        "stderr: two",
        "successful",
    ]


async def test_progress_is_sent_while_the_job_runs(node: Node, tmp_path: Path) -> None:
    """As often as the node writes it."""
    file = tmp_path / "step"
    job = await node.submit("progress_until", {"file": str(file)})
    async with listening(events_of(node, job)) as events:
        for step in (1, 2):
            file.write_text(str(step))
            made = await events.until(lambda event: event.name == "progress")
            assert made.data == {
                "id": job["id"],
                "uid": "u1",
                "attempt": 1,
                "progress": {"done": step, "total": 3, "message": None},
            }
        file.write_text("3")
        assert (await events.rest())[-1] == "successful"


async def test_the_events_of_an_abort_go_from_its_request_to_its_clean_up(
    node: Node, begun: Path
) -> None:
    """The dashboard shows the request at once, and the receipt follows by itself."""
    job = await node.submit("undoable", {"file": str(begun)})
    await eventually(begun.exists)
    async with listening(events_of(node, job)) as events:
        await events.next()
        await node.abort(job)
        assert await events.rest() == [
            "running+aborting",
            "aborted",
            "aborted+cleaned",
        ]
    assert events.seen[-1].data["abort"]["survivors"] == 0


async def test_a_client_that_reconnects_gets_what_it_missed_and_nothing_twice(node: Node) -> None:
    """Wherever the connection broke, even between the lines of a log."""
    job = await node.outcome("talk_twice", uid="missed")
    async with listening(f"{node.url}/-/events?uid=back&log=true") as events:
        await events.begun()
        for _ in range(3):
            await node.outcome("talk_twice", uid="back")
        for _ in range(15):
            await events.next()
    whole = events.seen
    assert [str(event) for event in whole].count("stderr: two") == 3
    for cut in (0, 2, 3, 7, 13):
        async with listening(f"{node.url}/-/events?uid=back&log=true", after=whole[cut]) as events:
            for _ in whole[cut + 1 :]:
                await events.next()
        assert events.seen == whole[cut + 1 :]
    assert job


async def test_a_client_that_reconnects_to_a_job_gets_what_it_missed(
    node: Node, tmp_path: Path
) -> None:
    """With its log lines; the two ways to say where it was are the same."""
    job = await node.submit("talk_until", {"file": str(tmp_path / "end")})
    async with listening(events_of(node, job, "?log=true")) as events:
        line = await events.until(lambda event: event.name == "log")
    (tmp_path / "end").touch()
    await node.job(job, wait_s=20)
    async with listening(events_of(node, job, "?log=true"), after=line) as events:
        assert await events.rest() == ["stdout: ended", "successful"]
    by_query = events_of(node, job, f"?log=true&last_event_id={line.id.replace('~', '%7E')}")
    async with listening(by_query) as events:
        assert await events.rest() == ["stdout: ended", "successful"]


async def test_a_job_of_another_node_is_followed_beyond_the_death_of_that_node(
    member: Callable[[str], Node], tmp_path: Path
) -> None:
    """A browser may be connected to any node, wherever the job runs."""
    a = member("a")
    job = await a.submit("talk_until", {"file": str(tmp_path / "end")})
    b = member("b")
    async with listening(events_of(b, job)) as events, listening(f"{b.url}/-/events") as all_:
        await all_.begun()
        await events.until(lambda event: event.data["status"] == "running")
        a.kill()
        await events.until(lambda event: event.data["attempt"] == 2)
        (tmp_path / "end").touch()
        await events.rest()
        await all_.until(lambda event: event.name == "status" and event.data["finished_at"])
    words = [str(event) for event in events.seen]
    assert words[-4:] == ["running", "queued", "running", "successful"]
    assert "reset" in map(str, all_.seen), "what the dead node did not announce is unknown"


async def test_an_emptied_queue_is_a_reset_and_the_end_of_a_job_is_sent_all_the_same(
    member: Callable[[str], Node], redis_server: RedisServer, tmp_path: Path
) -> None:
    """D1: it may be emptied at any moment. Followers get a reset, and read the jobs again."""
    node = member("a")
    job = await node.submit("talk_until", {"file": str(tmp_path / "end")})
    async with listening(events_of(node, job)) as events, listening(f"{node.url}/-/events") as all_:
        await all_.begun()
        running = await events.until(lambda event: event.data["status"] == "running")
        redis_server.command("FLUSHALL")
        await all_.until(lambda event: event.name == "reset")
        (tmp_path / "end").touch()
        assert (await events.rest())[-1] == "successful"
        await all_.until(lambda event: event.name == "status" and event.data["finished_at"])
    async with listening(events_of(node, job), after=running) as events:
        assert await events.rest() == ["reset", "successful"]


@pytest.mark.parametrize("made_up", ["1-1", "99999999999999999999-0", f"1-{2**64}"])
async def test_a_client_that_reconnects_with_an_unknown_event_id_gets_a_reset(
    node: Node, made_up: str
) -> None:
    """Even one that looks valid, but that the queue's server would refuse."""
    async with listening(f"{node.url}/-/events", after=Event(made_up, "", None)) as events:
        assert str(await events.next()) == "reset"


async def test_a_client_that_follows_does_not_delay_a_drain(start_node: Nodes) -> None:
    """The answer ends normally, and the client reconnects to another node."""
    node = start_node()
    async with listening(f"{node.url}/-/events") as events:
        await events.begun()
        node.signal(signal.SIGTERM)
        assert await events.rest() == []
    assert await asyncio.to_thread(node.ended) == 0
