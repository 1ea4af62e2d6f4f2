"""Starts a node by `make run` and uses it: one job, one abort, SIGTERM.

Before the end, Postman's collection is run against it, and its OpenAPI document is linted.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import openapi_lint
import postman


def call(method: str, url: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """One request; the JSON of its answer."""
    request = urllib.request.Request(  # noqa: S310 - our own node
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def run(program: list[str], *, npm_tools: bool = False) -> None:
    """Start, use, stop; any surprise raises. With `npm_tools`, run what npm brings, too."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        started = subprocess.Popen(
            program,
            env={
                **os.environ,
                "SCHEDULER_HTTP__PORT": "0",
                "SCHEDULER_NODE__DATA_DIR": folder,
                "SCHEDULER_HANDLERS__FILES_DIR": folder,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert started.stdout is not None
            # The first time, lines about the installation come before it.
            line = next((line for line in started.stdout if "ready on" in line), "not ready")
            print(f"{time.monotonic() - began:.1f} s: {line.strip()}")
            url = re.findall(r"ready on ([^\s,]+)", line)[0]
            use(url)
            if npm_tools:
                postman.run(url)
                openapi_lint.run(url)
            os.kill(_node(started.pid, program), signal.SIGTERM)
            status = started.wait(timeout=60)
            assert status == 0, status
            print("SIGTERM: exit status 0")
        finally:
            started.terminate()
            started.wait()


def _node(pid: int, program: list[str]) -> int:
    """The node itself: make hands a signal on and then dies of it, whatever the node's status."""
    if program[0] != "make":
        return pid
    (node,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(node)


def use(url: str) -> None:
    """Run one job to its end, and abort one."""
    job = call("POST", url, {"uid": "smoke", "task": "task1", "data": {"n": 0.1}})
    job = call("GET", f"{url}/smoke/{job['id']}?wait=30")
    assert job["status"] == "successful", job
    print(f"one job: {job['status']}")

    job = call("POST", url, {"uid": "smoke", "task": "task1", "data": {"n": 3600}})
    while job["status"] == "queued":
        job = call("GET", f"{url}/smoke/{job['id']}")
    job = call("DELETE", f"{url}/smoke/{job['id']}?reason=smoke&wait=30")
    assert job["status"] == "aborted", job
    assert job["abort"]["survivors"] == 0, job
    print(f"one abort: {job['abort']}")


if __name__ == "__main__":
    run(["make", "--silent", "run"], npm_tools=True)
