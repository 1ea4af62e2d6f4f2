"""Mode `proxy` with nginx in front, as `docs/proxies.md` shows it: it says who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.nodes import Node, Nodes
from tests.support.servers.fronts import in_front

SETTINGS = {
    "AUTH__MODE": "proxy",
    "AUTH__PROXIES": '["127.0.0.1/32"]',
    "AUTH__GROUPS": '{ops = {role = "operator", uids = ["*"]},'
    ' team-a = {role = "user", uids = ["bob", "team-a.*"]}}',
}
ELSEWHERE = "127.0.0.3"
"""An address of this machine from which the proxy does not ask."""
FORGED = {"X-Forwarded-User": "ada", "X-Forwarded-Groups": "ops"}


@pytest.fixture(name="node", scope="module")
def node_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    nodes = Nodes(tmp_path_factory.mktemp("proxied"))
    try:
        yield nodes(**SETTINGS)
    finally:
        nodes.close()


@pytest.fixture(name="url", params=["", "/jobs"])
def url_fixture(request: pytest.FixtureRequest, node: Node, tmp_path: Path) -> Iterator[str]:
    """Where nginx serves the node."""
    with in_front("users", tmp_path, behind=node.url, path=request.param) as url:
        yield url


@asynccontextmanager
async def asking(
    url: str, user: str | None, headers: Mapping[str, str] | None = None, *, source: str = ""
) -> AsyncIterator[Any]:
    """Sends requests as a user of nginx."""
    basic = {} if user is None else {"Authorization": aiohttp.encode_basic_auth(user, user)}
    connector = aiohttp.TCPConnector(local_addr=(source, 0) if source else None)

    sent = {**basic, **(headers or {})}
    async with aiohttp.ClientSession(connector=connector, headers=sent) as session:

        async def ask(method: str, path: str, body: object = None) -> tuple[int, Any]:
            async with session.request(method, url + path, json=body) as answer:
                text = await answer.text()
                return answer.status, await answer.json() if text.startswith(("{", "[")) else text

        yield ask


async def test_nginx_says_who_asks_and_in_which_groups(url: str) -> None:
    """Each has the rights of his groups, and a job has his name."""
    async with asking(url, "bob") as bob, asking(url, "ada") as ada:
        status, job = await bob("POST", "/", {"uid": "team-a.bob", "task": "echo"})
        assert (status, job["submitted_by"]) == (202, "bob")
        assert (await bob("POST", "/", {"uid": "ada", "task": "echo"}))[0] == 403
        assert (await bob("GET", "/-/nodes"))[0] == 403
        assert (await ada("GET", f"/team-a.bob/{job['id']}?wait=30"))[1]["status"] == "successful"
        assert (await ada("GET", "/-/nodes"))[0] == 200


async def test_who_is_not_known_to_nginx_does_not_get_to_the_node(url: str) -> None:
    async with asking(url, None) as nobody, asking(url, "mallory") as mallory:
        assert (await nobody("GET", "/bob"))[0] == 401
        assert (await mallory("GET", "/bob"))[0] == 401


async def test_who_is_in_no_group_may_do_nothing(url: str) -> None:
    """Nginx leaves an empty header out."""
    async with asking(url, "eve") as eve:
        assert (await eve("GET", "/-/ui/data/me"))[0] == 403
        assert (await eve("GET", "/eve"))[0] == 403


@pytest.mark.parametrize(
    "headers",
    [FORGED, {key.lower(): each for key, each in FORGED.items()}, {"X_Forwarded_Groups": "ops"}],
)
async def test_headers_of_a_client_are_replaced(url: str, headers: dict[str, str]) -> None:
    """Else everybody who may log in has all rights."""
    async with asking(url, "bob", headers) as bob:
        assert (await bob("GET", "/-/nodes"))[0] == 403
        status, job = await bob("POST", "/", {"uid": "bob", "task": "echo"})
        assert (status, job["submitted_by"]) == (202, "bob")


async def test_forged_headers_mean_nothing_beside_the_proxy(node: Node) -> None:
    """The node is reached by others, too, such as jobs on the same machine."""
    async with asking(node.url, None, FORGED, source=ELSEWHERE) as forger:
        for path in ("/bob", "/-/nodes", "/-/jobs", "/-/ui/data/overview"):
            status, problem = await forger("GET", path)
            assert (status, problem["type"]) == (401, "urn:atlanscheduler:problem:unauthenticated")
        assert (await forger("POST", "/", {"uid": "bob", "task": "echo"}))[0] == 401
    async with asking(node.url, None, FORGED) as proxy:
        assert (await proxy("GET", "/-/nodes"))[0] == 200, "it is the address that counts"
