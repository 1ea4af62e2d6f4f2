"""`main.py migrate` for any store: one line that says what it did, or why it could not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.store.statements import Dialect, migrations
from tests.support.commands import command
from tests.support.nodes import Nodes

LATEST = len(migrations(Dialect.SQLITE))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the commands; no configuration of whoever runs the tests counts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_a_sqlite_file_is_made_and_then_left_alone() -> None:
    """So a script may run it before each start, whatever the store is."""
    first, second = await command(None, "migrate"), await command(None, "migrate")

    assert first.output == f"store sqlite: made the schema, of version {LATEST}\n"
    assert second.output == f"store sqlite: nothing to do, the schema is of version {LATEST}\n"
    assert (first.status, second.status, first.errors, second.errors) == (0, 0, "", "")


async def test_the_configuration_of_the_nodes_is_read(folder: Path) -> None:
    (folder / "own.toml").write_text('[store]\nurl = "sqlite:///own.db"\n')

    ended = await command(None, "migrate", "--config", "own.toml")

    assert ended.status == 0
    assert (folder / "own.db").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[store]\nurl = "mysql://h/d"\n', "must be sqlite, sqlite:///path or postgresql://"),
        ('[store]\nurl = "postgresql://u:sesame@h/d?sslmode=maybe"\n', "sslmode = 'maybe': must"),
        ("[stor]\n", "unknown section"),
    ],
)
async def test_what_is_wrong_is_one_line(folder: Path, text: str, told: str) -> None:
    (folder / "config.toml").write_text(text)

    ended = await command(None, "migrate")

    assert (ended.status, ended.output) == (2, "")
    assert told in ended.errors
    assert ended.errors.count("\n") == 1
    assert "sesame" not in ended.errors


async def test_a_server_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that migrates may be started with its database."""
    monkeypatch.setenv("SCHEDULER_STORE__URL", "postgresql://u:sesame@127.0.0.1:1/d")

    ended = await command(None, "migrate")

    wait, last = ended.errors.strip().splitlines()
    assert (ended.status, ended.output) == (2, "")
    assert "waiting up to 10 s" in wait
    assert "cannot be reached" in last
    assert "sesame" not in ended.errors


async def test_the_file_of_a_node_that_runs_is_left_alone(
    start_node: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite serves one process; and the node has migrated its file itself."""
    node = start_node()
    monkeypatch.setenv("SCHEDULER_NODE__DATA_DIR", str(node.folder / "data"))

    ended = await command(None, "migrate")

    assert (ended.status, ended.output) == (2, "")
    assert str(node.process.pid) in ended.errors
    assert ended.errors.count("\n") == 1
    assert (await node.outcome("echo", 1))["result"] == 1
