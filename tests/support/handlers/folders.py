"""Handlers folders that a test writes, and nodes that serve them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import aiohttp

from tests.support.forking.client import forked_command, forked_node
from tests.support.nodes import END_S, ROOT, Body, Node

Files = Mapping[str, str]
"""Text by path below the folder; the text may be indented as a whole."""


def lay_out(folder: Path, files: Files) -> Path:
    """Write these files; the folder."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), encoding="utf-8")
    return folder


@contextmanager
def serving(
    folder: Path,
    handlers: Files,
    *,
    name: str = "handlers",
    packages: Files | None = None,
    environment: Mapping[str, str] | None = None,
    **settings: object,
) -> Iterator[Node]:
    """A node with these handlers, for the block.

    Args:
        name: of the handlers folder.
        packages: modules that are installed beside the node, as far as it can tell.
        environment: variables to add to the node's.
    """
    path = lay_out(folder / name, handlers)
    installed = lay_out(folder / "installed", packages or {})
    node = Node(
        folder / "node",
        {"HANDLERS__PATH": path, **settings},
        environment={"PYTHONPATH": str(installed), **(environment or {})},
        launch=forked_node,
    )
    try:
        yield node
    finally:
        node.close()


async def start_refused(folder: Path, handlers: Files) -> str:
    """Start a node that must not start with these handlers; the line on standard error."""
    path = lay_out(folder / "handlers", handlers)
    settings = {"SCHEDULER_HTTP__PORT": "0", "SCHEDULER_HANDLERS__PATH": str(path)}
    status, _, said = await forked_command(
        ROOT / "main.py", (), folder, {**os.environ, **settings}, within_s=END_S, kind="nodes"
    )
    assert status == 2, said.decode()
    assert b"Traceback" not in said
    return said.decode()


async def log_of(node: Node, job: Body) -> str:
    """What a job printed, with the time and the stream of each line."""
    url = f"{node.url}/{job['uid']}/{job['id']}/log"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()
