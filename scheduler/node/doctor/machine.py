"""What the machine offers."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from typing import Final

from scheduler import __version__
from scheduler.basics.counted import counted
from scheduler.basics.cpus import usable_cpus
from scheduler.basics.memory import usable_memory_bytes
from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, missing, ok, within
from scheduler.node.preflight import DESCRIPTORS, descriptors, require_containment

GIB: Final = 1024**3
NODE_BYTES: Final = 128 * 1024**2
"""What a node takes by itself, with the embedded queue, under some load."""
WORKER_BYTES: Final = 40 * 1024**2
"""What a pool process takes with handlers that import little."""
WORKERS_PER_CPU: Final = 32
"""More may be right where handlers only wait; but it is seldom meant."""


def machine_findings(*, workers: int) -> Iterator[Finding]:
    """Python, kernel, CPUs, memory and open files, for so many workers."""
    yield ok(
        "python",
        f"AtlanScheduler {__version__} on Python {platform.python_version()}, {sys.executable}",
    )
    yield _kernel()
    cpus = usable_cpus()
    yield within(
        "cpus",
        f"{cpus} usable, {counted(workers, 'worker')}",
        "set fewer [node] workers, unless the handlers only wait",
        fine=workers <= cpus * WORKERS_PER_CPU,
    )
    memory, wanted = usable_memory_bytes(), NODE_BYTES + (workers + 1) * WORKER_BYTES
    yield within(
        "memory",
        f"{memory / GIB:.1f} GiB usable; node and workers take {wanted / GIB:.1f} GiB and more",
        "allow more memory, or set fewer [node] workers",
        fine=memory >= wanted,
    )
    yield _open_files(workers)


def _kernel() -> Finding:
    try:
        require_containment()
    except StartError as error:
        return missing("kernel", str(error), "run the node where the kernel allows this")
    return ok("kernel", f"Linux {platform.release()}: processes of a job are found and ended")


def _open_files(workers: int) -> Finding:
    try:
        allowed = descriptors(workers=workers)
    except StartError as error:
        return missing("open files", str(error), "raise the hard limit, as with LimitNOFILE=65536")
    return within(
        "open files",
        f"{allowed} allowed",
        f"raise the hard limit to {DESCRIPTORS}, or the node serves fewer clients at once",
        fine=allowed >= DESCRIPTORS,
    )
