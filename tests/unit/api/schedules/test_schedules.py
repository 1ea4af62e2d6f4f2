"""Set, show, list, delete, run, backfill and preview schedules over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from scheduler.core.errors import StoreUnavailable
from scheduler.core.schedules import timing
from scheduler.core.schedules.firing import due
from scheduler.core.schedules.zones import TZDATA_VERSION
from tests.unit.api.conftest import Api, Response
from tests.unit.node.test_schedule_look import unknown

PATH = "/-/schedules/ada/nightly"
ORDER: dict[str, Any] = {
    "task": "task1",
    "data": {"n": 1},
    "cron": "0 2 * * *",
    "timezone": "Europe/Berlin",
}
HOURLY: dict[str, Any] = {"task": "task1", "every_s": 3600}


async def put(api: Api, path: str = PATH, **order: Any) -> Response:  # noqa: ANN401 - JSON
    return await api.ask("PUT", path, json=order or ORDER)


async def run(api: Api, path: str = PATH, **headers: str) -> Response:
    return await api.ask("POST", f"{path}/run", headers=headers)


async def backfill(api: Api, begin: str, end: str) -> Response:
    return await api.ask("POST", f"{PATH}/backfill", json={"from": begin, "to": end})


async def preview(api: Api, **order: Any) -> Response:  # noqa: ANN401 - JSON
    return await api.ask("POST", "/-/schedules/preview", json=order)


async def test_a_schedule_is_shown_as_it_was_set(api: Api) -> None:
    answer = await put(api)

    assert answer.status == 201
    shown = answer.json
    assert {name: shown[name] for name in ORDER} == ORDER
    assert (shown["uid"], shown["name"], shown["recent"]) == ("ada", "nightly", [])
    assert (shown["misfire"], shown["catchup_s"], shown["overlap"]) == ("once", 3600.0, "skip")
    assert len(shown["next"]) == 5
    assert {each[11:] for each in shown["next"]} <= {"00:00:00.000Z", "01:00:00.000Z"}
    assert (await api.get(PATH)).json == shown
    assert (await api.get("/-/schedules?uid=ada")).json == [shown]


async def test_a_schedule_that_is_set_again_goes_on(api: Api) -> None:
    """As long as its times stay."""
    await put(api)
    key = next(iter(api.store.schedules._schedules))
    before = api.store.schedules._schedules[key]

    again = await put(api, **ORDER, note="a report")

    after = api.store.schedules._schedules[key]
    assert (again.status, again.json["note"]) == (200, "a report")
    assert (after.cursor, after.id, after.revision) == (before.cursor, before.id, 2)
    await put(api, **{**ORDER, "cron": "0 3 * * *"})
    assert api.store.schedules._schedules[key].cursor > before.cursor


async def test_a_paused_schedule_has_no_next_times(api: Api) -> None:
    assert (await put(api, **ORDER, paused=True)).json["next"] == []


async def test_a_schedule_is_deleted(api: Api) -> None:
    """Its jobs go on."""
    await put(api)
    job = (await run(api)).json

    deleted = (await api.delete(PATH)).json
    assert (deleted["name"], deleted["aborts"]) == ("nightly", None)
    assert (await api.get(f"/ada/{job['id']}")).json["status"] == "queued"

    for answer in (await api.delete(PATH), await api.get(PATH), await run(api)):
        assert answer.status == 404
        assert answer.json["type"] == "urn:atlanscheduler:problem:no-such-schedule"


async def test_a_schedule_is_deleted_with_its_jobs(api: Api) -> None:
    """And with no others: those that wait end at once, those that run are told to stop."""
    await put(api, **HOURLY, overlap="queue_one")
    await put(api, "/-/schedules/ada/other", **HOURLY)
    running, waiting, other = [
        (await run(api, path)).json["id"] for path in (PATH, PATH, "/-/schedules/ada/other")
    ]
    await api.start(running)

    deleted = (await api.delete(f"{PATH}?abort=true")).json

    assert (deleted["name"], deleted["paused"]) == ("nightly", False)
    assert deleted["aborts"] == {"aborted": 1, "aborting": 1}
    shown = {each: (await api.get(f"/ada/{each}")).json for each in (running, waiting, other)}
    assert shown[waiting]["status"] == "aborted"
    assert shown[running]["abort"]["reason"] == "its schedule was deleted"
    assert (shown[other]["status"], shown[other]["abort"]) == ("queued", None)
    assert (await api.delete(f"{PATH}?abort=true")).status == 404
    assert (await api.delete(f"{PATH}?abort=maybe")).status == 400


async def test_a_schedule_whose_jobs_could_not_be_aborted_is_there_and_makes_none(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever got no answer deletes it again; meanwhile no further job comes."""
    await put(api)
    job = (await run(api)).json

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(api.store, "request_abort", away)
        assert (await api.delete(f"{PATH}?abort=true")).status == 503
    left = (await api.get(PATH)).json
    assert (left["paused"], left["next"]) == (True, [])
    assert left["note"] == "paused, since it was to be deleted with its jobs; delete it again"

    assert (await api.delete(f"{PATH}?abort=true")).json["aborts"]["aborted"] == 1
    assert (await api.get(f"/ada/{job['id']}")).json["status"] == "aborted"


