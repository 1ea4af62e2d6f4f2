"""The events of jobs for operators: log lines and counts, and what must not be in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from scheduler.api.http_metrics import metrics_middleware
from scheduler.core.cleanup import CleanupEnd
from scheduler.core.dependencies.resolving import AbortedJob
from scheduler.core.job import (
    Abort,
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Failure,
    FailureKind,
    JsonText,
    Order,
    Purpose,
    Settlement,
    Status,
    WaitingJob,
)
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.policy import lost_failure
from scheduler.core.ports.store import Released
from scheduler.telemetry.gauges import Gauges
from scheduler.telemetry.metrics import Metrics
from tests.fakes import AT, FakeClock, MemoryStore
from tests.support.job_events import Counting
from tests.support.nodes import ROOT
from tests.support.stores import after, later, new, node

CLAIM = Claim(
    id="019ca945-0a7b-7000-8000-000000000000",
    uid="ada",
    task="task1",
    data=JsonText('"a secret"'),
    hook="https://user:secret@example.org",
    attempt=1,
    token=1,
    purpose=Purpose.RUN,
)
TRACEBACK = """Traceback (most recent call last):
  File "/lib/loop.py", line 3, in run
  File "a.py", line 7, in undo
    raise E("why")
E: why
"""
NAMES = {"job": CLAIM.id, "user": "ada", "task": "task1", "attempt": 1}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def job_events(clock: FakeClock) -> Counting:
    return Counting(clock)


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def settlement(status: Status, error: Failure | None = None) -> Settlement:
    return Settlement(
        id=CLAIM.id, token=1, status=status, at=AT, result=JsonText('"a secret"'), error=error
    )


def test_a_job_is_two_lines_and_counts_once(
    job_events: Counting, clock: FakeClock, lines: list[Any]
) -> None:
    clock.advance(2)
    job_events.claimed([CLAIM])
    job_events.started(CLAIM)
    clock.advance(3)
    job_events.ended([(CLAIM, settlement(Status.SUCCESSFUL))])

    assert lines == [
        {"event": "job claimed", "log_level": "info", **NAMES},
        {"event": "job successful", "log_level": "info", **NAMES},
    ]
    assert job_events.count("jobs_total", task="task1", status="successful") == 1
    assert job_events.count("job_waiting_seconds_sum", task="task1") == 2
    assert job_events.count("job_running_seconds_sum", task="task1") == 3


@pytest.mark.parametrize("status", Status)
def test_each_way_to_end_has_its_line_and_count(
    job_events: Counting, status: Status, lines: list[Any]
) -> None:
    if status is Status.RUNNING:
        return
    error = Failure(kind=FailureKind.CRASH, message="signal 9")
    failure = error if status is Status.TERMINATED else None
    job_events.ended([(CLAIM, settlement(status, failure))])
    if status is Status.ABORTED:
        job_events.aborted(CLAIM, None)

    (line,) = lines
    said = "given back" if status is Status.QUEUED else status.value
    assert line["event"] == f"job {said}"
    assert line["log_level"] == ("error" if status is Status.TERMINATED else "info")
    assert line.get("kind") == ("crash" if status is Status.TERMINATED else None)
    assert "secret" not in str(line)
    assert job_events.count("jobs_total", task="task1", status=status.value) == 1


def test_an_abort_says_why_how_and_how_fast(job_events: Counting, lines: list[Any]) -> None:
    """Who reads the log wants to know who ended the job, and whether it had to be killed."""
    death = Death(signal="SIGKILL", processes=2, survivors=0)
    abort = Abort(
        requested_at=AT, finished_at=later(2), reason="x" * 9000, death=death, cleanup=None
    )
    job_events.ended([(CLAIM, settlement(Status.ABORTED))])
    job_events.aborted(CLAIM, abort)
    job_events.aborted(CLAIM, replace(abort, reason=None, death=replace(death, signal=None)))
    job_events.aborted(CLAIM, None)

    expected = {"event": "job aborted", "log_level": "info", **NAMES}
    cut = "x" * 499 + "…"
    assert lines == [
        {**expected, "reason": cut, "signal": "SIGKILL", "latency_ms": 2000},
        {**expected, "reason": None, "signal": None, "latency_ms": 2000},
        expected,
    ]


def test_no_line_is_so_long_that_what_collects_logs_would_cut_it(
    job_events: Counting, lines: list[Any]
) -> None:
    """A job that fails may abort a thousand that wait for it: each is found by its id."""
    jobs = [
        AbortedJob(f"{CLAIM.id[:-4]}{number:04}", "ada", "task1", "why") for number in range(999)
    ]
    job_events.aborted_after_others(jobs)

    found = [job_id for line in lines for job_id in line.get("jobs", [line.get("job")])]
    assert found == [job.id for job in jobs]
    assert all(len(json.dumps(line)) < 16_384 for line in lines)


def test_jobs_of_a_lot_share_a_line_where_they_differ_in_nothing_else(
    job_events: Counting, lines: list[Any]
) -> None:
    """Each is found by its id, and the line says for whom they ran."""
    claims = [replace(CLAIM, id=each) for each in ("1", "2")] + [replace(CLAIM, id="3", uid="u2")]
    job_events.claimed(claims)
    ends = [replace(settlement(Status.SUCCESSFUL), id=each.id) for each in claims]
    job_events.ended(zip(claims, ends, strict=True))

    both = {"jobs": ["1", "2"], **{name: NAMES[name] for name in NAMES if name != "job"}}
    other = {**NAMES, "job": "3", "user": "u2"}
    assert [{name: line[name] for name in line if name != "log_level"} for line in lines] == [
        {"event": "job claimed", **both},
        {"event": "job claimed", **other},
        {"event": "job successful", **both},
        {"event": "job successful", **other},
    ]
    assert job_events.count("jobs_total", task="task1", status="successful") == 3


def test_each_failed_job_of_a_lot_has_an_error_of_its_own(
    job_events: Counting, lines: list[Any]
) -> None:
    """Who reads only errors sees each job that failed, and why; aborts are no failures."""
    claims = [replace(CLAIM, id=each) for each in ("1", "2", "3", "4")]
    error = Failure(kind=FailureKind.EXCEPTION, type="E", message="why", traceback=TRACEBACK)
    ends = [
        settlement(Status.TERMINATED, error),
        settlement(Status.SUCCESSFUL),
        settlement(Status.TERMINATED, error),
        settlement(Status.ABORTED),
    ]
    job_events.ended(zip(claims, ends, strict=True))

    why = {"kind": "exception", "type": "E", "message": "why", "where": "a.py:7 in undo"}
    failed = {"event": "job terminated", "log_level": "error", **why}
    assert [line for line in lines if line["log_level"] == "error"] == [
        {**NAMES, "job": "1", **failed},
        {**NAMES, "job": "3", **failed},
    ]
    assert [line["event"] for line in lines if line["log_level"] == "info"] == ["job successful"]
    assert job_events.count("jobs_total", task="task1", status="terminated") == 2


def test_a_job_that_is_lost_with_its_nodes_is_an_error_like_any_other(
    job_events: Counting, lines: list[Any]
) -> None:
    """Its node can log nothing any more: the one that takes it back does."""
    lost = replace(new().stored(), id="1", status=Status.TERMINATED, error=lost_failure(3))
    released = Released(to_enqueue=[WaitingJob("3", "u1")], ended=["1", "2"], left_undone=("4",))
    job_events.released(released, {"1": lost})

    by_job = {line["job"]: (line["log_level"], line["event"]) for line in lines}
    assert by_job == {
        "1": ("error", "job terminated"),
        "2": ("warning", "job ended with its node"),
        "3": ("warning", "job taken back"),
        "4": ("error", "clean-up failed"),
    }
    (error,) = [line for line in lines if line["job"] == "1"]
    assert (error["user"], error["kind"]) == ("u1", "lost")
    assert "3 times" in error["message"]
    assert job_events.count("jobs_released_total") == 4


def test_warnings_and_errors_name_their_job_as_well(job_events: Counting, lines: list[Any]) -> None:
    """An operator on call looks for the user and the task."""
    job_events.claim_lost(CLAIM)
    job_events.notified_too_often(CLAIM)
    job_events.survived_kill(CLAIM, Death(signal="SIGKILL", processes=1, survivors=2))

    assert lines == [
        {"event": "a claim was lost on its way here", "log_level": "warning", **NAMES},
        {
            "event": "notifications are dropped: the job has too many",
            "log_level": "warning",
            **NAMES,
        },
        {"event": "processes outlive SIGKILL", "log_level": "error", **NAMES, "survivors": 2},
    ]


@pytest.mark.parametrize(
    "module",
    [
        *("attempt", "claiming", "direct_starts", "execution", "lot_run"),
        *("settlements/lost_claims", "settlements/settling", "settlements/unkillable"),
    ],
)
def test_no_other_module_logs_events_of_jobs(module: str) -> None:
    """Otherwise some line would lack the job, user, task or attempt."""
    text = (ROOT / "scheduler" / "worker" / f"{module}.py").read_text("utf-8")
    assert "structlog" not in text


def test_only_the_first_attempt_counts_as_waiting(job_events: Counting) -> None:
    """Later attempts waited for a node to die, not for a free slot."""
    second = replace(CLAIM, attempt=2)
    job_events.started(second)
    assert job_events.count("job_waiting_seconds_count", task="task1") == 0


def test_a_clean_up_has_its_own_log_lines_and_does_not_count_as_a_job(
    job_events: Counting, lines: list[Any]
) -> None:
    clean = replace(CLAIM, purpose=Purpose.CLEAN)
    job_events.claimed([clean])
    job_events.started(clean)
    error = Failure(kind=FailureKind.EXCEPTION, type="E", message="why", traceback=TRACEBACK)
    at = later(3)
    again = CleanupTries(ended=1, allowed=2, next_at=at, error=error)
    job_events.cleanup_ended(clean, CleanupEnd(Cleanup.PENDING, again), error)
    job_events.cleanup_ended(clean, CleanupEnd(Cleanup.PENDING, None), None)
    last = CleanupTries(ended=2, allowed=2, error=error)
    job_events.cleanup_ended(clean, CleanupEnd(Cleanup.FAILED, last), error)
    job_events.cleanup_ended(clean, CleanupEnd(Cleanup.DONE, replace(last, error=None)), None)

    why = {"kind": "exception", "type": "E", "message": "why", "where": "a.py:7 in undo"}
    assert lines == [
        {"event": "clean-up claimed", "log_level": "info", **NAMES},
        {
            "event": "clean-up failed, and is tried again",
            "log_level": "warning",
            **NAMES,
            **why,
            "tries": 1,
            "tries_max": 2,
            "next_try_not_before_s": 3.0,
        },
        {"event": "clean-up given back", "log_level": "info", **NAMES},
        {
            "event": "clean-up failed",
            "log_level": "error",
            **NAMES,
            "tries": 2,
            "tries_max": 2,
            **why,
        },
        {"event": "clean-up done", "log_level": "info", **NAMES, "tries": 2, "tries_max": 2},
    ]
    assert job_events.count("job_waiting_seconds_count", task="task1") == 0
    for outcome in ("retried", "failed", "done"):
        assert job_events.count("cleanup_tries_total", task="task1", outcome=outcome) == 1


async def test_the_queue_is_measured_while_the_store_is_there(clock: FakeClock) -> None:
    registry, store = CollectorRegistry(), MemoryStore(now=clock.now)
    gauges = Gauges(Metrics(registry), store=store, clock=clock)
    await gauges.measure_queue()
    assert registry.get_sample_value("scheduler_queued_jobs") == 0

    await store.insert([new(), new(), new(order=Order(delay_s=600))])
    clock.advance(7)
    await gauges.measure_queue()
    assert registry.get_sample_value("scheduler_queued_jobs") == 2
    assert registry.get_sample_value("scheduler_oldest_queued_seconds") == 7
    held = {"reason": "run_at"}
    assert registry.get_sample_value("scheduler_held_jobs", held) == 1

    store.away = True
    await gauges.measure_queue()
    assert str(registry.get_sample_value("scheduler_queued_jobs")) == "nan"
    assert [(each.queued, each.running) for each in gauges.samples] == [(0, 0), (2, 0)]


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    """The panel of a renamed metric would stay empty, and nobody would know why."""
    registry = CollectorRegistry()
    Metrics(registry)
    metrics_middleware(registry)
    known = {family.name for family in registry.collect()}
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    suffixes = "_(total|bucket|sum|count|info)$"
    shown = {re.sub(suffixes, "", name) for name in re.findall(r"scheduler_\w+", asked)}

    assert shown == known


def test_names_follow_the_conventions() -> None:
    """Base units; no `_total` in a counter's name, because the library appends it."""
    registry = CollectorRegistry()
    Metrics(registry)
    for family in registry.collect():
        assert family.name.startswith("scheduler_")
        assert not re.search("_(ms|milliseconds|minutes|kb|total)$", family.name)
        assert family.documentation.endswith(".")


