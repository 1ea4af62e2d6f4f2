"""Reads the code, the terminal sessions and the tables of README.md and the pages in docs."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import dropwhile, pairwise, takewhile
from textwrap import dedent
from typing import Final

from tests.support.nodes import ROOT

FENCED: Final = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block."""

    language: str
    text: str

    def sessions(self) -> list[tuple[str, str]]:
        """The commands of a terminal session, each with the output that is shown."""
        commands = re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]
        return [(command, output) for command, _, output in (c.partition("\n") for c in commands)]


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page's text, in their order."""
    return [Block(language, text) for language, text in FENCED.findall(page)]


def table(page: str, first_head: str) -> list[list[str]]:
    """The cells of each row of the table of a page whose first column has this heading."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = dropwhile(lambda line: not line.startswith(f"| {first_head} |"), text.splitlines())
    rows = list(takewhile(lambda line: line.startswith("|"), lines))[2:]
    assert rows, f"{page} has no table that begins with {first_head!r}"
    return [[cell.strip() for cell in row.strip("|").split(" |")] for row in rows]


def meanings(section: type) -> Mapping[str, str]:
    """The docstring of each key of a section of the configuration."""
    (definition,) = ast.parse(dedent(inspect.getsource(section))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        ast.unparse(key.target): inspect.cleandoc(ast.literal_eval(text.value))
        for key, text in pairwise(definition.body)
        if isinstance(key, ast.AnnAssign) and isinstance(text, ast.Expr)
    }
