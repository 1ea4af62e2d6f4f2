"""How many CPUs and how much memory count, on trees of control groups as containers show them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.basics.cpus import usable_cpus
from scheduler.basics.memory import usable_memory_bytes


class Machine:
    """A folder of /proc, and the groups that are mounted."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.own, self.groups = folder / "self", folder / "groups"
        self.own.mkdir()
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))

    def version_2(self, path: str, *, root: str = "/", **quotas: str) -> int:
        """Quotas by folder, with `_` for `/`: `a_b="max 100000"`."""
        for folder, quota in quotas.items():
            self.write(folder, "cpu.max", quota)
        self.own_group(f"0::{path}", f"30 23 0:26 {root} {self.groups} rw - cgroup2 cgroup2 rw")
        return usable_cpus(self.own)

    def version_1(self, path: str, *, root: str = "/", **quotas: int) -> int:
        for folder, quota in quotas.items():
            self.write(folder, "cpu.cfs_quota_us", str(quota))
            self.write(folder, "cpu.cfs_period_us", "100000")
        mount = f"32 31 0:29 {root} {self.groups} rw - cgroup cgroup rw,cpu,cpuacct"
        self.own_group(f"4:memory:/else\n2:cpu,cpuacct:{path}\n0::/", mount)
        return usable_cpus(self.own)

    def write(self, folder: str, name: str, text: str) -> None:
        group = self.groups / folder.strip("_").replace("_", "/")
        group.mkdir(parents=True, exist_ok=True)
        (group / name).write_text(f"{text}\n")

    def own_group(self, group: str, mount: str) -> None:
        (self.own / "cgroup").write_text(f"{group}\n")
        (self.own / "mountinfo").write_text(f"23 27 0:20 / /proc rw - proc proc rw\n{mount}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("max 100000", 16), ("50000 100000", 1), ("150000 100000", 2), ("400000 100000", 4)],
)
def test_a_quota_counts_and_a_part_of_a_cpu_is_one(machine: Machine, quota: str, cpus: int) -> None:
    """`docker run --cpus=1.5` on a large machine; more workers would only hinder each other."""
    assert machine.version_2("/", _=quota) == cpus


def test_the_lowest_quota_of_nested_groups_counts(machine: Machine) -> None:
    """A pod's limit holds for its containers, and a slice's for its services."""
    quotas = {"_": "max 100000", "a": "200000 100000", "a_b": "max 100000"}
    assert machine.version_2("/a/b", **quotas) == 2
    assert machine.version_2("/a/b", a_b="100000 100000") == 1


def test_a_container_may_see_its_own_group_at_the_top(machine: Machine) -> None:
    """With its full path, and without."""
    assert machine.version_2("/docker/1", root="/docker/1", _="300000 100000") == 3
    assert machine.version_2("/../../else", _="300000 100000") == 3


def test_version_1_counts_in_the_same_way(machine: Machine) -> None:
    """Older hosts; there -1 is no quota."""
    assert machine.version_1("/docker/1", _=-1, docker=-1, docker_1=250_000) == 3
    assert machine.version_1("/docker/1", docker=100_000) == 1
    assert machine.version_1("/docker/1", root="/docker/1", _=-1) == 16


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    """Or with ones that cannot be read."""
    assert usable_cpus(tmp_path) == len(os.sched_getaffinity(0))


def test_affinity_counts() -> None:
    """`taskset`, or a container that is bound to some CPUs."""
    code = "import os; os.sched_setaffinity(0, {0}); from scheduler.basics.cpus import *"
    code += "; print(usable_cpus())"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "1\n"


def test_memory_is_the_least_limit_on_the_way_up(machine: Machine) -> None:
    """A container's, or one of a group around it; a machine of 2 MiB would have less."""
    for folder, limit in (("a_b", "max"), ("a", "1048576"), ("", "2097152")):
        machine.write(folder, "memory.max", limit)
    machine.version_2("/a/b")
    assert usable_memory_bytes(machine.own) == 1048576


def test_memory_has_limits_in_version_1_too(machine: Machine) -> None:
    machine.write("a", "memory.limit_in_bytes", "1048576")
    mount = f"32 31 0:29 / {machine.groups} rw - cgroup cgroup rw,memory"
    machine.own_group("4:memory:/a\n2:cpu:/b", mount)
    assert usable_memory_bytes(machine.own) == 1048576


def test_without_control_groups_memory_is_the_machines(tmp_path: Path) -> None:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert usable_memory_bytes(tmp_path) == total
