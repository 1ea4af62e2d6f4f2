"""Handlers folders that a test writes, and nodes that serve them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import aiohttp

from tests.support.nodes import ROOT, Body, Node

Files = Mapping[str, str]
"""Text by path below the folder; the text may be indented as a whole."""

END_S = 20.0


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
    )
    try:
        yield node
    finally:
        node.close()


def start_refused(folder: Path, handlers: Files) -> str:
    """Start a node that must not start with these handlers; the line on standard error."""
    path = lay_out(folder / "handlers", handlers)
    settings = {"SCHEDULER_HTTP__PORT": "0", "SCHEDULER_HANDLERS__PATH": str(path)}
    ended = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "main.py")],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=END_S,
    )
    assert ended.returncode == 2, ended
    assert "Traceback" not in ended.stderr
    return ended.stderr


async def log_of(node: Node, job: Body) -> str:
    """What a job printed, with the time and the stream of each line."""
    url = f"{node.url}/{job['uid']}/{job['id']}/log"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return await answer.text()