async def test_schedules_are_listed_page_by_page(api: Api) -> None:
    for name in ("ada/a", "ada/b", "bob/a"):
        assert (await put(api, f"/-/schedules/{name}")).status == 201

    first = await api.get("/-/schedules?limit=2")
    query = first.headers["Link"].partition(">")[0][1:]
    second = await api.get(f"/-/schedules{query}")

    names = [[f"{each['uid']}/{each['name']}" for each in page.json] for page in (first, second)]
    assert names == [["ada/a", "ada/b"], ["bob/a"]]
    assert "Link" not in second.headers


async def test_a_run_makes_a_job_at_once(api: Api) -> None:
    """Also where the schedule is paused."""
    await put(api, **HOURLY, paused=True)

    answer = await run(api)

    assert answer.status == 202
    job = answer.json
    assert answer.headers["Location"] == f"/ada/{job['id']}"
    assert (job["schedule"], job["task"], job["status"]) == ("nightly", "task1", "queued")
    (recent,) = (await api.get(PATH)).json["recent"]
    assert (recent["job"], recent["scheduled_for"]) == (job["id"], job["scheduled_for"])
    assert (await api.get(f"/ada/{job['id']}")).json["schedule"] == "nightly"


async def test_a_run_heeds_overlap(api: Api) -> None:
    await put(api, **HOURLY)
    await run(api)

    answer = await run(api)

    assert answer.status == 409
    assert answer.json["type"] == "urn:atlanscheduler:problem:schedule-overlap"
    await put(api, **HOURLY, overlap="queue_one")
    waiting = await run(api)
    assert (waiting.status, waiting.json["waits"]) == (202, {"for": "overlap", "until": None})


async def test_a_run_that_is_repeated_makes_one_job(api: Api) -> None:
    """The first answer may have been lost."""
    await put(api, **HOURLY)
    key = {"Idempotency-Key": "k1"}
    first, again = await run(api, **key), await run(api, **key)
    assert (first.status, again.status) == (202, 202)
    assert first.json["id"] == again.json["id"]
    await put(api, "/-/schedules/ada/other", **HOURLY)
    assert (await run(api, "/-/schedules/ada/other", **key)).status == 409


async def test_a_backfill_makes_up_for_what_has_no_job(api: Api) -> None:
    """One after the other, and each once."""
    await put(api, **HOURLY)

    jobs = (await backfill(api, "2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z")).json

    assert [job["scheduled_for"][11:13] for job in jobs] == ["00", "01", "02", "03"]
    assert {job["waits"]["for"] for job in jobs} == {"overlap"}
    again = await backfill(api, "2026-01-01T02:00:00Z", "2026-01-01T04:00:00Z")
    assert [job["scheduled_for"][11:13] for job in again.json] == ["04"]


async def test_a_backfill_has_bounds(api: Api) -> None:
    await put(api, **HOURLY)
    many = await backfill(api, "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z")
    assert "at most 100" in many.flaws["/to"]
    wrong = await backfill(api, "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")
    assert "not before from" in wrong.flaws["/to"]
    future = await backfill(api, "2096-01-01T00:00:00Z", "2096-01-01T09:00:00Z")
    assert (future.status, future.json) == (202, [])


async def test_a_preview_says_when_and_stores_nothing(api: Api) -> None:
    answer = await preview(
        api,
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        start_at="2096-03-24T00:00:00Z",
        count=2,
    )
    shown = answer.json
    assert shown["next"] == ["2096-03-24T01:30:00.000Z", "2096-03-25T01:00:00.000Z"]
    assert shown["local"] == ["2096-03-24T02:30:00+01:00", "2096-03-25T03:00:00+02:00"]
    assert shown["explained"] == "At 02:30 every day"
    assert shown["tzdata"] == TZDATA_VERSION
    assert len(shown["notes"]) == 1
    assert (await api.get("/-/schedules")).json == []
    assert len((await preview(api, every_s=60)).json["next"]) == 5
    assert len((await preview(api, cron="0 0 1 * 1")).json["notes"]) == 1


