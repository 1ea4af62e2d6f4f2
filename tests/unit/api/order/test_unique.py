"""Jobs with unique keys: what the API takes, and what it answers."""

from __future__ import annotations

import pytest

from tests.unit.api.conftest import Api

JOB = {"uid": "u1", "task": "task1", "unique": {"key": "k"}}


def having(on_conflict: str, **more: object) -> dict[str, object]:
    return {**JOB, "unique": {"key": "k", "on_conflict": on_conflict}, **more}


async def test_a_further_job_is_answered_with_the_one_that_is_there(api: Api) -> None:
    """200, and it says so: nothing new was made."""
    first = await api.post(JOB)
    again = await api.post(JOB)

    assert first.json["unique"] == {"key": "k", "on_conflict": "existing"}
    assert (first.status, "deduplicated" in first.json) == (202, False)
    assert (again.status, again.json) == (200, {**first.json, "deduplicated": True})
    assert again.headers["Location"] == first.headers["Location"]


async def test_a_further_job_is_refused_with_the_one_that_is_there(api: Api) -> None:
    first = (await api.post(JOB)).json

    answer = await api.post(having("reject"))
    assert (answer.status, answer.json["type"].rpartition(":")[2]) == (409, "unique-key-taken")
    assert answer.json["job"]["id"] == first["id"]


async def test_a_further_job_takes_the_place_of_the_one_that_waits(api: Api) -> None:
    first = (await api.post(JOB)).json

    answer = await api.post(having("replace"))
    assert (answer.status, answer.json["waits"]) == (202, None)
    old = (await api.get(f"/u1/{first['id']}")).json
    assert (old["status"], old["replaced_by"]) == ("aborted", answer.json["id"])
    assert old["abort"]["reason"] == f"replaced by {answer.json['id']}"


async def test_a_further_job_waits_for_the_end_of_the_one_that_runs(api: Api) -> None:
    """Its abort is requested as by any other request."""
    first = (await api.post(JOB)).json
    await api.start(first["id"])

    job = (await api.post(having("replace"))).json
    assert (job["waits"], job["replaces"]) == ({"for": "unique", "until": None}, first["id"])
    assert await api.queue.abort_announced(first["id"])


async def test_an_array_says_which_ones_were_there(api: Api) -> None:
    first = (await api.post(JOB)).json

    answer = await api.post([{**JOB, "task": "task2"}, JOB])
    assert answer.status == 202
    assert [each.get("deduplicated", False) for each in answer.json] == [False, True]
    assert answer.json[1]["id"] == first["id"]
    assert (await api.post([JOB])).status == 200


async def test_an_idempotency_key_is_that_of_the_request(api: Api) -> None:
    """The same request again has the same job, also where it has ended since."""
    first = await api.post(having("replace"), **{"Idempotency-Key": "a"})
    again = await api.post(having("replace"), **{"Idempotency-Key": "a"})
    other = await api.post(having("reject"), **{"Idempotency-Key": "a"})

    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert other.status == 409
    assert other.json["type"].endswith("conflict")


@pytest.mark.parametrize(
    "wrong",
    [
        "k",
        {},
        {"key": ""},
        {"key": 7},
        {"key": "k", "on_conflict": "both"},
        {"key": "k", "scope": "all"},
    ],
)
async def test_what_is_no_unique_key_is_refused(api: Api, wrong: object) -> None:
    answer = await api.post({**JOB, "unique": wrong})

    assert "an object with key, 1 to 200 characters" in answer.flaws["/unique"]
    assert "existing, reject, replace" in answer.flaws["/unique"]
    assert api.stored == 0


async def test_two_jobs_of_one_array_cannot_have_one_key(api: Api) -> None:
    answer = await api.post([JOB, {**JOB, "task": "task2"}, JOB])

    assert "/0" in answer.flaws["/2/unique/key"]


@pytest.mark.parametrize("more", [{"ref": "a"}, {"after": ["#b"]}])
async def test_a_job_with_a_key_has_no_place_in_an_order_of_jobs(
    api: Api, more: dict[str, object]
) -> None:
    """It may be answered with another job, or wait for one: an order would assume a new one."""
    (name,) = more
    answer = await api.post([{"uid": "u1", "task": "task1", "ref": "b"}, {**JOB, **more}])

    said = answer.flaws["/1/unique"]
    assert answer.status == 400
    assert said.startswith(f"got an object: there is {name} as well; leave one of the two out")
    assert said.endswith("not together with ref or after")
    assert api.stored == 0


async def test_a_re_run_has_a_key_only_where_it_names_one(api: Api) -> None:
    """Else a job that is run again while its successor waits would abort that one."""
    first = (await api.post(JOB)).json
    await api.delete(f"/u1/{first['id']}")
    path = f"/u1/{first['id']}/rerun"

    plain = await api.ask("POST", path)
    keyed = await api.ask("POST", path, json={"unique": {"key": "k"}})
    again = await api.ask("POST", path, json={"unique": {"key": "k"}})
    assert (plain.json["unique"], keyed.json["unique"]["key"]) == (None, "k")
    assert (again.status, again.json["id"]) == (200, keyed.json["id"])
    assert again.json["deduplicated"]


async def test_a_re_run_is_refused_where_another_job_has_its_key(api: Api) -> None:
    first = (await api.post(JOB)).json
    await api.delete(f"/u1/{first['id']}")
    second = (await api.post(JOB)).json

    answer = await api.ask(
        "POST", f"/u1/{first['id']}/rerun", json={"unique": {"key": "k", "on_conflict": "reject"}}
    )

    assert (answer.status, answer.json["type"].rpartition(":")[2]) == (409, "unique-key-taken")
    assert answer.json["job"]["id"] == second["id"]
