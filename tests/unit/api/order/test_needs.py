"""Which node may run a job: what the API takes, and what it answers."""

from __future__ import annotations

import pytest

from scheduler.core.job import Order
from scheduler.core.places.labels import LANES_MAX
from tests.support.stores import new, node
from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1"}


async def test_a_job_says_which_labels_it_needs(api: Api) -> None:
    """Each once, and in order: so the same needs are the same lane."""
    await api.store.register(node(labels=["gpu", "zone=eu"]))

    answer = await api.post({**JOB, "needs": ["zone=eu", "gpu", "zone=eu"]})

    assert (answer.status, answer.json["needs"], answer.json["waits"]) == (
        202,
        ["gpu", "zone=eu"],
        None,
    )
    assert [*api.queue.server.lines.waiting] == [("u1", "gpu,zone=eu")]
    assert (await api.get(answer.headers["Location"])).json == answer.json


async def test_a_job_that_says_nothing_needs_nothing(api: Api) -> None:
    for body in (JOB, {**JOB, "needs": []}):
        answer = await api.post(body)
        assert (answer.status, answer.json["needs"]) == (202, [])


@pytest.mark.parametrize("needs", [["gpx"], ["gpu", "tpu"]])
async def test_a_label_that_nobody_has_is_refused_with_those_that_are_there(
    api: Api, needs: list[str]
) -> None:
    """Else it would wait for ever for what was mistyped."""
    await api.store.register(node(labels=["gpu", "zone=eu"]))

    answer = await api.post({**JOB, "needs": needs})

    assert api.stored == 0
    assert "zone=eu" in answer.flaws["/needs"]
    assert needs[-1] in answer.flaws["/needs"]


async def test_a_repetition_is_answered_when_the_node_with_the_label_has_gone(api: Api) -> None:
    """The answer was lost as that node was stopped: the job is stored, and was not refused."""
    await api.store.register(node(labels=["gpu"]))
    body, key = {**JOB, "needs": ["gpu"]}, {"Idempotency-Key": "k1"}
    first = await api.post(body, **key)
    await api.store.bury("a1")

    again = await api.post(body, **key)
    assert (first.status, again.status, again.json["id"]) == (202, 200, first.json["id"])
    assert (await api.post({**body, "data": 1}, **key)).status == 409
    assert (await api.post(body, **{"Idempotency-Key": "k2"})).status == 400


async def test_without_any_labels_the_answer_says_where_they_come_from(api: Api) -> None:
    answer = await api.post([JOB, {**JOB, "needs": ["gpu"]}])

    assert "[node] labels" in answer.flaws["/1/needs"]


@pytest.mark.parametrize(
    "wrong", ["gpu", [1], ["a b"], ["-x"], ["a,b"], ["x" * 64], [str(n) for n in range(9)], None]
)
async def test_what_is_no_list_of_labels_is_refused(api: Api, wrong: object) -> None:
    """It names the field, and what is allowed."""
    answer = await api.post({**JOB, "needs": wrong})

    assert "an array of at most 8" in answer.flaws["/needs"]


async def test_the_answer_says_which_label_is_wrong_and_how_many_there_are(api: Api) -> None:
    wrong = await api.post({**JOB, "needs": ["zone=eu", "a b"]})
    many = await api.post({**JOB, "needs": [str(n) for n in range(9)]})

    assert "its item 1 is no label" in wrong.flaws["/needs"]
    assert "these are 9 labels" in many.flaws["/needs"]


async def test_a_job_that_no_live_node_can_take_says_so(api: Api) -> None:
    """Found when somebody asks: nothing is to be undone when a node comes."""
    await api.store.register(node("a1", labels=["gpu"]))
    path = (await api.post({**JOB, "needs": ["gpu"]})).headers["Location"]
    assert (await api.get(path)).json["waits"] is None

    await api.store.bury("a1")
    await api.store.register(node("a2"))
    api.clock.advance(2)
    assert (await api.get(path)).json["waits"] == {
        "for": "no_node",
        "until": None,
        "missing": ["gpu"],
    }
    listed = (await api.get("/u1")).json
    assert [job["waits"] for job in listed] == [(await api.get(path)).json["waits"]]

    await api.store.register(node("a3", labels=["gpu"]))
    assert (await api.get(path)).json["waits"] is None, "it is looked at again at once"


