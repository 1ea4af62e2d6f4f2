"""A power loss: at any instant the disk holds a database with every answered job in it.

A copy of the file and its WAL, taken while the node writes, is what a machine finds when it boots
again, as far as a sync reaches the disk (`synchronous=FULL` syncs each commit). The node is stopped
during the copy, as with the power off: otherwise the two files would be of two different instants,
which no disk ever has.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sqlite3
from pathlib import Path

from tests.support.nodes import Node, Nodes

COPIES = 12
CLIENTS = 4
APART_S = 0.15


async def test_every_answered_job_survives_a_power_loss(start_node: Nodes, tmp_path: Path) -> None:
    """Every one of them, at every instant."""
    node = start_node()
    answered: list[str] = []
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(_submit(node, answered, over))
        for number in range(COPIES):
            await asyncio.sleep(random.uniform(0, APART_S))  # noqa: S311 - a random instant
            until_then = set(answered)
            folder = await asyncio.to_thread(_copy, node, tmp_path / f"copy-{number}")
            found = _ids(folder / "scheduler.db")
            assert until_then <= found, f"lost: {until_then - found}"
        over.set()
    assert answered


async def _submit(node: Node, answered: list[str], over: asyncio.Event) -> None:
    """Keep the node writing: rows, claims and ends."""
    while not over.is_set():
        job = await node.submit("echo", "x" * random.randint(1, 20_000))  # noqa: S311 - as above
        answered.append(job["id"])


def _copy(node: Node, folder: Path) -> Path:
    """Copy the files as they are at one instant."""
    folder.mkdir()
    node.signal(signal.SIGSTOP)
    try:
        for name in ("scheduler.db", "scheduler.db-wal"):
            shutil.copy(node.folder / "data" / name, folder)
    finally:
        node.signal(signal.SIGCONT)
    return folder


def _ids(file: Path) -> set[str]:
    """The ids of the jobs in a database that opens without errors."""
    connection = sqlite3.connect(file)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return {job_id for (job_id,) in connection.execute("SELECT id FROM jobs")}
    finally:
        connection.close()
