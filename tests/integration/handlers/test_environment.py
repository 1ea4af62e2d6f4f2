"""The environment of a handler has nothing of the node's secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"  # noqa: S105 - of this test only
PRIVATE = ("SCHEDULER_STORE__", "SCHEDULER_QUEUE__", "SCHEDULER_HOOKS__", "SCHEDULER_AUTH__")
PLACES = [
    "python",
    "child",
    "process",
    "start of this process",
    "start of the fork server",
    "arguments",
]


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> dict[str, object]:
    store = tmp_path_factory.mktemp("private") / f"{uuid4().hex}.db"
    return {
        "STORE__URL": f"sqlite:///{store}",
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": f"private-{uuid4().hex}",
        "HOOKS__SECRET": SECRET,
    }


@pytest.fixture(scope="module", name="private")
def private_fixture(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, object]
) -> Iterator[Node]:
    """A node with secrets in its environment, where containers get them."""
    nodes = Nodes(tmp_path_factory.mktemp("nodes"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_OF_THE_HANDLERS", "postgresql://theirs")
        node = nodes("private", **{"NODE__WORKERS": 1, **settings})
    yield node
    nodes.close()


@pytest.mark.parametrize("place", PLACES)
async def test_a_handler_finds_no_secret_of_the_node(
    private: Node, settings: dict[str, object], place: str
) -> None:
    """Any user's job could send them elsewhere, and so could a library's report of an error."""
    found = await environment(private)
    shown = "\n".join(found[place])
    assert [name for name, value in settings.items() if str(value) in shown] == []
    assert [each for each in found[place] if each.startswith(PRIVATE)] == []


async def test_a_process_that_replaces_another_finds_none_either(
    private: Node, settings: dict[str, object]
) -> None:
    """Spares and later processes come from the same start."""
    await private.outcome("crash", 0)
    shown = str(await environment(private))
    assert [name for name, value in settings.items() if str(value) in shown] == []


@pytest.mark.parametrize("place", ["python", "child"])
async def test_a_handler_finds_the_rest_of_the_environment(private: Node, place: str) -> None:
    """Its own settings come this way, and the folder for its files."""
    found = (await environment(private))[place]
    assert "DATABASE_OF_THE_HANDLERS=postgresql://theirs" in found
    (files,) = [each for each in found if each.startswith("SCHEDULER_HANDLERS__FILES_DIR=")]
    assert Path(files.partition("=")[2]) == private.folder / "files"


async def environment(node: Node) -> Body:
    job = await node.outcome("environment")
    assert job["status"] == "successful", job["error"]
    return job["result"]
