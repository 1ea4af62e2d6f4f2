"""One `Client` for many threads, and for both processes after a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from tests.support.nodes import ROOT
from tests.support.servers.proxy import Proxy, in_front_of
from tests.unit.client.callers import Report
from tests.unit.client.echo import echoing

THREADS: Final = 64
CALLS: Final = int(os.environ.get("CALLS", "16"))
"""Of each thread; `make model` makes 10,000 in all."""
CUT_EACH_S: Final = 0.2
END_S: Final = 30 + CALLS
"""The time after which the program is taken for hanging, and killed."""

pytestmark = pytest.mark.timeout(2 * END_S)

Cuts = list[tuple[float, float]]


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A slow network in front of a node that echoes."""
    with echoing() as port, in_front_of(port) as proxy:
        proxy.delay_s = 0.002
        yield proxy


def called(proxy: Proxy, *fork: str, cuts: bool) -> tuple[list[Report], Cuts]:
    """Let the program of `callers` call through the proxy, which cuts all connections at times."""
    program = [sys.executable, "-m", "tests.unit.client.callers"]
    sizes = [f"http://127.0.0.1:{proxy.port}", str(THREADS), str(CALLS)]
    periods: Cuts = []
    end = time.monotonic() + END_S
    with subprocess.Popen([*program, *sizes, *fork], cwd=ROOT, stdout=subprocess.PIPE) as running:
        while running.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                running.wait(CUT_EACH_S)
            if time.monotonic() > end:
                running.kill()
            if cuts:
                began = time.monotonic()
                proxy.cut()
                proxy.heal()
                periods.append((began, time.monotonic()))
        assert running.stdout is not None
        return [Report(**json.loads(line)) for line in running.stdout], periods


def unexplained(report: Report, cuts: Cuts) -> list[str]:
    """The errors of calls during which nothing was cut."""
    return [
        error
        for began, ended, error in report.failed
        if not any(began <= healed and cut <= ended for cut, healed in cuts)
    ]


def check(report: Report, cuts: Cuts) -> None:
    assert report.wrong == []
    assert unexplained(report, cuts) == []
    assert report.right + len(report.failed) == THREADS * CALLS


@pytest.mark.parametrize("cuts", [False, True])
def test_each_thread_gets_the_answers_to_its_own_calls(proxy: Proxy, *, cuts: bool) -> None:
    """A web application shows a user what came back: it must never be another user's job."""
    reports, periods = called(proxy, cuts=cuts)
    assert [report.name for report in reports] == ["parent"]
    check(reports[0], periods)


@pytest.mark.parametrize("cuts", [False, True])
def test_parent_and_child_go_on_after_a_fork_amid_calls(proxy: Proxy, *, cuts: bool) -> None:
    """Web servers fork their workers, at times while a thread of the program already calls."""
    reports, periods = called(proxy, "fork", cuts=cuts)
    assert {report.name for report in reports} == {"parent", "child"}
    for report in reports:
        check(report, periods)
