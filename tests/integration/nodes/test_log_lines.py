"""The log lines and counts of a real node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes


def lines(node: Node, job: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """The lines of the node's log about a job."""
    told = [json.loads(line) for line in node.log.splitlines() if line.startswith("{")]
    return [line for line in told if line.get("job") == job["id"]]


async def samples(node: Node) -> dict[tuple[str, frozenset[str]], float]:
    async with aiohttp.ClientSession() as session, session.get(f"{node.url}/-/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_lines_and_counts_are_about_jobs_and_never_show_data(
    start_node: Nodes, begun: Path
) -> None:
    node = start_node(NODE__NAME="node-a", NODE__WORKERS=1, ABORT__GRACE_S=60)
    good = await node.outcome("echo", "a secret")
    bad = await node.outcome("fail", "what its author says")
    running = await node.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    queued = await node.submit("echo", "a secret")
    await node.abort(queued)
    await node.abort(running)

    def events_about(job: Any) -> list[str]:  # noqa: ANN401 - JSON
        return [line["event"] for line in lines(node, job)]

    assert events_about(good) == ["job claimed", "job successful"]
    assert events_about(bad) == ["job claimed", "job terminated"]
    assert events_about(queued)[-1] == "job aborted"
    # The answer to an abort needs the store alone; the line about it may come a moment after.
    await eventually(lambda: events_about(running) == ["job claimed", "job aborted"])
    (_, line) = lines(node, good)
    assert {key: line[key] for key in ("user", "task", "attempt", "node", "level")} == {
        "user": "u1",
        "task": "echo",
        "attempt": 1,
        "node": "node-a",
        "level": "info",
    }
    error = lines(node, bad)[-1]
    assert (error["level"], error["kind"], error["message"]) == (
        "error",
        "exception",
        "what its author says",
    )
    assert "secret" not in node.log

    async def the_abort_counts() -> bool:
        """It is counted a moment after the answer, which does not wait for that."""
        return ("scheduler_abort_seconds_count", frozenset({"SIGTERM"})) in await samples(node)

    async def the_spare_process_counts() -> bool:
        """It starts beside the jobs, and on a busy machine comes up after them."""
        started = "scheduler_pool_processes_started_total"
        return (await samples(node))[started, frozenset()] >= 2

    await eventually(the_abort_counts)
    await eventually(the_spare_process_counts, within_s=20)
    counted = await samples(node)
    assert counted["scheduler_jobs_total", frozenset({"echo", "successful"})] == 1
    assert counted["scheduler_jobs_total", frozenset({"fail", "terminated"})] == 1
    assert counted["scheduler_jobs_total", frozenset({"wait", "aborted"})] == 1
    assert counted["scheduler_job_running_seconds_count", frozenset({"echo"})] == 1
    assert counted["scheduler_workers", frozenset()] == 1
    assert ("scheduler_running_jobs", frozenset[str]()) in counted
    assert counted["scheduler_batch_calls_count", frozenset({"settle"})] >= 3


async def test_a_trace_goes_through_handlers_their_children_and_the_log(node: Node) -> None:
    """And not on to the next job, which may be another user's."""
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    traceparent = f"00-{trace_id}-b7ad6b7169203331-01"
    jobs = []
    async with aiohttp.ClientSession() as session:
        for task in ("trace", "async_trace") * 3:
            body = {"uid": "u1", "task": task}
            headers = {"traceparent": traceparent}
            async with session.post(node.url, json=body, headers=headers) as answer:
                jobs.append(await answer.json())
    found = [(await node.job(job, wait_s=30))["result"] for job in jobs]
    assert found == [[traceparent, traceparent], traceparent] * 3
    for job in jobs:
        assert [line["trace_id"] for line in lines(node, job)] == [trace_id] * 2

    for _ in range(4):
        assert (await node.outcome("trace"))["result"] == [None, "None"]
