"""Jobs whose attempts fail, with real processes: what is tried again, and what ends it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from random import Random

import aiohttp
import pytest

from tests.support.commands import command
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.receiver import LOOPBACK, Receiver

RANDOM = Random(17)  # noqa: S311 - spreads aborts
ABORTS = 12


def outcomes(job: Body) -> list[tuple[int, str | None, str | None]]:
    """Number, outcome and kind of error of each attempt."""
    return [
        (each["number"], each["outcome"], each["error"] and each["error"]["kind"])
        for each in job["attempts"]
    ]


async def text_of(node: Node, path: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(node.url + path) as answer:
        return await answer.text()


@pytest.mark.parametrize(
    ("task", "how", "kind"),
    [
        ("retried", "key", "exception"),
        ("retried", "killed", "crash"),
        ("retried", "exited", "crash"),
        ("retried", "soon", "exception"),
        ("retried_in_time", "late", "timeout"),
        ("retried_for_connections", "subclass", "exception"),
        ("retried_for_connections", "group", "exception"),
        ("retried_for_connections", "soon", "exception"),
    ],
)
async def test_a_failed_attempt_is_followed_by_another_one(
    node: Node, task: str, how: str, kind: str
) -> None:
    """The same job with the same id; the handler is told which attempt it is."""
    job = await node.outcome(task, {"how": how, "fails": 2})

    assert (job["status"], job["result"], job["attempt"]) == ("successful", 3, 3)
    failed = [(number, "terminated", kind) for number in (1, 2)]
    assert outcomes(job) == [*failed, (3, "successful", None)]
    assert (job["waits"], job["error"]) == (None, None)


@pytest.mark.parametrize(
    ("task", "how", "kind"),
    [
        ("retried", "never", "exception"),
        ("retried", "set", "result"),
        ("retried_for_connections", "key", "exception"),
        ("retried_for_connections", "killed", "crash"),
        ("not_retried", "key", "exception"),
        ("not_retried", "soon", "exception"),
    ],
)
async def test_what_is_not_to_be_tried_again_ends_the_job(
    node: Node, task: str, how: str, kind: str
) -> None:
    job = await node.outcome(task, {"how": how})

    assert (job["status"], job["error"]["kind"]) == ("terminated", kind)
    assert outcomes(job) == [(1, "terminated", kind)]


async def test_the_exceptions_that_overrule_have_their_public_names(node: Node) -> None:
    """They are what the user reads, and imports."""
    given_up = await node.outcome("retried", {"how": "never"})
    asked = await node.outcome("not_retried", {"how": "soon"})

    assert given_up["error"]["type"] == "scheduler.GiveUp"
    assert given_up["error"]["message"] == "no such customer"
    assert asked["error"]["type"] == "scheduler.RetryLater"


@pytest.mark.parametrize(
    ("task", "wanted", "made"),
    [
        ("retried", None, 4),
        ("retried", 2, 2),
        ("retried", 1, 1),
        ("not_retried", 2, 2),
    ],
)
async def test_a_job_has_no_more_attempts_than_are_allowed(
    node: Node, tmp_path: Path, task: str, wanted: int | None, made: int
) -> None:
    """What was submitted counts before what the handler says."""
    file = tmp_path / "attempts"
    data = {"how": "soon", "fails": 99, "file": str(file)}

    job = await node.outcome(task, data, max_attempts=wanted)

    assert (job["status"], job["attempt"], job["max_attempts"]) == ("terminated", made, wanted)
    assert file.read_text().split() == [str(number + 1) for number in range(made)]
    assert outcomes(job) == [(number + 1, "terminated", "exception") for number in range(made)]


async def test_jobs_of_a_lot_are_tried_again_each_for_itself(node: Node) -> None:
    """They are sent and settled together."""
    data = [{"how": "key", "fails": number % 3} for number in range(60)]
    body = [{"uid": "u1", "task": "retried", "data": each} for each in data]
    status, jobs = await node.call("POST", "/", body)
    assert status == 202

    ended = [await node.job(job, wait_s=30) for job in jobs]

    assert {job["status"] for job in ended} == {"successful"}
    assert [job["result"] for job in ended] == [number % 3 + 1 for number in range(60)]


async def test_a_job_between_two_attempts_says_so_everywhere(node: Node) -> None:
    """In its answer, in its log, in the lists and in the metrics."""
    job = await node.submit("retried", {"how": "in an hour"})
    await eventually(lambda: _is_held(node, job))

    held = await node.job(job)
    assert (held["status"], held["attempt"], held["waits"]["for"]) == ("queued", 1, "retry")
    until, finished = held["waits"]["until"], held["attempts"][0]["finished_at"]
    pause_s = (datetime.fromisoformat(until) - datetime.fromisoformat(finished)).total_seconds()
    assert 3599 < pause_s < 3700
    log = await text_of(node, f"/u1/{job['id']}/log")
    assert "notice attempt 1 failed: scheduler.RetryLater: the handler asked" in log
    assert "notice the next attempt begins in 3600.0 s at the earliest" in log
    metrics = await text_of(node, "/-/metrics")
    assert 'scheduler_retries_total{task="retried"}' in metrics
    assert "attempt failed, and the job is tried again" in node.log
    waiting = await command(node, "list", "--waiting")
    assert "its next attempt, " in waiting.output
    await node.abort(job)


async def test_an_abort_between_two_attempts_is_done_at_once(node: Node, tmp_path: Path) -> None:
    """Nothing runs; what the attempts have done is undone, once."""
    file = tmp_path / "attempts"
    job = await node.submit("retried", {"how": "in an hour", "file": str(file)})
    await eventually(lambda: _is_held(node, job))

    status, aborted = await node.abort(job, "wait=30&until=over")

    assert (status, aborted["status"], aborted["abort"]["processes"]) == (200, "aborted", 0)
    assert (aborted["abort"]["cleanup"], aborted["waits"]) == ("done", None)
    assert file.read_text().split() == ["1", "undone"]


async def test_an_abort_at_any_instant_leaves_no_further_attempt(
    node: Node, tmp_path: Path
) -> None:
    """While an attempt runs, is settled, waits, or is promoted; and its clean-up runs once."""

    async def one(number: int) -> None:
        file = tmp_path / f"attempts-{number}"
        job = await node.submit("retried_for_ever", {"file": str(file)})
        await eventually(file.exists)
        await asyncio.sleep(RANDOM.uniform(0, 0.3))
        status, aborted = await node.abort(job, "wait=30&until=over")
        lines = file.read_text().split()
        assert (status, aborted["status"]) == (200, "aborted"), aborted
        assert aborted["abort"]["survivors"] == 0
        assert (lines.count("undone"), lines[-1]) == (1, "undone")
        assert [int(each) for each in lines[:-1]] == list(range(1, len(lines)))
        assert (await node.job(job))["status"] == "aborted"

    async with asyncio.TaskGroup() as group:
        for number in range(ABORTS):
            group.create_task(one(number), name=f"abort {number}")


async def test_a_job_goes_on_after_the_death_of_its_node(start_node: Nodes, tmp_path: Path) -> None:
    """What waits for its next attempt is in the store: nothing is lost, and nothing used up."""
    file = tmp_path / "attempts"
    node = start_node("a")
    job = await node.submit("retried", {"how": "in a moment", "file": str(file)})
    await eventually(lambda: _is_held(node, job))
    node.kill()
    await node.gone()

    again = start_node("a")
    ended = await again.job(job, wait_s=30)

    assert (ended["status"], ended["result"]) == ("successful", 2)
    assert outcomes(ended) == [(1, "terminated", "exception"), (2, "successful", None)]
    assert file.read_text().split() == ["1", "2"]


async def test_hooks_are_called_for_retries_where_that_is_wanted_and_for_the_end_once(
    start_node: Nodes, receiver: Receiver
) -> None:
    node = start_node(HOOKS__ALLOW=LOOPBACK)
    data = {"how": "key", "fails": 2}
    told = await node.outcome("retried", data, hook=receiver.url, hook_retries=True)
    plain = await node.outcome("retried", data, hook=receiver.url)

    got = await receiver.gets(4)

    events = [(each.json["id"], each.headers["scheduler-event"]) for each in got]
    assert sorted(events) == sorted(
        [
            (told["id"], "job.retried"),
            (told["id"], "job.retried"),
            (told["id"], "job.ended"),
            (plain["id"], "job.ended"),
        ]
    )
    retries = [each.json for each in got if each.headers["scheduler-event"] == "job.retried"]
    assert {each["attempt"] for each in retries} == {1, 2}
    assert {(each["status"], each["error"]["kind"]) for each in retries} == {
        ("queued", "exception")
    }
    assert all(each["waits"]["until"] for each in retries)


async def test_the_command_line_takes_and_shows_attempts(node: Node) -> None:
    name = (
        await command(
            node,
            "submit",
            "u1",
            "not_retried",
            '{"how": "soon", "fails": 9}',
            "--max-attempts",
            "2",
        )
    ).output.strip()
    waited = await command(node, "wait", name)
    shown = await command(node, "show", name)

    assert waited.status != 0
    assert "1 on " in shown.output
    assert "terminated after" in shown.output
    assert "2 attempts" in shown.output
    refused = await command(node, "submit", "u1", "not_retried", "--max-attempts", "0")
    assert refused.status == 2


async def _is_held(node: Node, job: Body) -> bool:
    return (await node.job(job))["waits"] is not None
