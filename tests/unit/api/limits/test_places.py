"""Requests that take long have places, and nobody takes those of all others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.api.limits.load import STREAMS_MAX, WAITS_MAX, Load
from scheduler.api.limits.places import Places
from scheduler.api.state import LOAD
from scheduler.basics.background import background
from scheduler.core.access.principal import EVERYBODY, Role
from tests.support.eventually import eventually
from tests.unit.api.conftest import Api, Response, build


def taken(places: Places, asker: str, stack: ExitStack) -> int:
    """How many places somebody gets who takes all that he can."""
    number = 0
    while places.has_one_for(asker):
        stack.enter_context(places.taken_by(asker))
        number += 1
    return number


def test_one_alone_gets_four_fifths_of_the_places_and_others_find_some() -> None:
    """Whoever opens as many streams as he can must not shut out the rest."""
    places = Places("streams", 500)
    with ExitStack() as stack:
        assert taken(places, "greedy", stack) == 400
        assert taken(places, "second", stack) == 80
        assert places.has_one_for("third")
        with pytest.raises(web.HTTPTooManyRequests) as refused, places.taken_by("greedy"):
            pass
    assert refused.value.text == (
        "you have 400 of the 500 streams that this node takes open: end one of them first"
    )
    assert places.taken == 0
    assert not places._taken, "nobody is remembered for what has ended"


def test_who_finds_all_places_taken_is_told_so() -> None:
    """It is not his fault then, but the node's bound."""
    places = Places("waits", 1)
    with (
        places.taken_by("one"),
        pytest.raises(web.HTTPServiceUnavailable) as refused,
        places.taken_by("other"),
    ):
        pass
    assert refused.value.text == "this node has 1 waits open, which is its limit"


@pytest.mark.parametrize("most", [12, 512, 4096])
def test_what_takes_long_leaves_connections_for_what_does_not(most: int) -> None:
    """However many descriptors a node has."""
    load = Load()
    load.fit(most)
    assert load.streams.most + load.waits.most <= most * 3 // 4
    assert load.streams.most <= STREAMS_MAX
    assert load.waits.most <= WAITS_MAX


class Town(Api):
    """A node that asks for tokens, and two of them."""

    tokens: list[str]
    job_id: str
    load: Load

    async def as_(self, who: int, method: str, path: str) -> Response:
        """Ask as the first or the second bearer."""
        return await self.ask(method, path, headers=self.header(who))

    def header(self, who: int) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[who]}"}


@pytest.fixture(name="town")
async def town_fixture(aiohttp_client: AiohttpClient) -> AsyncIterator[Town]:
    """With two places for streams and two for waits."""
    parts = build(lambda by_token: by_token)
    load = parts.app[LOAD]
    load.streams.most = load.waits.most = 2
    async with background(looks=parts.looks.run(), tokens=parts.access.tokens.run()):
        client = await aiohttp_client(parts.app)
        town = Town(client, parts.store, parts.queue, parts.clock, parts.draining)
        made = [
            await parts.access.tokens.create(
                EVERYBODY, name="web", role=Role.USER, uids=["u1"], expires_at=None
            )
            for _ in range(2)
        ]
        town.tokens = [each.secret.text for each in made]
        town.load = load
        answer = await town.post({"task": "task1"}, **town.header(0))
        town.job_id = answer.json["id"]
        yield town


@pytest.mark.parametrize(
    "path", ["/-/events?uid=u1", "/u1/{id}/events", "/u1/{id}/log?follow=true"]
)
async def test_a_stream_takes_a_place_of_its_asker(town: Town, path: str) -> None:
    """Each costs a share of every change, and a connection."""
    path, streams = path.replace("{id}", town.job_id), town.load.streams
    with streams.taken_by("another"), streams.taken_by("another"):
        refused = await town.as_(0, "GET", path)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    assert refused.json["type"] == "urn:atlanscheduler:problem:too-many-streams"
    streams.most = 10
    async with town.client.get(path, headers=town.header(0)) as open_:
        assert open_.status == 200
        (asker,) = streams._taken
        with ExitStack() as stack:
            taken(streams, asker, stack)
            refused = await town.as_(0, "GET", path)
            assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
            assert refused.json["type"] == "urn:atlanscheduler:problem:too-many-requests"
            assert (await town.as_(1, "HEAD", path)).status == 200
    await eventually(lambda: streams.taken == 0)


async def test_a_wait_takes_a_place_and_gives_it_back(town: Town) -> None:
    """Thousands of them would take all connections."""
    path = f"/u1/{town.job_id}?wait=60"
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(town.as_(0, "GET", path), name="wait") for _ in range(2)]
        await eventually(lambda: town.load.waits.taken == 2)
        refused = await town.as_(1, "GET", path)
        assert (refused.status, refused.json["type"]) == (503, "urn:atlanscheduler:problem:busy")
        assert (await town.as_(1, "GET", path.partition("?")[0])).status == 200
        assert (await town.as_(0, "DELETE", f"/u1/{town.job_id}")).status == 200
    assert [each.result().status for each in waits] == [200, 200]
    assert town.load.waits.taken == 0


@pytest.mark.parametrize("form", ["path", "body"])
async def test_an_abort_that_finds_no_place_is_carried_out_without_a_wait(
    town: Town, form: str
) -> None:
    """An abort is never refused, whatever others do."""
    await town.start(town.job_id)
    waits, path = town.load.waits, f"/u1/{town.job_id}?wait=60"
    body = None if form == "path" else {"uid": "u1", "id": town.job_id}
    with waits.taken_by("another"), waits.taken_by("another"):
        answer = await town.ask(
            "DELETE", path if form == "path" else "/?wait=60", json=body, headers=town.header(0)
        )
    assert answer.status == 202
    assert answer.json["abort"]["requested_at"]
