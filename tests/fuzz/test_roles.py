"""Whatever a token of one user asks for, no answer has anything of another user's.

Two foreign users have jobs with a marker in every field. `SECONDS=60` sends 10,000 requests of a
`viewer` and of a `user`, else a few hundred; `SEED=…` repeats a run.
"""

# ruff: noqa: ANN401 - what is sent has any type

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.fuzz.foreign_requests import FOREIGN, KEY, OWN, Requests, Told
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes

REQUESTS = round(float(os.environ.get("SECONDS", "2.4")) * 10_000 / 60)
AT_ONCE = 8
STREAM_S = 0.3
MARKER = "Mrk7q"
"""In all that is foreign, but in the names that a request may have itself."""
HIDDEN = f"{MARKER}-hidden"
"""`HIDDEN` is in no request: nobody may learn that there is such a user."""


@pytest.fixture(name="town")
def town_fixture(start_node: Nodes) -> Node:
    node = start_node(AUTH__MODE="tokens", NODE__WORKERS=4)
    node.token = (node.folder / "data" / "admin-token").read_text().strip()
    return node


async def test_no_answer_has_anything_of_another_user(town: Node, tmp_path: Path) -> None:
    """Neither a body nor a header, by whatever route, of jobs that run and of those that ended."""
    seed = int(os.environ.get("SEED", "0")) or Random().randrange(1 << 32)  # noqa: S311
    running = [await _told_and_running(town, uid, tmp_path) for uid in (FOREIGN, HIDDEN)]
    told = await _told(town)
    made = [await _token(town, role) for role in ("viewer", "user")]
    async with _foreign_events(town), asyncio.TaskGroup() as group:
        for number in range(AT_ONCE):
            requests = Requests(Random(seed + number), told)  # noqa: S311
            token = made[number % len(made)]
            group.create_task(_ask(town, token, requests), name=f"{seed=} {number=}")
    for job in running:
        assert (await town.job(job))["status"] == "running", "nobody else may abort it"
        assert (await town.abort(job))[1]["abort"]["by"] == "first start"
    listed = (await town.call("GET", f"/-/jobs?uid={FOREIGN}&limit=1000"))[1]
    assert {each["submitted_by"] for each in listed} == {"first start"}
    assert len((await town.call("GET", "/-/tokens"))[1]) == 1 + len(made)


async def _ask(node: Node, token: str, requests: Requests) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for _ in range(REQUESTS // AT_ONCE):
            method, path, body, headers = requests.one()
            url = URL(node.url + path, encoded=True)
            async with session.request(method, url, json=body, headers=headers) as answer:
                text = await _beginning(answer)
                said = f"{answer.headers} {text}"
                assert MARKER not in said, f"{method} {path} {headers} {body}: {said[:500]}"
                assert answer.status < 500, f"{method} {path} {headers} {body}: {said[:500]}"


async def _beginning(answer: aiohttp.ClientResponse) -> str:
    """The body; of a stream that does not end, what comes in a while."""
    came = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(STREAM_S if "Content-Length" not in answer.headers else 30):
            async for piece in answer.content.iter_any():
                came += piece
    return came.decode("utf-8", "replace")


async def _told_and_running(node: Node, uid: str, folder: Path) -> Any:
    """Jobs of a user with a marker in all that a job may have; one of them goes on running."""
    job = {"uid": uid, "task": "echo", "data": f"{MARKER} data"}
    answer = await _submitted(node, job, {"Idempotency-Key": KEY})
    await node.job(answer, wait_s=30)
    await node.outcome("fail", f"{MARKER} error", uid=uid, hook=f"http://127.0.0.1:1/{MARKER}")
    await node.outcome("say_to", ["stdout", f"{MARKER} log"], uid=uid)
    file = {"file": str(folder / f"{MARKER}-never-{uid}")}
    running = await node.submit("talk_until", file, uid=uid, hook=f"http://127.0.0.1:1/{MARKER}")
    path = f"/{uid}/{running['id']}"
    await eventually(lambda: _is_running(node, path))
    return running


async def _is_running(node: Node, path: str) -> bool:
    return bool((await node.call("GET", path))[1]["status"] == "running")


async def _submitted(node: Node, job: Any, headers: dict[str, str]) -> Any:
    sent = {"Authorization": f"Bearer {node.token}", **headers}
    async with (
        aiohttp.ClientSession(headers=sent) as session,
        session.post(node.url, json=job) as answer,
    ):
        assert answer.status == 202
        return await answer.json()


async def _told(node: Node) -> Told:
    """Own and foreign ids, and cursors of the lists of all."""
    own = [(await node.outcome("echo", 1, uid=OWN))["id"] for _ in range(3)]
    foreign = [each["id"] for each in (await node.call("GET", f"/{FOREIGN}"))[1]]
    cursors = []
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {node.token}"}) as session:
        for path in ("/-/jobs?limit=1", f"/{FOREIGN}?limit=1"):
            async with session.get(node.url + path) as answer:
                cursors.append(URL(answer.links["next"]["url"]).query["after"])
    return Told([*own, *foreign], cursors)


async def _token(node: Node, role: str) -> str:
    order = {"name": f"the {role}", "role": role, "uids": [OWN, "team-a.*"]}
    status, made = await node.call("POST", "/-/tokens", order)
    assert status == 201, made
    return str(made["token"])


@asynccontextmanager
async def _foreign_events(node: Node) -> AsyncIterator[None]:
    """Foreign jobs come and go meanwhile, so that there are events that may be mixed up."""
    over = asyncio.Event()

    async def go_on() -> None:
        while not over.is_set():
            for uid in (FOREIGN, HIDDEN):
                await node.outcome("echo", f"{MARKER} event", uid=uid)

    async with asyncio.TaskGroup() as group:
        group.create_task(go_on(), name="foreign jobs")
        try:
            yield
        finally:
            over.set()
