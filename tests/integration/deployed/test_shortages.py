"""A machine that has not enough of something: one line at the start, and no traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from tests.integration.deployed.machines import in_namespace, launcher, refused, refused_after
from tests.support.effort import variants
from tests.support.eventually import eventually
from tests.support.nodes import Node

PIDS: Final = Path("/sys/fs/cgroup/pids")


async def test_a_limit_of_open_files_that_is_too_low_is_named(tmp_path: Path) -> None:
    """Else a node would fail at some later moment."""
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))"
    refusal = await refused_after(limit, tmp_path)
    assert refusal.status == 2, refusal
    (line,) = refusal.lines
    assert "may have 100 files open" in line
    assert "[node] workers" in line


@pytest.mark.skipif(not os.access(PIDS, os.W_OK), reason="needs root and pids of cgroup v1")
@pytest.mark.parametrize("pids_max", variants([1, 3], long=[2, 5]))
async def test_a_limit_of_processes_that_is_too_low_is_told(tmp_path: Path, pids_max: int) -> None:
    """Containers have one (`--pids-limit`), and threads count."""
    group = PIDS / f"atlan-{uuid4().hex}"
    group.mkdir()
    try:
        (group / "pids.max").write_text(str(pids_max))
        join = f"import pathlib\npathlib.Path({str(group)!r}, 'cgroup.procs').write_text('0')"
        refusal = await refused_after(join, tmp_path)
    finally:
        await eventually(lambda: not (group / "cgroup.procs").read_text(), saying="all ended")
        group.rmdir()
    assert refusal.status == 2, refusal
    assert not any("Traceback" in line for line in refusal.lines), refusal
    assert refusal.lines[-1].startswith("atlanscheduler: ")


async def test_as_many_files_as_are_asked_for_are_enough(tmp_path: Path) -> None:
    """What the message says must be true."""
    before = ["sh", "-c", 'ulimit -n 128; exec "$@"', "sh"]
    node = Node(tmp_path, {"NODE__WORKERS": 2}, program=launcher(before, tmp_path))
    try:
        ends = [await node.outcome("echo", number) for number in range(10)]
        assert [job["result"] for job in ends] == list(range(10))
        assert node.drain() == 0
        assert "Traceback" not in node.log
    finally:
        node.close()


def test_a_full_data_dir_is_named(tmp_path: Path) -> None:
    """Nothing can be stored there."""
    (tmp_path / "data").mkdir()
    before = in_namespace(f"mount -t tmpfs -o size=64k none {tmp_path}/data")
    refusal = refused(before, tmp_path)
    assert refusal.status == 2, refusal
    (line,) = refusal.lines
    assert str(tmp_path / "data") in line
    assert "full" in line or "space" in line
