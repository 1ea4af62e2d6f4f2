"""An abort in the middle of a library: what is cancelled, how soon, and what is free afterwards.

The table in `docs/aborts.md` says so. `KEEP=1` writes it, with the median of several aborts;
otherwise it is compared with what is seen, except for the milliseconds.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import median_low

import pytest

from tests.integration.bring_your_code.conftest import HANDLERS, Transactions
from tests.integration.bring_your_code.stopping.cases import CASES, Case
from tests.integration.bring_your_code.stopping.page import Row, keep, rows
from tests.integration.bring_your_code.stopping.surroundings import World
from tests.support.eventually import eventually
from tests.support.nodes import ROOT, Body, Node
from tests.support.servers.postgres import PostgresServer

PAGE = ROOT / "docs" / "aborts.md"
KEEP = bool(os.environ.get("KEEP"))
REPEATS = 5 if KEEP else 1
ORDER = [case.does for case in CASES]
BEGIN_S = 60.0
BESIDE = ["__init__.py", "accounts.py", "hold.py", "orders.py"]
"""What the handlers in the folder `stopping` use of the others."""
BEGAN = "began"
"""What a handler's note says until an exception leaves the handler."""


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of the table alone: to import the libraries of the others takes seconds."""
    folder = tmp_path_factory.mktemp("handlers")
    shutil.copytree(HANDLERS / "stopping", folder / "stopping")
    for name in BESIDE:
        shutil.copy(HANDLERS / name, folder)
    return folder


@pytest.mark.parametrize("case", CASES, ids=ORDER)
async def test_an_abort_in_a_library_does_what_the_page_says(
    brought: Node,
    postgres_server: PostgresServer,
    transactions: Transactions,
    tmp_path: Path,
    case: Case,
) -> None:
    """A query, a lock or a process that outlives its job is in the way of the next one."""
    world = World(node=brought, server=postgres_server, transactions=transactions, folder=tmp_path)
    seen = [
        await aborted(replace(world, folder=tmp_path / str(repeat)), case)
        for repeat in range(REPEATS)
    ]
    latency_ms = median_low(receipt["latency_ms"] for receipt, _ in seen)
    (signal_,) = {receipt["signal"] for receipt, _ in seen}
    (free,) = {free for _, free in seen}
    row = Row(case.does, case.happens, signal_, case.took(latency_ms), free)
    if KEEP:
        keep(PAGE, row, ORDER)
    (told,) = [each for each in rows(PAGE.read_text()) if each.does == row.does]
    assert told._replace(took_ms=row.took_ms) == row, "KEEP=1 writes what was seen"


def test_the_page_has_a_row_for_each_of_these_aborts() -> None:
    """What was tested once, and is no longer, must not stay on the page."""
    assert [row.does for row in rows(PAGE.read_text())] == ORDER


def test_a_row_replaces_that_of_an_earlier_run(tmp_path: Path) -> None:
    """One row may be written alone; those of cases that are gone disappear."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- libraries -->\n<!-- /libraries -->\nafter\n")
    for does, took_ms in [("old", "1"), ("b", "2"), ("a", "3"), ("b", "4")]:
        keep(page, Row(does, "killed", "SIGKILL", took_ms, "lock"), ["old", "a", "b"])
    keep(page, Row("c", "killed", "SIGKILL", "5", "lock"), ["a", "b", "c"])
    found = [(row.does, row.took_ms) for row in rows(page.read_text())]
    assert found == [("a", "3"), ("b", "4"), ("c", "5")]
    assert page.read_text().startswith("before\n<!--")
    assert page.read_text().endswith("-->\nafter\n")


async def aborted(world: World, case: Case) -> tuple[Body, str]:
    """Abort a job in the middle; the receipt, and what is free then."""
    world.folder.mkdir()
    note = world.folder / "note"
    async with case.arrange(world) as surroundings:
        job = await world.node.submit(case.task, {**surroundings.data, "note": str(note)})
        middle = f"{case.task} is in the middle"
        await eventually(surroundings.in_the_middle, within_s=BEGIN_S, saying=middle)
        status, job = await world.node.abort(job, f"grace_s={case.grace_s}&wait=30")
        receipt = job["abort"]
        assert (status, job["status"], receipt["survivors"]) == (200, "aborted", 0), job
        assert note.read_text() == (case.raised or BEGAN), receipt
        for what, is_free in surroundings.free.items():
            await eventually(is_free, saying=f"free: {what}")
    await world.node.alone()
    return receipt, ", ".join(surroundings.free)
