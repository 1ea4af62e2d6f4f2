"""`main.py token admin`: the first token of several nodes, and the way back where none is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.commands import Ended, command
from tests.support.nodes import Node, Nodes

TOKEN = re.compile(r"atl_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def made(store: str, data_dir: Path) -> Ended:
    environ = {"SCHEDULER_STORE__URL": store, "SCHEDULER_NODE__DATA_DIR": str(data_dir)}
    return await command(None, "token", "admin", "me", environ=environ)


async def is_an_admins(node: Node, token: str) -> bool:
    ended = await command(node, "token", "list", environ={"ATLANSCHEDULER_TOKEN": token.strip()})
    return ended.status == 0 and "me" in ended.output


async def test_it_is_made_while_nodes_run(
    start_node: Nodes, postgres_url: str, tmp_path: Path
) -> None:
    """Of several that start at once, any one may have the file with the first token."""
    node = start_node(AUTH__MODE="tokens", STORE__URL=postgres_url)
    ended = await made(postgres_url, tmp_path / "elsewhere")
    assert (ended.status, ended.errors) == (0, "")
    assert TOKEN.fullmatch(ended.output), "it alone, for a script"
    assert await is_an_admins(node, ended.output)


async def test_with_sqlite_it_is_made_while_no_node_runs(start_node: Nodes) -> None:
    """A node keeps its file for itself, and the refusal says so."""
    node = start_node(AUTH__MODE="tokens")
    refused = await made("sqlite", node.folder / "data")
    assert (refused.status, refused.output, refused.errors.count("\n")) == (2, "", 1)
    assert "is in use by process" in refused.errors
    assert node.drain() == 0
    ended = await made("sqlite", node.folder / "data")
    assert TOKEN.fullmatch(ended.output)
    assert await is_an_admins(start_node(AUTH__MODE="tokens"), ended.output)


async def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    """As over HTTP; nothing is made."""
    refused = await command(None, "token", "admin", "a\nb")
    assert (refused.status, refused.errors.count("\n")) == (2, 1)
    assert "name: got" in refused.errors
    assert not (tmp_path / "data").exists()
