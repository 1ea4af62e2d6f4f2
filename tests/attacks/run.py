"""One attack against a node of its own, and what its users notice meanwhile."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.attacks import ATTACKS
from tests.attacks.attack import Attack, Target
from tests.attacks.users import Notes, memory_mb, notice, prepare
from tests.support.nodes import ROOT, Body, Node

LIMITED_NODE = ROOT / "tests" / "attacks" / "limited_node.py"
STAND_S = 60.0
"""How long an attack may take to stand: some must pack 255 MB first."""


async def attacked(attack: Attack, node: Node, *, seconds: float) -> Notes:
    """Attack a running node for so long; what its users noticed."""
    job = await prepare(node)
    notes, over = Notes(before_mb=memory_mb(node)), asyncio.Event()
    async with _held(attack, node.url) as standing, asyncio.TaskGroup() as group:
        group.create_task(notice(node, notes, until=over))
        await standing()
        await asyncio.sleep(seconds)
        over.set()
    await _look_after(node, job, notes)
    return notes


async def _look_after(node: Node, job: Body, notes: Notes) -> None:
    """Note what became of the job, if the node still answers."""
    try:
        found = await node.job(job)
    except (aiohttp.ClientError, TimeoutError):
        return
    notes.attempt, notes.status = found["attempt"], found["status"]


async def hold(name: str, url: str) -> None:
    """Hold an attack until this process is ended, and print a line once it stands."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    attack = next(attack for attack in ATTACKS if attack.name == name)
    await attack.run(Target(url), lambda: print("stands", flush=True))


def limited_node(folder: Path, descriptors: int) -> Node:
    """Start a node with so many descriptors."""
    return Node(folder, {}, program=LIMITED_NODE, environment={"DESCRIPTORS": str(descriptors)})


@asynccontextmanager
async def _held(attack: Attack, url: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.attacks", "--hold", attack.name, url),
        cwd=Path(ROOT),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    output = process.stdout

    async def standing() -> None:
        async with asyncio.timeout(STAND_S):
            assert await output.readline() == b"stands\n", f"{attack.name} does not stand"

    try:
        yield standing
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