async def test_a_job_that_needs_nothing_waits_for_nodes_that_take_all(api: Api) -> None:
    await api.store.register(node(labels=["gpu"], only=["gpu"]))
    path = (await api.post(JOB)).headers["Location"]

    assert (await api.get(path)).json["waits"] == {"for": "no_node", "until": None, "missing": []}


async def test_there_is_room_for_so_many_different_needs(api: Api) -> None:
    """Each is a lane that nodes ask."""
    labels = [f"l{number}" for number in range(LANES_MAX)]
    await api.store.register(node(labels=labels))
    await api.store.insert([new("u1", order=Order(needs=(label,))) for label in labels[1:]])
    await api.store.insert([new("u1", order=Order(needs=("l0", "l1")))])

    refused = await api.post({**JOB, "needs": ["l0"]})
    assert f"{LANES_MAX} different needs" in refused.flaws["/needs"]
    assert (await api.post({**JOB, "needs": ["l1"]})).status == 202


async def test_held_jobs_and_re_runs_count_too(api: Api) -> None:
    """Else somebody would make lanes without end, and each is asked for each job that begins."""
    labels = [f"l{number}" for number in range(LANES_MAX)]
    await api.store.register(node(labels=labels))
    job = (await api.post({**JOB, "needs": ["l0"]})).json
    await api.delete(f"/u1/{job['id']}")
    for label in labels[1:]:
        assert (await api.post({**JOB, "needs": [label], "delay_s": 60})).status == 202
    assert (await api.post({**JOB, "needs": ["l0", "l1"], "delay_s": 60})).status == 202

    refused = [
        await api.post({**JOB, "needs": ["l0"], "delay_s": 60}),
        await api.ask("POST", f"/u1/{job['id']}/rerun"),
        await api.ask("POST", f"/u1/{job['id']}/rerun", json={"needs": ["l0", "l2"]}),
    ]
    assert {f"{LANES_MAX} different needs" in each.flaws["/needs"] for each in refused} == {True}
    many = {"uid": "u1", "status": ["aborted"], "limit": 9}
    assert (await api.ask("POST", "/-/reruns", json=many)).status == 400
    again = await api.ask("POST", f"/u1/{job['id']}/rerun", json={"needs": ["l1"]})
    assert again.status == 202


async def test_a_re_run_needs_the_same(api: Api) -> None:
    """Unless it says something else, which must be there."""
    await api.store.register(node(labels=["gpu", "zone=eu"]))
    job = (await api.post({**JOB, "needs": ["gpu"]})).json
    await api.delete(f"/u1/{job['id']}")

    again = await api.ask("POST", f"/u1/{job['id']}/rerun")
    other = await api.ask("POST", f"/u1/{job['id']}/rerun", json={"needs": ["zone=eu"]})
    wrong = await api.ask("POST", f"/u1/{job['id']}/rerun", json={"needs": ["tpu"]})
    assert (again.json["needs"], other.json["needs"]) == (["gpu"], ["zone=eu"])
    assert "zone=eu" in wrong.flaws["/needs"]


async def test_every_answer_says_that_no_live_node_can_take_the_job(api: Api) -> None:
    await api.store.register(node("a1", labels=["gpu"]))
    job = (await api.post({**JOB, "needs": ["gpu"]})).json
    old = (await api.post({**JOB, "needs": ["gpu"]})).json
    await api.delete(f"/u1/{old['id']}")
    await api.store.bury("a1")
    await api.store.register(node("a2"))
    api.clock.advance(2)
    no_node = {"for": "no_node", "until": None, "missing": ["gpu"]}

    changed = await api.ask("PATCH", f"/u1/{job['id']}", json={"priority": 5})
    again = await api.ask("POST", f"/u1/{old['id']}/rerun")

    assert (changed.json["priority"], changed.json["waits"]) == (5, no_node)
    assert (again.status, again.json["waits"]) == (202, no_node)


async def test_nodes_say_what_they_have(api: Api) -> None:
    await api.store.register(node(labels=["gpu", "zone=eu"], only=["gpu"]))

    (found,) = (await api.get("/-/nodes")).json
    assert (found["labels"], found["only"]) == (["gpu", "zone=eu"], ["gpu"])
