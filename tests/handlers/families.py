"""Handlers that submit jobs, for the tests: as users write them, with no word of where they run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scheduler import JobContext, handler

if TYPE_CHECKING:
    from atlanscheduler_client import Client

ROOT = Path(__file__).parents[2]
NAMES = ("ATLANSCHEDULER_JOB", "ATLANSCHEDULER_URL")


def _client() -> Client:
    """A client; imported here, or each process of each node would import it, mostly for nothing."""
    from atlanscheduler_client import Client

    return Client()


def named() -> list[str | None]:
    return [os.environ.get(name) for name in NAMES]


@handler("named")
def named_here_and_below(data: Any) -> Any:
    """Return the job and the node in the environment of this process and of one that it starts."""
    script = f"import os; print(*(os.environ.get(name) for name in {NAMES}))"
    below = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    return [named(), below]


@handler("async_named")
async def async_named(data: Any) -> Any:
    """Return the job and the node in the environment of this process."""
    await asyncio.sleep(0)
    return named()


def _note_names(data: Any) -> None:
    Path(data["file"] + ".undone").write_text(repr(named()))


@handler("named_undo", on_abort=_note_names)
def named_undo(data: Any) -> Any:
    """Wait for ever; the clean-up writes down the job and the node in its environment."""
    Path(data["file"]).write_text("begun")
    asyncio.run(asyncio.sleep(3600))


@handler("submit")
def submit(data: Any, job: JobContext) -> Any:
    """Submit jobs of these tasks and return their ids, one of them by the command line."""
    with _client() as client:
        ids = [client.submit(job.uid, task, {}).id for task in data]
    command = [sys.executable, str(ROOT / "main.py"), "submit", job.uid, data[0], "{}"]
    name = subprocess.check_output(command, text=True).strip()
    return [*ids, name.partition("/")[2]]


@handler("submit_and_wait")
def submit_and_wait(data: Any, job: JobContext) -> Any:
    """Submit a job of this task and data, and wait for its end: it needs a worker of its own."""
    with _client() as client:
        child = client.submit(job.uid, *data)
        return client.wait(job.uid, child.id).result


@handler("breed")
def breed(data: Any, job: JobContext) -> Any:
    """Submit more and more of the same."""
    with _client() as client:
        for number in count():
            client.submit(job.uid, "breed", number)


def _status(path: str) -> int:
    """What this node answers to the token in the environment."""
    headers = {"Authorization": f"Bearer {os.environ['ATLANSCHEDULER_TOKEN']}"}
    node = urlsplit(os.environ["ATLANSCHEDULER_URL"])
    connection = HTTPConnection(str(node.hostname), node.port, timeout=30)
    with closing(connection):
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status


@handler("statuses")
def statuses(data: Any) -> Any:
    """What this job may read."""
    return [_status(path) for path in data]


@handler("token")
def token(data: Any) -> Any:
    """Return the token in the environment; what a test must do, and a user must not."""
    return os.environ.get("ATLANSCHEDULER_TOKEN")


def _note_status(data: Any, job: JobContext) -> None:
    Path(data["file"] + ".undone").write_text(str(_status(f"/{job.uid}")))


@handler("hold_token", on_abort=_note_status)
def hold_token(data: Any) -> Any:
    """Write down the token, and wait for ever; the clean-up writes down what it may do."""
    file = Path(data["file"])
    file.with_suffix(".part").write_text(os.environ["ATLANSCHEDULER_TOKEN"])
    file.with_suffix(".part").rename(file)
    time.sleep(3600)
