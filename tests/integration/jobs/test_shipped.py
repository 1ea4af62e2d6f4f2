"""The shipped handlers in a real node, as with `make run`."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import ROOT, Node, Nodes
from tests.unit.handlers.shipped import rows, tables

FLIGHTS = 400_000
"""Many batches: some seconds of work, so that it can be aborted in the middle."""
ORDER = {"file": "flights.csv.zip", "database": "flights.db", "table": "flights"}


@pytest.fixture(scope="module")
def shipping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with the handlers of this repository."""
    nodes = Nodes(tmp_path_factory.mktemp("shipping"))
    try:
        yield nodes(HANDLERS__PATH=ROOT / "handlers")
    finally:
        nodes.close()


@pytest.fixture
def shipped(shipping: Node) -> Node:
    """The same node, with an empty folder for files."""
    files = shipping.folder / "files"
    files.mkdir(exist_ok=True)
    for each in files.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()
    return shipping


async def test_the_handlers_of_the_repository_are_those_of_the_readme(shipped: Node) -> None:
    """A newcomer finds exactly these in the list."""
    _, tasks = await shipped.call("GET", "/-/tasks")
    assert [task["name"] for task in tasks] == ["checksum", "import_csv", "task1"]
    assert all(task["doc"] for task in tasks)


async def test_task1_reports_its_progress_and_ends_by_itself(shipped: Node) -> None:
    """It is the first job that a newcomer runs."""
    job = await shipped.submit("task1", {"n": 2.6})
    await eventually(lambda: _has(shipped, job, {"done": 1, "total": 2.6, "message": None}))
    job = await shipped.job(job, wait_s=30)
    assert (job["status"], job["result"]) == ("successful", {"n": 2.6})
    assert job["progress"] == {"done": 2.6, "total": 2.6, "message": None}


async def test_checksum_reads_a_whole_folder(shipped: Node) -> None:
    """Files are named by their path below `files_dir`."""
    folder = shipped.folder / "files" / "in"
    (folder / "deep").mkdir(parents=True)
    contents = {"in/a.bin": b"a" * 3_000_000, "in/deep/b.bin": b""}
    for name, content in contents.items():
        (shipped.folder / "files" / name).write_bytes(content)
    job = await shipped.outcome("checksum", {"paths": ["in"]})
    assert job["result"] == {name: sha256(each).hexdigest() for name, each in contents.items()}
    assert (job["progress"]["done"], job["progress"]["total"]) == (3_000_000, 3_000_000)


async def test_a_shipped_handler_does_not_leave_its_folder(shipped: Node) -> None:
    """The API does not trust its users: a path outside of the folder must not work."""
    job = await shipped.outcome("checksum", {"paths": ["../node.log"]})
    assert (job["status"], job["error"]["type"]) == ("terminated", "ValueError")


async def test_import_csv_loads_a_zipped_file_to_its_end(shipped: Node) -> None:
    """Every row arrives, in a table with the columns of the header."""
    write_flights(shipped.folder / "files" / ORDER["file"], 12_345)
    job = await shipped.outcome("import_csv", ORDER)
    assert (job["status"], job["result"]) == ("successful", {"rows": 12_345, "table": "flights"})
    assert job["progress"]["done"] == job["progress"]["total"]
    assert job["progress"]["message"] == "12345 rows"
    found = rows(shipped.folder / "files" / ORDER["database"])
    assert len(found) == 12_345
    assert found[0] == ("000000", "EWR, New York", job["id"])


@pytest.mark.parametrize("grace_s", [0, 60])
async def test_an_import_that_is_aborted_in_the_middle_leaves_no_row_and_no_process(
    shipped: Node, grace_s: int
) -> None:
    """With a grace period it deletes its rows itself; killed at once, on_abort does."""
    write_flights(shipped.folder / "files" / ORDER["file"], FLIGHTS)
    database = shipped.folder / "files" / ORDER["database"]
    job = await shipped.submit("import_csv", ORDER)
    await eventually(lambda: _is_under_way(shipped, job), within_s=30)
    assert len(rows(database)) >= 5_000

    status, aborted = await shipped.abort(job, f"wait=50&grace_s={grace_s}")
    assert (status, aborted["status"]) == (200, "aborted")
    assert aborted["progress"]["done"] < aborted["progress"]["total"]
    receipt = aborted["abort"]
    assert (receipt["processes"], receipt["survivors"]) == (1, 0)
    assert receipt["signal"] == ("SIGTERM" if grace_s else "SIGKILL")
    assert receipt["finished_at"] == aborted["finished_at"]

    await eventually(lambda: _is_cleaned_up(shipped, job), within_s=30)
    assert tables(database) == []
    await shipped.alone()


def write_flights(place: Path, number: int) -> None:
    """Write a zipped CSV file with this many rows."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["flight", "origin"])
        writer.writerows([f"{each:06}", "EWR, New York"] for each in range(number))
        archive.writestr("flights.csv", text.getvalue())


async def _has(node: Node, job: Any, progress: dict[str, Any]) -> bool:  # noqa: ANN401 - JSON
    return bool((await node.job(job))["progress"] == progress)


async def _is_under_way(node: Node, job: Any) -> bool:  # noqa: ANN401 - JSON
    return (await node.job(job))["progress"] is not None


async def _is_cleaned_up(node: Node, job: Any) -> bool:  # noqa: ANN401 - JSON
    return bool((await node.job(job))["abort"]["cleanup"] == "done")
