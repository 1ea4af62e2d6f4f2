"""What the dashboard draws around a job: those that it comes after, and those after it."""

from __future__ import annotations

from scheduler.service.lookup import NEIGHBOURS_SHOWN_MAX
from tests.support.stores import claimed, end
from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1"}


async def test_a_job_has_its_neighbours_around_it(api: Api) -> None:
    few = [{**JOB, "ref": f"a{number}"} for number in range(3)]
    middle = {**JOB, "task": "task2", "ref": "b", "after": ["#a2", "#a0", "#a1"]}
    many = [{**JOB, "after": ["#b"]} for _ in range(NEIGHBOURS_SHOWN_MAX + 1)]
    ids = [job["id"] for job in (await api.post([*few, middle, *many])).json]

    around = (await api.get(f"/-/ui/data/job?uid=u1&id={ids[3]}")).json

    assert [each["id"] for each in around["before"]] == [ids[2], ids[0], ids[1]]
    assert around["before"][0] == {"id": ids[2], "task": "task1", "status": "queued"}
    assert [each["id"] for each in around["behind"]] == ids[4:-1]
    assert around["behind_more"] is True
    of_last = (await api.get(f"/-/ui/data/job?uid=u1&id={ids[-1]}")).json
    assert [each["task"] for each in of_last["before"]] == ["task2"]
    assert (of_last["behind"], of_last["behind_more"]) == ([], False)


async def test_of_many_before_it_those_are_shown_for_which_it_still_waits(api: Api) -> None:
    """Whoever looks at a job that waits wants to know for what."""
    many = [{**JOB, "ref": f"a{number}"} for number in range(NEIGHBOURS_SHOWN_MAX + 3)]
    after = [f"#{each['ref']}" for each in many]
    ids = [job["id"] for job in (await api.post([*many, {**JOB, "after": after}])).json]
    for job_id in ids[:-2]:
        claim = await claimed(api.store, job_id)
        await api.store.settle([end(claim)])
    await api.store.dependencies.resolve(limit=100)

    around = (await api.get(f"/-/ui/data/job?uid=u1&id={ids[-1]}")).json

    shown = [ids[-2], *ids[: NEIGHBOURS_SHOWN_MAX - 1]]
    assert [each["id"] for each in around["before"]] == shown


async def test_how_many_of_a_group_an_abort_would_end(api: Api) -> None:
    await api.post([{**JOB, "group": "g"}, {**JOB, "group": "g"}, JOB])

    asked = await api.get("/-/ui/data/unfinished?uid=u1&group=g")

    assert asked.json == {"users": {"u1": 2}, "exact": True}