@pytest.mark.parametrize(
    ("order", "pointer", "words"),
    [
        ({"cron": "61 25 32 13 9"}, "/cron", "minute is '61', and takes 0 to 59; hour is '25'"),
        ({"cron": "0 0 30 2 *"}, "/cron", "none of its dates ever comes"),
        ({"cron": "* * *"}, "/cron", "it has 3 fields"),
        ({"cron": 7}, "/cron", "got 7; allowed: a cron expression of five fields"),
        ({"cron": "@daily", "every_s": 60}, "/cron", "both are given; allowed: exactly one"),
        ({}, "/every_s", "neither is given; allowed: exactly one"),
        ({"every_s": 0}, "/every_s", "got 0; allowed: seconds"),
        ({"every_s": 1.5}, "/every_s", "got 1.5; allowed: seconds"),
        ({"every_s": 60, "timezone": "Europe/Berln"}, "/timezone", "did you mean 'Europe/Berlin'"),
        ({"every_s": 60, "phase_s": 60}, "/phase_s", "got 60; allowed: less than every_s"),
        ({"cron": "@daily", "phase_s": 5}, "/phase_s", "got 5; allowed: less than every_s"),
        ({"every_s": 60, "phase_s": 1.5}, "/phase_s", "got 1.5; allowed: seconds by which"),
        ({"every_s": 60, "timezone": "xyzzy"}, "/timezone", "there is no such zone; allowed"),
        ({"every_s": 60, "start_at": "2026-01-01T00:00:00"}, "/start_at", "with its offset"),
    ],
)
async def test_times_that_mean_nothing_are_refused(
    api: Api, order: dict[str, Any], pointer: str, words: str
) -> None:
    """The field is named, with what came and what it takes; in a preview as well."""
    assert words in (await put(api, task="task1", **order)).flaws[pointer]
    assert words in (await preview(api, **order)).flaws[pointer]


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"task": "unknown"}, "/task", "there is no handler"),
        (
            {"start_at": "2027-01-02T00:00:00Z", "end_at": "2027-01-01T00:00:00Z"},
            "/end_at",
            "before",
        ),
        ({"misfire": "twice"}, "/misfire", "skip, once or all"),
        ({"overlap": "queue"}, "/overlap", "skip, queue_one, allow or replace"),
        ({"jitter_s": 1e9}, "/jitter_s", "0 to 3600"),
        ({"catchup_s": -1}, "/catchup_s", "0 to 604800"),
        ({"priority": 1e9}, "/priority", "from -86400"),
        ({"max_attempts": 0}, "/max_attempts", "from 1"),
        ({"hook": "ftp://x"}, "/hook", "http or https"),
        ({"note": "x" * 501}, "/note", "500 characters"),
        ({"paused": "yes"}, "/paused", "true or false"),
        ({"at": "noon"}, "/at", "unknown field"),
    ],
)
async def test_a_schedule_that_is_wrong_is_refused(
    api: Api, fields: dict[str, Any], pointer: str, words: str
) -> None:
    assert words in (await put(api, **{**HOURLY, **fields})).flaws[pointer]


@pytest.mark.parametrize("name", ["-x", "x" * 201, "a%00b"])
async def test_a_name_that_is_none_is_refused(api: Api, name: str) -> None:
    assert "characters" in (await put(api, f"/-/schedules/ada/{name}")).flaws["name"]


async def test_too_many_times_are_refused(api: Api) -> None:
    assert "1 to 100" in (await preview(api, every_s=60, count=101)).flaws["/count"]


@pytest.mark.parametrize("body", ["[]", "7", "null"])
async def test_a_body_that_is_no_object_is_refused(api: Api, body: str) -> None:
    for method, path in (
        ("PUT", PATH),
        ("POST", "/-/schedules/preview"),
        ("POST", f"{PATH}/backfill"),
    ):
        headers = {"Content-Type": "application/json"}
        answer = await api.ask(method, path, data=body, headers=headers)
        assert "as a JSON object" in answer.flaws[""] or "a JSON object with" in answer.flaws[""]


