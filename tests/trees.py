"""What a job has in the process table, seen without the product's own code.

A process belongs to a test's node by a variable in its environment, or, where a job wiped its
environment, by a mark among its arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.nodes import Body, Node

KINDS = {"children": 3, "session": 1, "daemon": 1, "pipeline": 4, "headless": 1, "chains": 60}
"""How many processes each kind of the handler `tree` starts; of the chains, at least."""
COUNTABLE = sorted(KINDS.keys() - {"chains"})


async def plant(node: Node, file: Path, *kinds: str, then: str = "wait") -> Body:
    """Have a job start these kinds of processes, and wait until all are there; the job."""
    before = set(members(node))
    job = await node.submit("tree", seeds(node, file, *kinds, then=then))
    await eventually(file.exists, within_s=15)
    if then == "wait" and "chains" not in kinds:
        expected = 1 + sum(KINDS[kind] for kind in kinds)
        await eventually(lambda: len(set(members(node)) | before) == len(before) + expected - 1)
    return job


def seeds(node: Node, file: Path, *kinds: str, then: str = "wait") -> dict[str, object]:
    """Data for the handlers `tree` and `limited_tree`."""
    return {"file": str(file), "kinds": kinds, "mark": mark(node), "then": then}


def mark(node: Node) -> str:
    """What processes without an environment have among their arguments."""
    return f"trial-{node.trial}"


def members(node: Node) -> list[int]:
    """Every process of the node and its jobs, those without an environment too."""
    wanted = mark(node).encode()
    arguments = {pid for pid in _pids() if wanted in _read(pid, "cmdline")}
    return sorted(arguments | set(node.processes()) | _headless(node))


def zombies(node: Node) -> list[int]:
    """Processes of the node or its jobs that are over, and that nobody has reaped."""
    family = set(node.processes())
    return [pid for pid, (state, parent) in states().items() if state == "Z" and parent in family]


def there(pids: Iterable[int]) -> list[int]:
    """Those of the numbers that are in the process table, in whatever state."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def living(pids: Iterable[int]) -> list[int]:
    """Those of the numbers that are in the process table and no zombies."""
    table = states()
    return [pid for pid in pids if table.get(pid, ("Z", 0))[0] not in "ZX"]


def _headless(node: Node) -> set[int]:
    """Processes whose first thread has ended; what the table says of them looks like a zombie."""
    wanted = f"TRIAL={node.trial}".encode()
    return {
        pid
        for pid in _pids()
        for thread in _threads(pid)
        if thread != pid and wanted in _read(thread, "environ")
    }


def states() -> dict[int, tuple[str, int]]:
    """State and parent of every process."""
    texts = {pid: _read(pid, "stat").rpartition(b") ")[2].split() for pid in _pids()}
    return {pid: (text[0].decode(), int(text[1])) for pid, text in texts.items() if text}


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _threads(pid: int) -> list[int]:
    try:
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
