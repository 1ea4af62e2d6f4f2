"""docs/command-line.md agrees with the commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from scheduler.cli.app import NODE_EPILOG, build_app
from scheduler.cli.exit_status import Exit
from scheduler.installation import page
from tests.support.nodes import ROOT

PAGE = (ROOT / "docs" / "command-line.md").read_text()


def test_every_command_is_in_the_table_with_its_arguments() -> None:
    """A command that is missing would not be found; one that was removed would not work."""
    shown = re.findall(r"^\| `([^`]+)` \| [a-z]", PAGE, re.MULTILINE)
    group = typer.main.get_command(build_app())
    assert set(shown) == set(_usages(group))


def _usages(command: Any, name: str = "") -> Iterator[str]:  # noqa: ANN401 - of typer's own click
    """How each command is called."""
    if isinstance(command, typer.core.TyperGroup):
        for each, sub in command.commands.items():
            yield from _usages(sub, f"{name} {each}".strip())
        return
    parts = [name]
    for each in command.params:
        is_wanted_option = each.required and each.param_type_name == "option"
        if each.param_type_name == "argument":
            parts.append(each.metavar if each.required else f"[{each.metavar}]")
        elif is_wanted_option:
            parts.append(f"{each.opts[0]} {each.metavar or each.name.upper()}")
    yield " ".join(parts)


@pytest.mark.parametrize("token", ["atl_0000\nX-Other: 1", "atl_0000\r", "atl 0000", "ätl_0000"])
def test_a_token_that_is_none_is_refused_in_words(token: str) -> None:
    """Such as one from a file with the line ends of Windows; what it is, the message keeps."""
    command = typer.main.get_command(build_app())
    with pytest.raises(typer.BadParameter) as refused:
        command.main(
            ["nodes", "--url", "http://127.0.0.1:1", "--token", token], standalone_mode=False
        )
    assert "one is like atl_3f0c9a1b7d24_…" in str(refused.value)
    assert "0000" not in str(refused.value)


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
