"""What a node keeps in its data_dir: no other user of the machine reads it, or locks it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nodes import Nodes

WRITER = """
from pathlib import Path
from scheduler import handler

@handler("write")
def write(data):
    print("written")
    Path(data).write_text("the user's")
"""


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    """A umask that closes nothing, for the nodes too."""
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path: Path) -> str:
    return oct(stat.S_IMODE(path.lstat().st_mode))


def open_to_others(folder: Path) -> dict[str, str]:
    """What others, or the group, may use in a folder, and the folder itself."""
    found = [folder, *folder.rglob("*")]
    return {str(each): rights(each) for each in found if each.lstat().st_mode & 0o077}


async def test_nothing_in_data_dir_is_for_others_and_what_jobs_write_is_as_they_want_it(
    start_node: Nodes, tmp_path: Path
) -> None:
    """It has what users submitted, and whoever could lock it could keep the node from starting."""
    handlers = tmp_path / "handlers"
    handlers.mkdir()
    (handlers / "writer.py").write_text(WRITER)
    node = start_node(HANDLERS__PATH=handlers)
    data, written = node.folder / "data", tmp_path / "written"
    assert (await node.outcome("write", str(written)))["status"] == "successful"
    there = {each.name for each in data.iterdir()}
    assert there >= {"node.lock", "scheduler.db", "scheduler.db-wal", "queue", "queue.sock"}
    assert open_to_others(data) == {}
    assert (rights(written), rights(node.folder / "files")) == ("0o666", "0o777")


async def test_what_an_earlier_version_left_open_is_closed_at_the_start(
    start_node: Nodes,
) -> None:
    """Nobody has to know of it."""
    node = start_node()
    node.kill()
    await node.gone(within_s=60)
    data = node.folder / "data"
    for each in (data, *data.iterdir()):
        if not each.is_socket():
            each.chmod(0o755 if each.is_dir() else 0o644)
    again = start_node()
    assert (await again.outcome("echo", 1))["status"] == "successful"
    assert open_to_others(data) == {}
    assert "other users" not in again.log


async def test_a_database_somewhere_else_is_closed_as_well(
    start_node: Nodes, tmp_path: Path
) -> None:
    """It is the same data."""
    folder = tmp_path / "elsewhere"
    node = start_node(STORE__URL=f"sqlite:///{folder}/jobs.db")
    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert open_to_others(folder) == {}
