"""Waiting until a job is over: dead, and undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta

import orjson
import pytest

from scheduler.core.change import changed
from scheduler.core.job import (
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Failure,
    FailureKind,
    JsonText,
    Status,
)
from tests.support.stores import ids_of
from tests.unit.api.conftest import Api, Response

KILLED = Death(signal="SIGKILL", processes=1, survivors=0)
NO_SPACE = Failure(kind=FailureKind.EXCEPTION, type="OSError", message="disk full")
LOOKED_S = 0.2
"""A wait that does not end by itself has looked by then."""
NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"
UNTIL = "final (its status does not change any more) or over (its clean-up has ended, too)"


async def by_path(api: Api, job_id: str, query: str) -> Response:
    return await api.delete(f"/u1/{job_id}?{query}")


async def by_body(api: Api, job_id: str, query: str) -> Response:
    headers = {"Content-Type": "application/json"}
    body = orjson.dumps({"uid": "u1", "id": job_id})
    return await api.delete(f"/?{query}", data=body, headers=headers)


async def by_get(api: Api, job_id: str, query: str) -> Response:
    return await api.get(f"/u1/{job_id}?{query}")


WAITS = pytest.mark.parametrize("ask", [by_path, by_body, by_get])
Ask = Callable[[Api, str, str], Coroutine[None, None, Response]]


async def begun(api: Api) -> Claim:
    """An attempt of a job that can be undone."""
    return await api.start(await api.submit(task="task2"))


async def dead(api: Api, claim: Claim) -> Claim:
    """Abort a job; the claim of its clean-up."""
    await api.delete(f"/u1/{claim.id}")
    await api.end(claim, Status.ABORTED, death=KILLED)
    return await api.start(claim.id)


async def tried(api: Api, clean: Claim, cleanup: Cleanup, tries: CleanupTries) -> None:
    """End a try of a clean-up, and announce the change."""
    token = clean.token
    assert await api.store.settle_cleanup(clean.id, token=token, cleanup=cleanup, tries=tries)
    api.queue.announce([changed(clean.id)])


@WAITS
@pytest.mark.parametrize("cleanup", [Cleanup.DONE, Cleanup.FAILED])
async def test_a_wait_until_over_ends_with_the_last_try(
    api: Api, ask: Ask, cleanup: Cleanup
) -> None:
    """A script that goes on then finds nothing half done, or knows that it must look."""
    claim = await begun(api)
    clean = await dead(api, claim)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(ask(api, claim.id, "wait=60&until=over"))
        await asyncio.wait({waiting}, timeout=LOOKED_S)
        at = api.clock.now() + timedelta(seconds=1)
        await tried(api, clean, Cleanup.PENDING, CleanupTries(ended=1, allowed=2, next_at=at))
        assert ids_of(await api.store.resume_cleanups(at=at, limit=1)) == [claim.id]
        last = await api.start(claim.id)
        await asyncio.wait({waiting}, timeout=LOOKED_S)
        assert not waiting.done(), "a try that failed is not the last"
        await tried(api, last, cleanup, CleanupTries(ended=2, allowed=2, error=None))

    answer = waiting.result()
    assert answer.status == 200
    assert answer.json["abort"]["cleanup"] == cleanup


@WAITS
async def test_a_job_that_is_over_is_answered_at_once(api: Api, ask: Ask) -> None:
    claim = await begun(api)
    clean = await dead(api, claim)
    await tried(api, clean, Cleanup.DONE, CleanupTries(ended=1, allowed=5))

    async with asyncio.timeout(5):
        assert (await ask(api, claim.id, "wait=60&until=over")).status == 200


async def test_a_wait_until_final_ends_though_the_clean_up_goes_on(api: Api) -> None:
    """Who wants the slot back, or the proof of death, need not wait for more."""
    claim = await begun(api)
    await dead(api, claim)

    async with asyncio.timeout(5):
        answer = await api.delete(f"/u1/{claim.id}?wait=60&until=final")

    assert answer.json["abort"]["on_abort"]["state"] == "running"


async def test_when_the_time_is_up_the_answer_says_how_far_the_clean_up_is(api: Api) -> None:
    claim = await begun(api)
    clean = await dead(api, claim)
    at = api.clock.now() + timedelta(seconds=4)
    tries = CleanupTries(ended=2, allowed=5, next_at=at, error=NO_SPACE)
    await tried(api, clean, Cleanup.PENDING, tries)

    answer = await api.delete(f"/u1/{claim.id}?wait=0.1&until=over")

    assert (answer.status, answer.json["abort"]["cleanup"]) == (200, "pending")
    assert answer.json["abort"]["on_abort"] == {
        "state": "pending",
        "tries": 2,
        "tries_max": 5,
        "next_try_at": "2026-03-01T12:00:04.123Z",
        "error": {"kind": "exception", "type": "OSError", "message": "disk full"},
    }


async def test_a_job_that_is_not_aborted_is_over_at_its_end(api: Api) -> None:
    claim = await begun(api)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = group.create_task(api.get(f"/u1/{claim.id}?wait=60&until=over"))
        await api.queue.server.watched.wait()
        await api.end(claim, result=JsonText("1"))

    assert waiting.result().json["status"] == "successful"


@WAITS
@pytest.mark.parametrize("until", ["dead", "", "OVER", "final,over"])
async def test_another_word_is_refused(api: Api, ask: Ask, until: str) -> None:
    flaws = (await ask(api, NOBODYS, f"wait=1&until={until}")).flaws

    assert list(flaws) == ["until"]
    assert flaws["until"].startswith(f'got "{until}"; allowed: {UNTIL}')


@WAITS
@pytest.mark.parametrize("query", ["until=over", "until=final", "wait=0&until=over"])
async def test_until_without_a_wait_is_refused(api: Api, ask: Ask, query: str) -> None:
    """Who writes it means to wait, and would take the answer for more than it is."""
    flaws = (await ask(api, NOBODYS, query)).flaws

    assert list(flaws) == ["until"]
    assert flaws["until"].endswith(f"allowed: {UNTIL}, only together with wait above 0")


async def test_a_wrong_wait_is_named_alone(api: Api) -> None:
    assert list((await api.get(f"/u1/{NOBODYS}?wait=61&until=over")).flaws) == ["wait"]


async def test_to_abort_all_has_no_wait(api: Api) -> None:
    assert "unknown parameter" in (await api.delete("/u1?until=over")).flaws["until"]