async def test_pauses_are_counted_by_what_they_name(clock: FakeClock) -> None:
    """An alert tells of a pause that somebody forgot."""
    registry, store = CollectorRegistry(), MemoryStore(now=clock.now)
    gauges = Gauges(Metrics(registry), store=store, clock=clock)
    await store.pauses.put(PauseKey(PauseKind.TASK, "task1"), reason=None, until=None, by=None)
    await store.insert([new()])

    await gauges.measure_queue()

    assert registry.get_sample_value("scheduler_pauses", {"kind": "task"}) == 1
    assert registry.get_sample_value("scheduler_pauses", {"kind": "node"}) == 0
    assert registry.get_sample_value("scheduler_held_jobs", {"reason": "paused"}) == 1


async def test_jobs_that_wait_for_others_and_for_labels_are_counted(clock: FakeClock) -> None:
    """An alert tells of a label that no node has any more."""
    registry, store = CollectorRegistry(), MemoryStore(now=clock.now)
    gauges = Gauges(Metrics(registry), store=store, clock=clock)
    first = new()
    await store.insert([first, new(after=after(first.id)), new(order=Order(needs=("gpu",)))])

    def held(reason: str) -> float | None:
        return registry.get_sample_value("scheduler_held_jobs", {"reason": reason})

    await gauges.measure_queue()
    assert (held("after"), held("no_node"), held("limit")) == (1, 1, 0)

    await store.register(node(labels=["gpu"]))
    await gauges.measure_queue()
    assert held("no_node") == 0


async def test_jobs_are_counted_that_need_nothing_where_no_node_takes_such(
    clock: FakeClock,
) -> None:
    """As the API says of each of them."""
    registry, store = CollectorRegistry(), MemoryStore(now=clock.now)
    gauges = Gauges(Metrics(registry), store=store, clock=clock)
    await store.register(node(labels=["gpu"], only=["gpu"]))
    gpu, tpu = [Order(needs=(label,)) for label in ("gpu", "tpu")]
    await store.insert([new(), new(), new(order=gpu), new(order=gpu), new(order=tpu)])

    def without_node() -> float | None:
        return registry.get_sample_value("scheduler_held_jobs", {"reason": "no_node"})

    await gauges.measure_queue()
    assert without_node() == 3

    await store.register(node("b1"))
    await gauges.measure_queue()
    assert without_node() == 1
