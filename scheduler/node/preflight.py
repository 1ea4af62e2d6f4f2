"""What a node needs before it can run: Linux, its folder for itself alone, and its servers."""

from __future__ import annotations

import asyncio
import multiprocessing.util
import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Final, TypeVar

import structlog

from scheduler.basics.file_lock import locked
from scheduler.core.errors import StartError, Unavailable
from scheduler.core.ports.store import Store
from scheduler.node.config.loading import Config
from scheduler.processes.warden.cookie import DATA_DIR, NODE, SCRATCH, end_all

T = TypeVar("T")

log = structlog.get_logger()

ROOT: Final = Path(__file__).parents[2]
"""Where this package is found."""
DESCRIPTORS: Final = 65_536
"""Enough for every client that a node can serve."""
REACH_S: Final = 10.0
"""How long a start waits for a store or a queue that is not up yet."""
TRY_AGAIN_S: Final = 0.5
"""Between two tries to reach it: a person is watching, and a server boots in about a second."""


def require_containment(*, platform: str = sys.platform, proc: Path = Path("/proc")) -> None:
    """Refuse a machine where the processes of a job could not all be found, let alone ended.

    Raises:
        StartError: it is no Linux, or its kernel does not tell the children of a process.
    """
    if platform != "linux":
        raise StartError(
            f"a node runs on Linux, and this is {platform}: only there can it find and end all"
            " processes of a job; run it in the container instead: docker compose up --build"
        )
    pid = os.getpid()
    if not (proc / f"{pid}/task/{pid}/children").exists():
        raise StartError(
            f"{proc} does not list the children of a process, so a node could not find all"
            " processes of a job: the kernel needs CONFIG_PROC_CHILDREN, and /proc mounted"
        )


def allow_descriptors() -> None:
    """Have as many as may be: each connection takes one, and each look at a process as well.

    Jobs get back their own limit: each pool process closes all that there may be when it starts.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    os.environ["ATLANSCHEDULER_DESCRIPTORS"] = str(soft)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextmanager
def occupied(folder: str) -> Iterator[Path]:
    """Hold a data_dir for this node alone, and end what a killed node of it left running.

    Raises:
        StartError: the folder cannot be made or written to, or another node has it.
    """
    data_dir = Path(folder).resolve()
    with ExitStack() as stack:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(data_dir / "node.lock", guards=data_dir))
        except OSError as error:
            raise StartError(f"[node] data_dir {data_dir}: {error.strerror}") from error
        end_all(DATA_DIR, str(data_dir))  # with the lock held, whatever bears its name is nobody's
        yield data_dir


def make_files_dir(folder: str) -> Path:
    """The folder that the shipped handlers read and write below, made where it is not there.

    Raises:
        StartError: it cannot be made.
    """
    files_dir = Path(folder).resolve()
    try:
        files_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"[handlers] files_dir {files_dir}: {error.strerror}") from error
    return files_dir


def warn_no_handlers(folder: str) -> None:
    """Warn of a handlers folder without a handler: every job would be refused."""
    log.warning("no file in the handlers folder has a @handler", folder=str(Path(folder).resolve()))


def mark_descendants(config: Config, data_dir: Path, node_id: str) -> None:
    """Set what every process that this node starts finds in its environment."""
    os.environ[NODE] = node_id
    os.environ[DATA_DIR] = str(data_dir)
    os.environ[SCRATCH] = multiprocessing.util.get_temp_dir()
    # The fork server and the warden are interpreters of their own, and the node may have been
    # started from any folder. (A fork server that cannot import what to preload says nothing.)
    path = os.environ.get("PYTHONPATH", "")
    os.environ["ATLANSCHEDULER_PYTHONPATH"] = path
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{path}"
    os.environ["ATLANSCHEDULER_HANDLERS"] = str(Path(config.handlers.path).resolve())
    os.environ["SCHEDULER_HANDLERS__FILES_DIR"] = str(make_files_dir(config.handlers.files_dir))


async def reach(
    what: str, open_: Callable[[], AbstractAsyncContextManager[T]], stack: AsyncExitStack
) -> T:
    """Open what may not be up yet: try for `REACH_S`, and say so once.

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
    """Whether the store serves one node: then every other node in it is dead."""
    return store_url.startswith("sqlite")


async def forget_predecessors(store: Store) -> None:
    """Bury all nodes of a store that is this node's alone, without waiting for their leases."""
    for node in await store.nodes():
        await store.bury(node.id)
