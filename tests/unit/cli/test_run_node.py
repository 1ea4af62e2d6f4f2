"""A node starts without the commands, which are slow to import; with them, all is the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.cli.exit_status import Exit
from scheduler.cli.run_node import is_alone, run_alone
from tests.support.nodes import ROOT

IMPORTED = """
import sys
from scheduler.cli import main
main()
print("typer" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "variable", "alone"),
    [
        ([], "PATH", True),
        (["--config", "other.toml"], "PATH", False),
        (["list", "ada"], "PATH", False),
        ([], "ATLANSCHEDULER_RELOAD", False),
        ([], "_MAIN_PY_COMPLETE", False),
    ],
)
def test_whatever_is_asked_for_takes_the_way_of_the_commands(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str, *, alone: bool
) -> None:
    """Also what variables ask for: typer reads them."""
    monkeypatch.delenv("ATLANSCHEDULER_RELOAD", raising=False)
    monkeypatch.setenv(variable, "1")
    monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
    assert is_alone() is alone


@pytest.mark.parametrize("arguments", [[], ["--config", "config.toml"]])
def test_a_refusal_reads_the_same_on_both_ways(tmp_path: Path, arguments: list[str]) -> None:
    """Its exit status and its line; there is no reason for a traceback."""
    (tmp_path / "config.toml").write_text("[node]\nworkers = -1\n")
    command = [sys.executable, str(ROOT / "main.py"), *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == Exit.USAGE
    assert ended.stderr.startswith("atlanscheduler: config.toml: [node] workers = -1: ")
    assert len(ended.stderr.splitlines()) == 1


def test_an_interrupt_before_the_node_runs_has_its_exit_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C while it starts."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scheduler.cli.run_node.run_node", interrupt)
    assert run_alone() == Exit.INTERRUPTED


def test_a_node_does_not_import_the_commands(tmp_path: Path) -> None:
    """Their import, and making the table of them, took a sixth of its start."""
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED],
        cwd=tmp_path,  # without a configuration, it ends at once
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.strip() == "False", ended.stderr
