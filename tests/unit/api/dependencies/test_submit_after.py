"""Submitting jobs that wait for others: what is answered, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1"}
NOBODY = "00000000-0000-7000-8000-000000000000"


async def refused(api: Api, body: Any, *, stored: int = 0) -> list[tuple[str, str]]:  # noqa: ANN401
    """The places and the words of what is wrong."""
    answer = await api.post(body)
    assert answer.status == 400
    assert api.stored == stored
    return [(each["pointer"], each["detail"]) for each in answer.json["errors"]]


async def test_jobs_of_an_array_wait_for_each_other_by_their_refs(api: Api) -> None:
    answer = await api.post(
        [
            {**JOB, "ref": "a"},
            {**JOB, "ref": "b", "after": ["#a"]},
            {**JOB, "after": ["#b", "#a"], "after_if": "end", "group": "g"},
        ]
    )

    assert answer.status == 202
    first, second, third = answer.json
    assert (first["after"], first["after_if"], first["waits"]) == ([], None, None)
    assert second["after"] == [{"id": first["id"], "ref": "a"}]
    assert second["after_if"] == "success"
    assert second["waits"] == {"for": "after", "until": None}
    assert third["after"] == [
        {"id": second["id"], "ref": "b"},
        {"id": first["id"], "ref": "a"},
    ]
    assert (third["after_if"], third["group"]) == ("end", "g")
    assert list(api.queue.server.ids) == [first["id"]]
    found = (await api.get(f"/u1/{first['id']}")).json
    assert found["successors"] == [second["id"], third["id"]]
    assert (await api.get(f"/u1/{third['id']}")).json == third
    (_, _, listed) = (await api.get("/u1")).json
    assert listed["successors"] is None


async def test_a_job_waits_for_one_that_is_there(api: Api) -> None:
    first = (await api.post(JOB)).json

    answer = await api.post({**JOB, "after": [first["id"].upper()]})

    assert answer.status == 202
    assert answer.json["after"] == [{"id": first["id"], "ref": None}]


async def test_an_unknown_id_and_a_foreign_one_are_refused_in_the_same_words(api: Api) -> None:
    """Else anybody could find out which jobs others have."""
    mine, foreign = (await api.post([JOB, {**JOB, "uid": "u2"}])).json
    answers = []
    for name in (NOBODY, foreign["id"]):
        body = [{**JOB}, {**JOB, "after": [mine["id"], name]}]
        ((pointer, detail),) = await refused(api, body, stored=2)
        answers.append((pointer, detail.replace(name, "ID")))

    assert answers[0] == answers[1]
    assert answers[0][0] == "/1/after/1"
    assert answers[0][1].startswith('the user "u1" has no job ID; allowed: ids of his jobs')


async def test_of_a_single_job_the_place_has_no_number(api: Api) -> None:
    ((pointer, _),) = await refused(api, {**JOB, "after": [NOBODY]})

    assert pointer == "/after/0"


@pytest.mark.parametrize(
    ("jobs", "pointer", "detail"),
    [
        ([{"ref": "a"}, {"ref": "a"}], "/1/ref", "is the ref of /0 already"),
        ([{"after": ["#b"]}, {"ref": "b"}], "/0/after/0", 'no job with the ref "b" before'),
        ([{"ref": "a", "after": ["#a"]}], "/0/after/0", 'no job with the ref "a" before'),
        ([{"ref": "a", "uid": "u2"}, {"after": ["#a"]}], "/1/after/0", 'is a job of "u2"'),
        ([{"after": [NOBODY, NOBODY]}], "/0/after", "more than once"),
        ([{"after": ["x"]}], "/0/after", "its item 0 is no id"),
        ([{"after": "x"}], "/0/after", 'got "x"'),
        ([{"after": [7]}], "/0/after", "its item 0 is no id"),
        ([{"after": [f"#{n}" for n in range(1001)]}], "/0/after", "these are 1001 jobs"),
        ([{"after_if": "failure"}], "/0/after_if", "success"),
        ([{"ref": "a b"}], "/0/ref", "letters"),
        ([{"group": "a/b"}], "/0/group", "1 to 200 characters"),
        ([{"group": ".."}], "/0/group", "would mean a step"),
        ([{"group": ""}], "/0/group", "1 to 200 characters"),
    ],
)
async def test_what_is_wrong_is_named(
    api: Api, jobs: list[dict[str, Any]], pointer: str, detail: str
) -> None:
    found = await refused(api, [{**JOB, **each} for each in jobs])

    assert [each[0] for each in found] == [pointer]
    assert detail in found[0][1]


async def test_what_follows_from_another_flaw_is_not_told(api: Api) -> None:
    """The job with the ref is there, and has a flaw of its own."""
    found = await refused(api, [{**JOB, "ref": "a", "task": "x"}, {**JOB, "after": ["#a"]}])

    assert [pointer for pointer, _ in found] == ["/0/task"]


async def test_a_request_makes_so_many_relations_at_most(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are stored in one transaction, for which the writes of all others wait."""
    monkeypatch.setattr("scheduler.api.requests.submissions.EDGES_MAX", 2)
    first = [{**JOB, "ref": "a"}, {**JOB, "ref": "b", "after": ["#a"]}]
    assert (await api.post([*first, {**JOB, "after": ["#b"]}])).status == 202

    ((pointer, detail),) = await refused(api, [*first, {**JOB, "after": ["#a", "#b"]}], stored=3)

    assert pointer == "/2/after"
    assert "wait for 3 jobs" in detail


async def test_the_same_key_gives_the_same_jobs_again_and_with_other_edges_a_conflict(
    api: Api,
) -> None:
    body: list[dict[str, Any]] = [{**JOB, "ref": "a"}, {**JOB, "after": ["#a"]}]
    key = {"Idempotency-Key": "k"}
    first = await api.post(body, **key)

    again = await api.post(body, **key)
    other = await api.post([body[0], {**body[1], "after_if": "end"}], **key)

    assert (first.status, again.status, other.status) == (202, 200, 409)
    assert [job["id"] for job in again.json] == [job["id"] for job in first.json]
    assert api.stored == 2
