"""A node behind nginx or Caddy, at the root or below a path, is used like one without.

The proxies run as `docs/proxies.md` shows them, and nginx also with its defaults.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urljoin
from uuid import uuid4

import aiohttp
import pytest

from atlanscheduler_client import AsyncClient, Client, NewJob
from atlanscheduler_client.events import Progressed
from tests.support.commands import Terminal, command
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.fronts import in_front
from tests.support.sse import listening

PAGE = 100
"""As many jobs as a client asks for at once."""
UIDS = ["ada", "a:b", "a b", "ä&ö", "100%", "%2F", "a?b#c", "...", "a+b", '"<>;\\']


@pytest.fixture(name="uid")
def uid_fixture() -> str:
    """A user that only this test has."""
    return f"behind-{uuid4().hex[:12]}"


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[aiohttp.StreamReader]:
    """The body of an answer, as it comes."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        yield answer.content


async def test_events_come_when_they_happen(front: Node, tmp_path: Path) -> None:
    """By default nginx keeps an answer back until it has 4 KiB of it, which may be the end."""
    file = tmp_path / "step"
    job = await front.submit("progress_until", {"file": str(file)})
    async with listening(f"{front.url}/u1/{job['id']}/events", for_s=20) as events:
        for step in (1, 2):
            file.write_text(str(step))
            made = await events.until(lambda event: event.name == "progress")
            assert made.data["progress"]["done"] == step
        file.write_text("3")
        assert (await events.rest())[-1] == "successful"


async def test_the_root_leads_a_browser_to_the_dashboard(front: Node) -> None:
    """By a relative redirect: the node does not know at which path the proxy shows it."""
    async with aiohttp.ClientSession(headers={"Accept": "text/html"}) as session:
        async with session.get(f"{front.url}/") as page:
            assert (page.status, str(page.url)) == (200, f"{front.url}/-/ui/")
        async with session.get(f"{front.url}/-/jobs?limit=1") as listed:
            assert listed.status == 200
        async with session.get(f"{front.url}/healthz") as mistyped:
            assert mistyped.status == 404
            assert "/-/health?" in (await mistyped.json(content_type=None))["detail"]


async def test_the_events_of_all_jobs_come_when_they_happen(front: Node, uid: str) -> None:
    async with listening(f"{front.url}/-/events?uid={uid}", for_s=20) as events:
        await events.begun()
        job = await front.submit("echo", uid=uid)
        assert (await events.until(lambda event: event.data["id"] == job["id"])).id


async def test_a_line_of_a_log_comes_when_it_is_printed(front: Node, tmp_path: Path) -> None:
    job = await front.submit("talk_until", {"file": str(tmp_path / "end")})
    async with asyncio.timeout(20), reading(f"{front.url}/u1/{job['id']}/log?follow=true") as lines:
        assert (await lines.readline()).endswith(b" stdout begun\n")
        (tmp_path / "end").touch()
        assert (await lines.readline()).endswith(b" stdout ended\n")
        assert await lines.read() == b""


async def test_a_wait_is_answered_when_the_job_ends(front: Node, tmp_path: Path) -> None:
    job = await front.submit("talk_until", {"file": str(tmp_path / "end")})
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(front.job(job, wait_s=60))
        (tmp_path / "end").touch()
    assert ended.result()["status"] == "successful"


async def test_a_program_works_with_the_client(front: Node, uid: str, tmp_path: Path) -> None:
    """With all that the client does: pages, events, logs, an abort."""

    def use() -> None:
        with Client(front.url) as client:
            jobs = client.submit_all([NewJob(uid=uid, task="echo")] * (PAGE + 1))
            listed = {job.id for job in client.list(uid, task="echo")}
            assert listed == {job.id for job in jobs}
            job = client.submit(uid, "talk_until", {"file": str(tmp_path / "end")})
            lines = client.log(uid, job.id, follow=True)
            assert next(lines).text == "begun"
            (tmp_path / "end").touch()
            assert [line.text for line in lines] == ["ended"]
            assert client.wait(uid, job.id, timeout_s=20).status == "successful"
            job = client.submit(uid, "talk_until", {"file": str(tmp_path / "never")})
            assert client.abort(uid, job.id).status == "aborted"

    await asyncio.to_thread(use)