async def test_what_names_the_wrong_fields_needs_no_general_rule_beside_it(api: Api) -> None:
    """A wall of text hides the one word that is wrong."""
    fields = (await preview(api, cron="61 * * * *")).json["errors"]
    assert fields == [
        {"pointer": "/cron", "detail": "got \"61 * * * *\": minute is '61', and takes 0 to 59"}
    ]
    never = (await preview(api, cron="0 0 30 2 *")).json["detail"]
    assert never.endswith("month '2' has no day '30'")


@pytest.mark.parametrize("stopped", [{"paused": True}, {"remaining": 0}])
@pytest.mark.parametrize("begun", [None, "2020-01-01T00:00:00Z"])
async def test_a_schedule_makes_up_for_nothing_before_it_was_set_or_resumed(
    api: Api, monkeypatch: pytest.MonkeyPatch, begun: str | None, stopped: dict[str, Any]
) -> None:
    """Else a new one would begin with jobs for times at which nobody wanted any."""
    order = {**HOURLY, "misfire": "all", "catchup_s": 604_800, "start_at": begun}
    monkeypatch.setattr(api.store.schedules, "_now", api.clock.now)

    async def made_up() -> Sequence[datetime]:
        (found,) = await api.store.schedules.page("ada", limit=1)
        return due(found, api.clock.now()).made

    await put(api, **order)
    assert await made_up() == ()
    await put(api, **order, **stopped)
    api.clock.advance(10 * 3600)
    await put(api, **order)
    assert await made_up() == ()
    api.clock.advance(2 * 3600)
    assert len(await made_up()) == 2


async def test_the_times_of_an_interval_are_shifted(api: Api) -> None:
    """So that what is due each hour is not due at the full one."""
    shown = (await put(api, **HOURLY, phase_s=300, pause_after_failures=3)).json
    assert {each[13:] for each in shown["next"]} == {":05:00.000Z"}
    assert (shown["phase_s"], shown["pause_after_failures"]) == (300, 3)
    found = (await preview(api, every_s=3600, phase_s=300)).json
    assert found["explained"] == "Every 3600 seconds, counted from 1970 on in UTC, shifted by 300"


async def test_a_schedule_makes_no_more_jobs_than_it_has_left(api: Api) -> None:
    """No later times are shown; a run by hand does not count, and is made when there are none."""
    shown = (await put(api, **HOURLY, remaining=2)).json
    assert (shown["remaining"], len(shown["next"])) == (2, 2)
    shown = (await put(api, **HOURLY, remaining=0)).json
    assert (shown["remaining"], shown["next"]) == (0, [])
    assert (await run(api)).status == 202
    assert (await api.get(PATH)).json["remaining"] == 0


@pytest.mark.parametrize(
    ("note", "resumed"),
    [("paused after 3 failures in a row\nsales", "sales"), ("paused by me", None), ("a", "a")],
)
async def test_a_schedule_that_is_resumed_does_not_say_why_it_was_paused(
    api: Api, note: str, resumed: str | None
) -> None:
    """What its user wrote stays."""
    assert (await put(api, **HOURLY, paused=True, note=note)).json["note"] == note
    assert (await put(api, **HOURLY, note=note)).json["note"] == resumed


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+05:00"])
async def test_a_time_before_which_there_is_none_is_refused(api: Api, time: str) -> None:
    """It is the least that many languages have, and stands for nothing in some of them."""
    await put(api, **HOURLY)

    answers = {
        "/start_at": await put(api, **HOURLY, start_at=time),
        "/end_at": await put(api, **HOURLY, end_at=time),
        "/from": await backfill(api, time, "2026-01-01T00:00:00Z"),
    }

    for field, answer in answers.items():
        assert answer.status == 400
        assert "a time with its offset (RFC 3339)" in answer.flaws[field]
    assert (await preview(api, cron="@daily", start_at=time)).status == 400


async def test_a_schedule_in_a_zone_that_only_other_nodes_know_is_shown_without_times(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are of a later version; the others of its page have theirs."""
    await put(api)
    await put(api, "/-/schedules/ada/other", **HOURLY)
    monkeypatch.setattr(timing, "zone", unknown)

    shown = (await api.get("/-/schedules?uid=ada")).json

    assert [(each["name"], len(each["next"])) for each in shown] == [("nightly", 0), ("other", 5)]
    assert (await api.get(PATH)).json["next"] == []
    assert [each["name"] for each in (await api.get("/-/ui/data/calendar?uid=ada")).json] == [
        "nightly",
        "other",
    ]
