"""What the start tries is what the node does later, and what the docs ask rights for."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

from scheduler.queue.keys import Keys
from scheduler.queue.start_check import commands

RIGHTS_PAGE = Path(__file__).parents[3] / "docs" / "redis.md"
ELSEWHERE = {"INFO", "SUBSCRIBE", "UNSUBSCRIBE"}
"""What the start does otherwise than in one row with the others."""


def tried() -> set[str]:
    return {str(command).replace(" ", "|") for command, *_ in commands(Keys("x"))} | ELSEWHERE


def test_the_start_tries_every_command_of_every_script() -> None:
    """The refusal of a command within a script does not name it."""
    scripts = "".join(
        each.read_text(encoding="utf-8")
        for each in files("scheduler.queue").joinpath("lua").iterdir()
    )
    called = set(re.findall(r"redis\.p?call\('([A-Z]+)'", scripts))
    assert called <= tried()


def test_the_docs_list_the_rights_that_the_start_tries() -> None:
    """Whoever makes a user with these rights gets a node that starts, and runs."""
    [line] = re.findall(r"^ACL SETUSER .*$", RIGHTS_PAGE.read_text(), re.MULTILINE)
    assert {each.upper() for each in re.findall(r" \+(\S+)", line)} == tried()
