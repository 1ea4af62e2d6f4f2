"""Submitting jobs that are to run later, sooner than others, or soon: what the answer says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1"}
YEAR_S = 366 * 86_400


def in_s(seconds: float) -> str:
    """A time so many seconds ahead."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def refused(api: Api, **fields: Any) -> list[dict[str, str]]:  # noqa: ANN401 - JSON
    answer = await api.post({**JOB, **fields})
    assert answer.status == 400
    assert api.stored == 0
    errors: list[dict[str, str]] = answer.json["errors"]
    return errors


async def test_a_job_that_names_no_time_waits_for_a_worker(api: Api) -> None:
    job = (await api.post(JOB)).json

    assert (job["priority"], job["run_at"], job["start_within_s"]) == (0, None, None)
    assert job["waits"] is None
    assert job["eligible_at"] is not None


async def test_a_delayed_job_says_what_it_waits_for(api: Api) -> None:
    answer = await api.post({**JOB, "delay_s": 600, "priority": -5, "start_within_s": 60})

    job = answer.json
    assert (answer.status, job["status"], job["eligible_at"]) == (202, "queued", None)
    assert job["waits"] == {"for": "run_at", "until": job["run_at"]}
    assert (job["priority"], job["start_within_s"]) == (-5, 60)
    assert "Notice" not in answer.headers
    assert job == (await api.get(answer.headers["Location"])).json
    assert not api.queue.server.ids


async def test_a_time_is_answered_in_utc(api: Api) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    sent = tomorrow.astimezone().isoformat()

    job = (await api.post({**JOB, "run_at": sent})).json

    assert job["run_at"] == tomorrow.strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def test_the_answer_says_that_a_time_is_past(api: Api) -> None:
    """A typing error in a date would make a job run at once, and nobody would notice."""
    answer = await api.post({**JOB, "run_at": "2020-01-01T00:00:00Z"})

    job = answer.json
    assert (answer.status, job["waits"], job["run_at"]) == (202, None, "2020-01-01T00:00:00.000Z")
    assert answer.headers["Notice"] == "run_at is past: it runs at once"
    assert list(api.queue.server.ids) == [job["id"]]

    several = [JOB, {**JOB, "run_at": "2020-01-01T00:00:00Z"}, {**JOB, "delay_s": 60}]
    answer = await api.post(several)
    assert answer.headers["Notice"] == "run_at of 1 of 3 jobs is past: it runs at once"


async def test_no_delay_is_none(api: Api) -> None:
    answer = await api.post({**JOB, "delay_s": 0, "run_at": None})

    assert (answer.json["waits"], "Notice" in answer.headers) == (None, False)


async def test_of_several_jobs_only_those_are_enqueued_that_may_run(api: Api) -> None:
    answer = await api.post([JOB, {**JOB, "delay_s": 60}, {**JOB, "priority": 9}])

    first, _, third = answer.json
    assert api.queue.server.ids == [third["id"], first["id"]]  # by their priority


async def test_a_time_without_an_offset_is_refused(api: Api) -> None:
    """Clients and servers are in different places."""
    (error,) = await refused(api, run_at="2026-12-24T18:00:00")

    assert error["pointer"] == "/run_at"
    assert "it has no offset" in error["detail"]


@pytest.mark.parametrize(
    "wrong", ["tomorrow", "2026-12-24", "2026-13-01T00:00:00Z", "20261224T180000Z", 7, True, {}]
)
async def test_what_is_no_time_is_refused(api: Api, wrong: object) -> None:
    (error,) = await refused(api, run_at=wrong)

    assert error["pointer"] == "/run_at"
    assert "RFC 3339" in error["detail"]


async def test_a_time_beyond_a_year_is_refused(api: Api) -> None:
    """It is a wrong number more often than a plan."""
    (error,) = await refused(api, run_at=in_s(YEAR_S + 600))

    assert "more than a year ahead" in error["detail"]
    assert (await api.post({**JOB, "run_at": in_s(YEAR_S - 600)})).status == 202


async def test_a_delay_and_a_time_are_refused_together(api: Api) -> None:
    (error,) = await refused(api, run_at=in_s(60), delay_s=60)

    assert error["pointer"] == "/delay_s"
    assert "leave one of the two out" in error["detail"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("priority", 86_401),
        ("priority", -86_401),
        ("priority", 1.5),
        ("priority", "60"),
        ("priority", None),
        ("delay_s", -1),
        ("delay_s", YEAR_S + 1),
        ("delay_s", "10m"),
        ("start_within_s", 0),
        ("start_within_s", -1),
        ("start_within_s", YEAR_S + 1),
    ],
)
async def test_a_number_out_of_its_bounds_is_refused(api: Api, field: str, wrong: object) -> None:
    (error,) = await refused(api, **{field: wrong})

    assert error["pointer"] == f"/{field}"
    assert "86400" in error["detail"] or str(YEAR_S) in error["detail"]


async def test_a_key_means_the_same_with_the_same_order_only(api: Api) -> None:
    """Else a client would believe that its second job waits, too."""
    key = {"Idempotency-Key": "k"}
    first = await api.post({**JOB, "delay_s": 600}, **key)

    again = await api.post({**JOB, "delay_s": 600}, **key)
    other = await api.post({**JOB, "delay_s": 60}, **key)
    assert (again.status, again.json, other.status) == (200, first.json, 409)


async def test_a_key_means_what_it_did_before_jobs_had_an_order(api: Api) -> None:
    """What says nothing new has the digest of earlier versions."""
    key = {"Idempotency-Key": "k"}
    first = await api.post(JOB, **key)

    again = await api.post({**JOB, "priority": 0, "run_at": None}, **key)
    assert (again.status, again.json) == (200, first.json)


async def test_an_abort_of_a_held_job_is_done_at_once(api: Api) -> None:
    job = (await api.post({**JOB, "delay_s": 600})).json

    answer = await api.delete(f"/u1/{job['id']}")

    receipt = answer.json["abort"]
    assert (answer.status, answer.json["status"], answer.json["waits"]) == (200, "aborted", None)
    assert (receipt["processes"], receipt["survivors"], receipt["signal"]) == (0, 0, None)
