"""The README and the pages in `docs`: files to save are saved, and commands are typed.

SQL is run by `tests/integration/deployed/postgres/test_roles.py`, and web apps by
`test_web_frameworks.py`.

Each page has a node of its own, with the handlers that the page defines. The output must be as the
page shows, except for what differs each time: ids, instants, durations.
"""

from __future__ import annotations

import asyncio
import configparser
import re
import shutil
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from scheduler.node.config.loading import load
from tests.support.commands import environment
from tests.support.forking.typed import typed_python
from tests.support.nodes import ROOT, Node, Nodes
from tests.support.pages.curl import check_curl
from tests.support.pages.readme import Block, blocks
from tests.support.pages.shell import Shell, shell

PAGES: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN_BY: Final = {
    "make run": ".ci/smoke.py",
    "make bench": "Makefile",
    "docker ": "tests/unit/repository/test_compose.py",
    "pip install ": "tests/integration/users/test_installed.py",
    "pip wheel ": "tests/integration/users/test_installed.py",
    "python3 -m venv ": "tests/integration/users/test_installed.py",
    ". environment": "tests/integration/users/test_installed.py",
    "cd first": "tests/integration/users/test_installed.py",
    "atlanscheduler": "tests/integration/users/test_installed.py",
    "export SCHEDULER_": "tests/integration/nodes/test_several_nodes.py",
    "SCHEDULER_STORE__URL=": "tests/integration/deployed/postgres/test_roles.py",
    "SCHEDULER_NODE__NAME=": "tests/integration/nodes/test_several_nodes.py",
}
"""Commands that are not typed here, and what runs them instead."""
VARYING: Final = (
    (r"atl_[0-9a-f]{12}_[\w-]{43}", "TOKEN"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "AT"),
    # A job that was aborted before its process began had no process to end.
    (r"SIGTERM, 1 process ended, 0 survived|nothing ran", "RECEIPT"),
    (r"(?<=after the request), clean-up \w+", ""),
    (r"\d+ jobs? aborted|\d+ jobs? (is|are) being stopped", "COUNTS"),
    (r"\b\d+(\.\d+)? ?m?s\b", "SPAN"),
    (r"[ \t]+", " "),
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_each_block_of_a_page_does_what_it_shows(
    page: Path, start_node: Nodes, tmp_path: Path
) -> None:
    """An outdated page is worse than no page."""
    found = blocks(page.read_text(encoding="utf-8"))
    if not any(map(_needs_a_node, found)):
        return
    handlers = shutil.copytree(ROOT / "handlers", tmp_path / "handlers")
    for number, block in enumerate(found):
        if _is_handler(block):
            (handlers / f"page_{number}.py").write_text(block.text)
    mode = "tokens" if page.stem == "access" else "none"
    more = {"QUOTAS": _quotas(found)} if page.stem == "quotas" else {}
    node = start_node(HANDLERS__PATH=handlers, NODE__NAME="node-a", AUTH__MODE=mode, **more)
    if mode == "tokens":
        node.token = (node.folder / "data" / "admin-token").read_text().strip()
    programs = node.folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (node.folder / "main.py").symlink_to(ROOT / "main.py")
    async with (
        typed_python(programs / "python"),
        shell(node.folder, environment(node)) as terminal,
    ):
        for block in found:
            await _use(block, node, terminal)


def _quotas(found: Sequence[Block]) -> str:
    """The tables that a page shows first, as the environment has them."""
    (shown, *_) = (tomllib.loads(each.text) for each in found if each.language == "toml")
    tables = (
        f'"{pattern}" = {{{", ".join(f"{key} = {most}" for key, most in limits.items())}}}'
        for pattern, limits in shown["quotas"].items()
    )
    return f"{{{', '.join(tables)}}}"


async def _use(block: Block, node: Node, terminal: Shell) -> None:
    match block.language:
        case "console":
            for command, output in block.sessions():
                await _type(command, output, node, terminal)
        case "python" if not (_is_handler(block) or _is_app(block)):
            await _run(block.text.replace("http://127.0.0.1:8000", node.url))
        case "toml":
            file = node.folder / "shown.toml"
            file.write_text(block.text)
            load(file, {})
        case "ini":
            configparser.RawConfigParser(strict=True).read_string(block.text)
        case "python" | "sql" | "text" | "":  # handlers, which the node has loaded; apps; drawings
            pass
        case other:
            pytest.fail(f"nothing checks blocks of {other}")


async def _type(command: str, output: str, node: Node, terminal: Shell) -> None:
    if command.startswith("curl"):
        sent = command.replace("$ATLANSCHEDULER_TOKEN", node.token or "")
        await check_curl(node, sent, output)
    elif _is_typed(command):
        typed = await terminal.type(command)
        assert (typed.status, _steady(typed.output)) == (0, _steady(output)), command


async def _run(program: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", program), cwd=ROOT
    )
    async with asyncio.timeout(60):
        assert await process.wait() == 0, program


def _needs_a_node(block: Block) -> bool:
    if block.language == "python":
        return not _is_app(block)
    return any(_is_typed(command) for command, _ in block.sessions())


def _is_handler(block: Block) -> bool:
    return block.language == "python" and "@handler(" in block.text


def _is_app(block: Block) -> bool:
    return block.language == "python" and "\napp = " in block.text


def _is_typed(command: str) -> bool:
    """Whether a command is typed here; where not, something else runs it."""
    others = [by for prefix, by in RUN_BY.items() if command.startswith(prefix)]
    assert all((ROOT / by).exists() for by in others)
    return not others


def _steady(output: str) -> str:
    for pattern, name in VARYING:
        output = re.sub(pattern, name, output)
    return "\n".join(line.strip() for line in output.splitlines())
