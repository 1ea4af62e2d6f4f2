"""How many CPUs this process may use: those of the machine, less what was taken away.

    affinity    sched_setaffinity(2): `taskset`, a container's `--cpuset-cpus`
    quota       of control groups: a container's `--cpus`, a limit of Kubernetes, `CPUQuota=`

A quota is CPU time for each period. Groups are nested, and the lowest quota on the way up counts.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

OWN: Final = Path("/proc/self")


class Mount(NamedTuple):
    """Where a hierarchy of control groups is mounted."""

    root: str
    """The group that is shown at the top: in a container mostly its own."""
    point: Path


def usable_cpus(own: Path = OWN) -> int:
    """The number of CPUs that are worth while, at least 1: a part of one counts as one.

    Args:
        own: the folder in /proc of the process.
    """
    allowed = float(len(os.sched_getaffinity(0)))
    with suppress(OSError):
        allowed = min([allowed, *map(_quota, control_groups("cpu", own))])
    return max(1, math.ceil(allowed))


def control_groups(controller: str, own: Path = OWN) -> Iterator[Path]:
    """The folder of each group that this process is in, for a controller (cgroups(7)).

    Raises:
        OSError: the machine has none.
    """
    mounts = dict(_mounts((own / "mountinfo").read_text("utf-8"), controller))
    for line in (own / "cgroup").read_text("utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        mount = mounts.get(controller if controller in controllers.split(",") else controllers)
        if mount is not None:
            yield from _folders(mount, path)


def _mounts(mountinfo: str, controller: str) -> Iterator[tuple[str, Mount]]:
    """The hierarchies with limits, by name: the controller is version 1, "" is version 2."""
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        root, point = mount.split()[3:5]
        kind, _, options = source.split()[:3]
        if kind == "cgroup2":
            yield "", Mount(root, Path(point))
        elif kind == "cgroup" and controller in options.split(","):
            yield controller, Mount(root, Path(point))


def _folders(mount: Mount, path: str) -> Iterator[Path]:
    """The folder of a group, and those of all groups above it that are shown."""
    below = Path(path.removeprefix(mount.root.rstrip("/")).lstrip("/"))
    if ".." in below.parts:  # the group is outside of what is shown
        below = Path()
    for folder in (below, *below.parents):
        yield mount.point / folder


def _quota(folder: Path) -> float:
    """The quota of one group; infinite where it has none."""
    for read in (_of_version_2, _of_version_1):
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota = read(folder)
            return quota if quota > 0 else math.inf
    return math.inf


def _of_version_2(folder: Path) -> float:
    quota, period = (folder / "cpu.max").read_text("ascii").split()
    return float(quota.replace("max", "inf")) / float(period)


def _of_version_1(folder: Path) -> float:
    quota = (folder / "cpu.cfs_quota_us").read_text("ascii")
    return float(quota) / float((folder / "cpu.cfs_period_us").read_text("ascii"))
