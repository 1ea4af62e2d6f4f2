"""A node starts whatever folders a machine lacks, or names in one line the one that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from scheduler.node.scratch import ELSEWHERE
from tests.integration.deployed.machines import in_namespace, launcher, refused
from tests.support.eventually import eventually
from tests.support.forking.client import forked_node
from tests.support.nodes import Node

READ_ONLY: Final = "mount -t tmpfs -o ro none"
MACHINES: Final[Mapping[str, tuple[str, ...]]] = {
    "no /dev/shm": (
        "mount -t tmpfs none /dev",
        "mknod /dev/null c 1 3",
        "mknod /dev/urandom c 1 9",
    ),
    "a read-only /dev/shm": (f"{READ_ONLY} /dev/shm",),
    "a small /dev/shm": ("mount -t tmpfs -o size=64k,noexec none /dev/shm",),
    "a /tmp without exec": ("mount -t tmpfs -o noexec none /var/tmp",),
    "a read-only root": ('mount --bind "$PWD" "$PWD"', "mount -o remount,ro,bind /"),
}


@pytest.mark.parametrize("machine", MACHINES)
async def test_a_node_starts_on_a_machine_with(tmp_path: Path, machine: str) -> None:
    """Containers have few folders that can be written to, mostly just the volumes."""
    before = ["env", "-u", "HOME", *in_namespace(*MACHINES[machine])]
    await works(Node(tmp_path, {"NODE__WORKERS": 2}, program=launcher(before, tmp_path)))


async def test_a_long_path_for_temporary_files_is_no_obstacle(tmp_path: Path) -> None:
    """The path of a Unix socket has at most 107 bytes; batch systems make long ones."""
    long = tmp_path / ("x" * 100)
    long.mkdir()
    folder = tmp_path / ("y" * 100)
    await works(temporary(folder, str(long)))
    assert list(long.iterdir()) == []


async def test_a_folder_for_temporary_files_that_is_missing_is_no_obstacle(tmp_path: Path) -> None:
    """Python takes another one by itself."""
    await works(temporary(tmp_path, str(tmp_path / "missing")))


def test_without_any_folder_for_temporary_files_one_line_names_all() -> None:
    """With what is wrong with each."""
    nowhere = [f"{READ_ONLY} {folder}" for folder in ELSEWHERE]
    data = f"/run/{'d' * 100}"
    before = in_namespace("mount -t tmpfs none /run", *nowhere, f"mkdir {data}", "cd /tmp")
    refusal = refused(before, Path("/"), NODE__DATA_DIR=data, HANDLERS__FILES_DIR="/run/files")
    assert refusal.status == 2, refusal
    (line,) = refusal.lines
    for folder in ELSEWHERE:
        assert f"{folder} cannot be written to (Read-only file system)" in line
    assert f"{data} has a path of {len(data)} bytes" in line
    assert "TMPDIR" in line


@pytest.mark.parametrize("what", ["data", "files"])
def test_a_folder_that_is_read_only_is_named(tmp_path: Path, what: str) -> None:
    """Most often a volume is missing."""
    (tmp_path / what).mkdir()
    before = in_namespace(f"{READ_ONLY} {tmp_path / what}")
    folder = {"NODE__DATA_DIR": tmp_path / "data", "HANDLERS__FILES_DIR": tmp_path / "files"}
    if what == "files":  # it is only missing below
        folder["HANDLERS__FILES_DIR"] = tmp_path / "files" / "below"
    refusal = refused(before, tmp_path, **folder)
    assert refusal.status == 2, refusal
    (line,) = refusal.lines
    assert str(tmp_path / what) in line
    assert "Read-only file system" in line


def temporary(folder: Path, tmpdir: str) -> Node:
    """A node that is told of a folder for temporary files."""
    settings, told = {"NODE__WORKERS": 2}, {"TMPDIR": tmpdir}
    return Node(folder, settings, environment=told, launch=forked_node)


async def works(node: Node) -> None:
    """It runs a job, aborts one and drains, without a word."""
    try:
        assert (await node.outcome("echo", 7))["result"] == 7
        begun = node.folder / "begun"
        job = await node.submit("brief", {"for_s": 1000, "begun": str(begun)})
        await eventually(begun.exists)
        assert (await node.abort(job, "grace_s=0&wait=30"))[1]["status"] == "aborted"
        assert node.drain() == 0
        assert '"level":"error"' not in node.log
        assert "Traceback" not in node.log
    finally:
        node.close()
