"""An `AsyncClient` in its own event loop, in another one, and after a fork."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from atlanscheduler_client import AsyncClient
from tests.support.eventually import eventually
from tests.unit.client.whims import Node, connected, in_child, node_fixture

__all__ = ["node_fixture"]

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")

Use = Callable[[AsyncClient], Coroutine[Any, Any, Any]]


async def first(iterator: AsyncIterator[object]) -> object:
    return await anext(iterator)


def go_on(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Go on as the coroutine of the parent that forked: it is given time by nobody else."""
    while True:
        coroutine.send(None)


USES: dict[str, Use] = {
    "get": lambda client: client.get("ada", "1"),
    "submit": lambda client: client.submit("ada", "task", 1),
    "wait": lambda client: client.wait("ada", "1"),
    "list": lambda client: first(client.list("ada")),
    "watch": lambda client: first(client.watch("ada", "1")),
    "log": lambda client: first(client.log("ada", "1", follow=True)),
    "enter": lambda client: client.__aenter__(),
    "leave": lambda client: client.__aexit__(None, None, None),
}


@pytest.fixture
async def client(node: Node) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(node.url, timeout_s=5, retry_s=0) as client:
        await client.get("ada", "1")
        yield client


async def in_another_loop(use: Coroutine[Any, Any, Any]) -> object:
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.wrap_future(thread.submit(asyncio.run, use))


@pytest.mark.parametrize("use", USES)
async def test_use_in_another_loop_is_a_clear_error(client: AsyncClient, use: str) -> None:
    """It would wait for what only the first loop does, or disturb that one's calls."""
    with pytest.raises(RuntimeError, match=r"another event loop|open already"):
        await in_another_loop(USES[use](client))
    assert (await client.get("bob", "2")).uid == "bob"


@pytest.mark.parametrize("use", sorted(USES.keys() - {"enter", "leave"}))
async def test_use_after_a_fork_is_a_clear_error(client: AsyncClient, use: str) -> None:
    """In the parent's coroutine or in a loop of the child: both would use the parent's sockets."""
    assert "opened before a fork" in in_child(lambda: go_on(USES[use](client)))
    assert "opened before a fork" in in_child(lambda: asyncio.run(USES[use](client)))
    assert (await client.get("bob", "2")).uid == "bob"


async def test_a_child_closes_its_copies_of_the_connections(
    node: Node, client: AsyncClient
) -> None:
    """Its own end would otherwise close them by the parent's event loop, which both share."""
    assert connected(node) == 1
    assert in_child(lambda: connected(node)) == "0"
    assert (await client.get("bob", "2")).uid == "bob"
    assert len(node.opened) == 1


async def test_a_child_that_closes_the_client_ends_no_call_of_its_parent(
    node: Node, client: AsyncClient
) -> None:
    """It leaves its `async with` as well, and its clean-up at the end destroys the session."""

    def leave() -> None:
        asyncio.run(USES["leave"](client))
        gc.collect()

    async with asyncio.TaskGroup() as group:
        held = group.create_task(client.get("held", "1"))
        await eventually(node.asked.is_set)
        assert in_child(leave) == "None"
        node.answering.set()
    assert held.result().uid == "held"
    assert len(node.opened) == 1


async def test_a_child_may_open_the_client_anew(node: Node, client: AsyncClient) -> None:
    """A web server's worker enters what the program made before the fork."""

    async def call() -> str:
        async with client:
            return (await client.get("bob", "2")).uid

    assert in_child(lambda: asyncio.run(call())) == "'bob'"
    assert len(node.opened) == 2
    assert (await client.get("ada", "2")).uid == "ada"
    assert len(node.opened) == 2


def test_one_loop_after_the_other_may_open_the_client(node: Node) -> None:
    """Each `asyncio.run` has a loop of its own."""
    client = AsyncClient(node.url)

    async def call(uid: str) -> str:
        async with client:
            return (await client.get(uid, "1")).uid

    assert [asyncio.run(call(uid)) for uid in ("ada", "bob")] == ["ada", "bob"]


async def test_unopened_it_says_how_to_open_it(node: Node) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await AsyncClient(node.url).get("ada", "1")
