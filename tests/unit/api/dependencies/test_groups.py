"""Groups over HTTP: listed, counted and aborted."""

from __future__ import annotations

from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1"}


async def filled(api: Api) -> list[str]:
    answer = await api.post(
        [{**JOB, "group": "g"}, {**JOB, "group": "g", "delay_s": 60}, JOB, {**JOB, "group": "h"}]
    )
    return [job["id"] for job in answer.json]


async def test_a_group_is_listed(api: Api) -> None:
    ids = await filled(api)

    for path in ("/u1?group=g", "/-/jobs?uid=u1&group=g"):
        assert [job["id"] for job in (await api.get(path)).json] == [ids[1], ids[0]]
    assert (await api.get("/u2?group=g")).json == []


async def test_a_group_without_its_user_is_refused(api: Api) -> None:
    answer = await api.get("/-/jobs?group=g")

    assert answer.status == 400
    assert [each["pointer"] for each in answer.json["errors"]] == ["uid"]
    assert "a group is one user's" in answer.json["errors"][0]["detail"]


async def test_how_far_a_group_is(api: Api) -> None:
    await filled(api)

    assert (await api.get("/-/groups/u1/g")).json == {
        "uid": "u1",
        "group": "g",
        "jobs": 2,
        "ended": 0,
        "is_exact": True,
        "counts": {"queued": 2, "running": 0, "successful": 0, "terminated": 0, "aborted": 0},
        "held": 1,
    }
    assert (await api.get("/-/groups/u1/unknown")).json["jobs"] == 0
    assert (await api.get("/-/groups/u1/-g")).status == 400


async def test_a_group_is_aborted(api: Api) -> None:
    ids = await filled(api)

    answer = await api.delete("/u1?group=g")

    assert answer.json == {"aborted": 2, "aborting": 0}
    statuses = {job["id"]: job["status"] for job in (await api.get("/u1")).json}
    assert [statuses[each] for each in ids] == ["aborted", "aborted", "queued", "queued"]
    assert (await api.get("/-/groups/u1/g")).json["ended"] == 2