async def test_a_program_with_an_event_loop_works_with_the_client(
    front: Node, uid: str, tmp_path: Path
) -> None:
    file = tmp_path / "step"
    async with AsyncClient(front.url) as client:
        jobs = await client.submit_all([NewJob(uid=uid, task="echo")] * (PAGE + 1))
        assert len([job async for job in client.list(uid)]) == len(jobs)
        job = await client.submit(uid, "progress_until", {"file": str(file)})
        file.write_text("1")
        async for event in client.watch(uid, job.id):
            if isinstance(event, Progressed):
                file.write_text(str(event.progress.done + 1))
        assert (await client.get(uid, job.id)).status == "successful"


async def test_the_command_line_works(front: Node, uid: str, tmp_path: Path) -> None:
    data = json.dumps({"file": str(tmp_path / "end")})
    submitted = await command(front, "submit", uid, "talk_until", data)
    name = submitted.output.strip()
    async with Terminal(front, "logs", "-f", name) as terminal:
        await terminal.shows("begun")
        (tmp_path / "end").touch()
        assert await terminal.ended() == 0
    assert (await command(front, "wait", name)).status == 0
    assert uid in (await command(front, "list", uid)).output


async def pages(url: str) -> list[Body]:
    """All jobs of a list, by the links between its pages, as RFC 8288 has them followed."""
    found: list[Body] = []
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as answer:
                assert answer.status == 200, url
                found += await answer.json()
                link = answer.headers.get("Link")
            if link is None:
                return found
            url = urljoin(url, link[1 : link.index(">")])


async def test_the_links_of_a_list_lead_to_its_next_page(front: Node) -> None:
    """For every user: a uid may have any character but a slash."""
    run = uuid4().hex[:6]
    for uid in UIDS:
        name = f"{uid}{run}"
        jobs = [await front.submit("echo", uid=name) for _ in range(3)]
        found = await pages(f"{front.url}/{quote(name, safe='')}?limit=2&task=echo")
        assert {job["id"] for job in found} == {job["id"] for job in jobs}, uid


async def test_the_location_of_a_job_is_where_the_proxy_has_it(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Wherever a submission is sent to: `POST /jobs` is the same as `POST /jobs/`."""
    node = start_node(HTTP__PATH_PREFIX="/jobs")
    with in_front("nginx", tmp_path, behind=node.url, path="/jobs") as url:
        async with aiohttp.ClientSession() as session:
            for uid in UIDS:
                order = {"uid": uid, "task": "echo"}
                async with session.post(f"{url}/", json=order) as answer:
                    where = urljoin(f"{url}/", answer.headers["Location"])
                    assert where == urljoin(url, answer.headers["Location"])
                    job = await answer.json()
                async with session.get(where) as answer:
                    assert (await answer.json())["id"] == job["id"]


async def test_the_description_names_the_server_that_it_came_from(front: Node) -> None:
    """A client that is made from it sends its requests through the proxy too."""
    where = f"{front.url}/-/openapi.json"
    async with aiohttp.ClientSession() as session, session.get(where) as answer:
        document = await answer.json()
    assert urljoin(where, document["servers"][0]["url"]) == f"{front.url}/"


@pytest.mark.parametrize("kind", ["event-stream", "plain"])
async def test_a_stream_asks_proxies_to_leave_it_alone(node: Node, kind: str) -> None:
    """To buffer, compress or store it would delay what is live."""
    job = await node.outcome("echo")
    path = "events" if kind == "event-stream" else "log"
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{node.url}/u1/{job['id']}/{path}") as answer,
    ):
        assert kind in answer.headers["Content-Type"]
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert answer.headers["Cache-Control"] == "no-store, no-transform"
