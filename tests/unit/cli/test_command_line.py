"""docs/command-line.md agrees with the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from scheduler.cli.app import NODE_EPILOG, build_app
from scheduler.cli.exit_status import Exit
from scheduler.installation import page
from tests.support.nodes import ROOT

PAGE = (ROOT / "docs" / "command-line.md").read_text()


def test_every_command_is_in_the_table_with_its_arguments() -> None:
    """A command that is missing would not be found; one that was removed would not work."""
    shown = {
        words[0]: words[1:]
        for words in map(str.split, re.findall(r"^\| `([^`]+)` \| [a-z]", PAGE, re.MULTILINE))
    }
    group = typer.main.get_command(build_app())
    assert isinstance(group, typer.core.TyperGroup)
    assert shown == {
        name: [
            f"[{each.metavar}]" if not each.required else each.metavar
            for each in command.params
            if each.param_type_name == "argument"
        ]
        for name, command in group.commands.items()
    }


def test_every_exit_status_is_in_the_table() -> None:
    """Scripts rely on them."""
    commands, _ = PAGE.split("## The exit status of a node")
    assert [int(row) for row in re.findall(r"^\| (\d+) \|", commands, re.MULTILINE)] == sorted(Exit)


def test_a_page_is_named_such_that_it_can_be_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A message that says `docs/redis.md` is of no use where no such file is."""
    monkeypatch.chdir(ROOT)
    assert page("docs/redis.md") == "docs/redis.md"
    monkeypatch.chdir(tmp_path)
    assert page("docs/redis.md") == f"{ROOT}/docs/redis.md"
    tmp_path.rmdir()
    assert page("docs/redis.md") == f"{ROOT}/docs/redis.md"


def test_the_help_names_every_signal_that_a_node_heeds() -> None:
    """Whoever runs it under a service manager asks the help first."""
    assert set(re.findall(r"SIG[A-Z]+", NODE_EPILOG)) == {"SIGTERM", "SIGINT", "SIGHUP"}
    assert "--reload" in NODE_EPILOG
