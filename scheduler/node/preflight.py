"""Checks and prepares what a node needs: Linux, a data_dir of its own, and its servers."""

from __future__ import annotations

import asyncio
import fcntl
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    suppress,
)
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Final, TypeVar

import structlog

from scheduler.basics.counted import counted
from scheduler.core.errors import StartError, Unavailable
from scheduler.core.ports.store import Store
from scheduler.installation import program
from scheduler.node.config.loading import PRIVATE, Config
from scheduler.node.config.sections import HandlersSection
from scheduler.node.folders import Folders
from scheduler.node.machine import require_kernel
from scheduler.node.reloading.snapshots import taken, written
from scheduler.node.scratch import make_scratch
from scheduler.processes.child.loading.snapshot import Snapshot
from scheduler.processes.warden.cookie import DATA_DIR, NODE, SCRATCH

T = TypeVar("T")

log = structlog.get_logger()

ROOT: Final = Path(__file__).parents[2]
"""The folder in which the package `scheduler` is."""
DESCRIPTORS: Final = 65_536
"""The limit of open files to ask for: enough for every client that a node can serve."""
OWN_DESCRIPTORS: Final = 96
"""What a node has open for itself, some clients, and looks at processes. Some 40 when idle."""
WORKER_DESCRIPTORS: Final = 16
"""What each worker's process takes, with the one that replaces it. Some 8 for each."""
REACH_S: Final = 10.0
"""How long a start waits for a store or a queue that is not reachable yet."""
TRY_AGAIN_S: Final = 0.5
"""The pause between two tries: a person is watching, and a server boots in about a second."""


def require_containment(*, platform: str = sys.platform, proc: Path = Path("/proc")) -> None:
    """Refuse a machine on which a node could not find, and so not end, all processes of a job.

    Raises:
        StartError: it is not Linux, or its kernel does not list the children of a process.
    """
    if platform != "linux":
        raise StartError(
            f"a node runs on Linux, and this is {platform}: only there can it find and end all"
            " processes of a job; run it in the container instead: docker compose up --build"
        )
    pid = os.getpid()
    if not (proc / "self/task" / str(pid) / "children").exists() and not _is_foreign(proc):
        raise StartError(
            f"{proc} does not list the children of a process, so a node could not find all"
            " processes of a job: the kernel needs CONFIG_PROC_CHILDREN, and /proc mounted"
        )
    require_kernel(proc=proc)


def _is_foreign(proc: Path) -> bool:
    """Whether this /proc shows other processes than ours; `require_kernel` says so."""
    with suppress(OSError):
        return (proc / "self").readlink().name != str(os.getpid())
    return False


def allow_descriptors(*, workers: int) -> None:
    """Raise the limit of open files: each connection takes one, and each look at a process.

    Jobs get the original limit: a pool process that starts closes as many as its limit allows.

    Raises:
        StartError: there may be fewer than the node itself takes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = descriptors(workers=workers)
    os.environ["ATLANSCHEDULER_DESCRIPTORS"] = str(soft)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def descriptors(*, workers: int) -> int:
    """How many files a node will be allowed to open.

    Raises:
        StartError: fewer than the node itself takes.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < (needed := OWN_DESCRIPTORS + workers * WORKER_DESCRIPTORS):
        raise StartError(
            f"this process may have {hard} files open (ulimit -Hn), and a node with"
            f" {counted(workers, 'worker')} needs {needed}: allow more, or set fewer [node] workers"
        )
    return DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)


def require_made(handlers: HandlersSection, file: Path) -> None:
    """Refuse a folder in which nobody has made anything for a node.

    Args:
        file: where the configuration would be.

    Raises:
        StartError: see `is_made`.
    """
    if not is_made(handlers, file):
        raise StartError(f"{nothing_there(file)}: {init_makes_them()}")


def is_made(handlers: HandlersSection, file: Path) -> bool:
    """Whether there is a configuration, or the handlers folder, or another one is named."""
    folder = Path(handlers.path)
    return file.exists() or folder.exists() or handlers.path != HandlersSection().path


def nothing_there(file: Path) -> str:
    """What is missing, for a message."""
    return f"there is no {file.name} and no folder {HandlersSection().path} in {Path.cwd()}"


def init_makes_them() -> str:
    """The mend, for a message."""
    return f"`{program()} init` makes both, or start in another folder"


def warn_no_handlers(folder: str) -> None:
    """Warn about a handlers folder without a handler: every job will be refused."""
    log.warning("no file in the handlers folder has a @handler", folder=str(Path(folder).resolve()))


def mark_descendants(config: Config, folders: Folders, node_id: str) -> Snapshot:
    """Set the environment variables for all processes that this node starts.

    Returns:
        The handlers that they load.

    Raises:
        StartError: the handlers folder is missing, or the folder for files cannot be made.
    """
    os.environ[NODE] = node_id
    os.environ[DATA_DIR] = str(folders.data_dir)
    os.environ[SCRATCH] = make_scratch(folders.data_dir)
    _keep(os.environ[SCRATCH])
    # The fork server and the warden are new interpreters, and the node may have been started in any
    # folder. (A fork server that cannot import its preload module reports no error.)
    path = os.environ.get("PYTHONPATH", "")
    os.environ["ATLANSCHEDULER_PYTHONPATH"] = path
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{path}"
    snapshot = taken(config.handlers.path)
    os.environ["ATLANSCHEDULER_HANDLERS"] = str(written(snapshot))
    for variable in PRIVATE:
        os.environ.pop(variable, None)
    files_dir = folders.make_files_dir(config.handlers.files_dir)
    os.environ["SCHEDULER_HANDLERS__FILES_DIR"] = str(files_dir)
    return snapshot


def start_tracker() -> None:
    """Start the resource tracker of `multiprocessing` such that no SIGHUP ends it.

    It passes over SIGTERM and SIGINT itself. If it ended before the node, the executors of the pool
    processes would start another one, which knows nothing of their semaphores.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keep(folder: str) -> None:
    """Keep what cleans temporary folders, some days later, away from this one.

    `systemd-tmpfiles` passes over a folder that is locked (tmpfiles.d(5)). The lock ends with this
    process, which so leaves the descriptor open.
    """
    with suppress(OSError):
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)


async def reach(
    what: str, open_: Callable[[], AbstractAsyncContextManager[T]], stack: AsyncExitStack
) -> T:
    """Open a server's connection, which is tried for `REACH_S`; the wait is logged once.

    Args:
        what: store or queue; the errors say where it is.
        open_: opens it.
        stack: closes it.

    Raises:
        StartError: it could not be reached within that time.
    """
    loop = asyncio.get_running_loop()
    give_up_at, announced = loop.time() + REACH_S, False
    while True:
        try:
            return await stack.enter_async_context(open_())
        except Unavailable as error:
            if loop.time() >= give_up_at:
                raise StartError(f"the {what} cannot be reached: {error}") from error
            if not announced:
                log.warning(f"waiting up to {REACH_S:g} s for the {what}", error=str(error))
            announced = True
        await asyncio.sleep(TRY_AGAIN_S)


def is_private(store_url: str) -> bool:
    """Whether the store serves only one node: then every other node in it is dead."""
    return store_url.startswith("sqlite")


async def forget_predecessors(store: Store) -> None:
    """Remove all nodes from a private store, without waiting for their leases."""
    for node in await store.nodes():
        await store.bury(node.id)
