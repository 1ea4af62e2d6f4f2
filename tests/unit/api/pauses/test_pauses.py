"""Pause, resume and list over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.api.requests.cursor import encode_name
from scheduler.core.access.audit import AuditFilter
from tests.unit.api.conftest import Api, Response
from tests.unit.api.order.test_submit_order import JOB, in_s

TASK = "/-/pauses/task/task1"


async def put(api: Api, path: str = TASK, **order: object) -> Response:
    return await api.ask("PUT", path, json=order)


async def names(api: Api, query: str = "") -> list[str]:
    return [f"{each['kind']}/{each['name']}" for each in (await api.get(f"/-/pauses{query}")).json]


async def recorded(api: Api) -> list[Any]:
    return list(await api.store.audit.page(AuditFilter(), limit=10))[::-1]


async def test_a_pause_is_shown_until_it_is_ended(api: Api) -> None:
    until = in_s(600)

    answer = await put(api, reason="repair", until=until)

    assert answer.status == 200
    assert answer.json == {
        "kind": "task",
        "name": "task1",
        "reason": "repair",
        "until": answer.json["until"],
        "paused_at": answer.json["paused_at"],
        "by": None,
    }
    assert (await api.get("/-/pauses")).json == [answer.json]
    ended = await api.ask("DELETE", TASK)
    assert (ended.status, ended.json) == (200, answer.json)
    assert (await api.get("/-/pauses")).json == []


async def test_a_pause_needs_no_body(api: Api) -> None:
    answer = await api.ask("PUT", TASK)

    assert (answer.status, answer.json["reason"], answer.json["until"]) == (200, None, None)


async def test_a_second_pause_replaces_reason_and_end(api: Api) -> None:
    first = await put(api, reason="repair", until=in_s(600))

    second = await put(api, reason="move")

    assert (second.json["reason"], second.json["until"]) == ("move", None)
    assert second.json["paused_at"] == first.json["paused_at"]
    assert len((await api.get("/-/pauses")).json) == 1


async def test_what_is_not_paused_cannot_be_resumed(api: Api) -> None:
    answer = await api.ask("DELETE", "/-/pauses/uid/ada")

    assert (answer.status, answer.json["detail"]) == (404, "uid 'ada' is not paused")


@pytest.mark.parametrize("path", ["/-/pauses/task/nobody", "/-/pauses/uid/ada", "/-/pauses/node/x"])
async def test_what_is_paused_need_not_be_there(api: Api, path: str) -> None:
    """It may come: a handler that is being written, a node that starts tomorrow."""
    assert (await put(api, path)).status == 200


async def test_a_name_may_have_any_printable_sign(api: Api) -> None:
    answer = await put(api, "/-/pauses/task/a%2Fb%20%C3%A4")

    assert answer.json["name"] == "a/b ä"
    assert await names(api) == ["task/a/b ä"]
    assert (await api.ask("DELETE", "/-/pauses/task/a%2Fb%20%C3%A4")).status == 200


async def test_pauses_are_listed_page_by_page(api: Api) -> None:
    for name in ("uid/b", "node/a", "task/a%2Fb", "uid/a"):
        await put(api, f"/-/pauses/{name}")

    first = await api.get("/-/pauses?limit=2")
    following = first.headers["Link"].partition("<")[2].partition(">")[0]
    second = await api.get(f"/-/pauses{following}")

    assert await names(api, "?limit=2") == ["node/a", "task/a/b"]
    assert [each["name"] for each in second.json] == ["a", "b"]
    assert "Link" not in second.headers
    assert await names(api, "?kind=uid") == ["uid/a", "uid/b"]


@pytest.mark.parametrize("name", ["ada/nightly", "task/a\x00"])
async def test_the_end_of_a_page_of_something_else_is_refused(api: Api, name: str) -> None:
    """Such as that of a list of schedules, or one that somebody made up."""
    answer = await api.get(f"/-/pauses?after={encode_name(name)}")

    assert answer.status == 400
    assert [each["pointer"] for each in answer.json["errors"]] == ["after"]


@pytest.mark.parametrize(
    ("path", "order", "pointer", "said"),
    [
        ("/-/pauses/tsk/x", {}, "kind", 'got "tsk"; allowed: one of task, uid, node'),
        (f"/-/pauses/task/{'x' * 201}", {}, "name", "1 to 200 characters"),
        (TASK, {"until": "2020-01-01T00:00:00Z"}, "/until", "past by the clock of the store"),
        (TASK, {"until": "2026-11-30T10:00:00"}, "/until", "it has no offset"),
        (TASK, {"until": in_s(400 * 86_400)}, "/until", "more than a year ahead"),
        (TASK, {"until": 5}, "/until", "got 5; allowed: when the pause ends"),
        (TASK, {"reason": "x" * 501}, "/reason", "at most 500 characters"),
        (TASK, {"untill": None}, "/untill", "did you mean 'until'?"),
        (TASK, [], "", "got an array; allowed: a JSON object with reason, until"),
    ],
)
async def test_bad_input_is_refused_in_words(
    api: Api, path: str, order: object, pointer: str, said: str
) -> None:
    answer = await api.ask("PUT", path, json=order)

    assert answer.status == 400
    (flaw,) = answer.json["errors"]
    assert flaw["pointer"] == pointer
    assert said in flaw["detail"]
    assert await names(api) == []


async def test_a_job_says_which_pause_it_waits_for(api: Api) -> None:
    """Also one that was queued before, which no worker has met yet."""
    job_id = await api.submit()
    pause = (await put(api, "/-/pauses/uid/u1", reason="repair", until=in_s(600))).json
    await put(api, until=in_s(60))

    waits = {
        "for": "paused",
        "until": pause["until"],
        "pause": {"kind": "uid", "name": "u1", "reason": "repair", "by": None},
    }
    assert (await api.get(f"/u1/{job_id}")).json["waits"] == waits
    assert (await api.get("/u1")).json[0]["waits"] == waits
    assert (await api.post(JOB)).json["waits"] == waits
    events = await api.client.get(f"/u1/{job_id}/events")
    async for line in events.content:
        if line.startswith(b"data:"):
            assert b'"for":"paused"' in line
            break
    events.close()


async def test_a_job_with_a_time_to_come_waits_for_that_first(api: Api) -> None:
    await put(api)

    job = (await api.post({**JOB, "run_at": in_s(600)})).json

    assert job["waits"]["for"] == "run_at"


async def test_an_abort_of_a_paused_job_is_done_at_once(api: Api) -> None:
    await put(api)
    job_id = (await api.post(JOB)).json["id"]

    answer = await api.ask("DELETE", f"/u1/{job_id}")

    assert (answer.status, answer.json["status"], answer.json["waits"]) == (200, "aborted", None)


async def test_a_paused_node_is_ready_and_says_that_it_is_paused(api: Api) -> None:
    """Its API works: a load balancer goes on to send requests to it."""
    pause = (await put(api, "/-/pauses/node/node-a", reason="repair")).json

    answer = await api.get("/-/ready")

    assert (answer.status, answer.json) == (200, {"status": "ready", "paused": True})
    assert pause["kind"] == "node"


async def test_each_deed_has_one_record(api: Api) -> None:
    """And what changed nothing has none."""
    for _ in range(2):
        await put(api, reason="repair")
    await api.ask("DELETE", TASK)
    await api.ask("DELETE", TASK)

    found = [(each.action, each.target, dict(each.detail)) for each in await recorded(api)]

    assert found == [
        ("pause", "task/task1", {"reason": "repair"}),
        ("resume", "task/task1", {}),
    ]
