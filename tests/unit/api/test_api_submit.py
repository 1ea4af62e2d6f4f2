"""Submitting: a job that gets a 2xx is stored once, as it was sent, and will run."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.api.conftest import Api

NOBODYS = "019ab000-0000-7000-8000-ffffffffffff"
KEYS = [
    "id",
    "uid",
    "status",
    "task",
    "data",
    "hook",
    "parent",
    "result",
    "error",
    "progress",
    "attempt",
    "node",
    "created_at",
    "started_at",
    "finished_at",
    "abort",
    "submitted_by",
    "priority",
    "run_at",
    "start_within_s",
    "eligible_at",
    "waits",
    "rerun_of",
    "max_attempts",
    "hook_retries",
    "needs",
    "unique",
    "replaces",
    "replaced_by",
    "schedule",
    "scheduled_for",
    "attempts",
    "after",
    "after_if",
    "successors",
    "group",
]


async def test_a_submitted_job_is_answered_as_it_is_stored(api: Api) -> None:
    hook = "https://example.org/hook?a=b"
    answer = await api.post({"uid": "u1", "task": "task1", "data": {"n": 30}, "hook": hook})

    job = answer.json
    assert answer.status == 202
    assert list(job) == KEYS, "the contract's keys, in its order"
    assert (job["uid"], job["task"], job["data"], job["hook"]) == ("u1", "task1", {"n": 30}, hook)
    assert (job["status"], job["attempt"], job["abort"]) == ("queued", 0, None)
    assert job["created_at"] == "2026-03-01T12:00:00.123Z"
    assert job == (await api.get(answer.headers["Location"])).json


async def test_a_submitted_job_is_enqueued(api: Api) -> None:
    job_id = await api.submit()

    assert api.queue.server.ids == [job_id]


async def test_a_parent_is_kept_in_the_spelling_of_ids(api: Api) -> None:
    """Ids are compared as text: by the store, and by whoever looks for the children of a job."""
    parent = await api.submit()

    answer = await api.post({"uid": "u1", "task": "task1", "parent": parent.upper()})

    assert answer.json["parent"] == parent
    (listed,) = (await api.get(f"/u1?parent={parent.upper()}")).json
    assert listed == answer.json


async def test_the_parent_may_be_any_id_also_another_users(api: Api) -> None:
    """It gives no right to that job, and says nothing about it."""
    theirs = await api.submit("u2")

    assert (await api.get(f"/u1/{await api.submit(parent=theirs)}")).json["parent"] == theirs
    assert (await api.get(f"/u2?parent={theirs}")).json == []


async def test_the_same_request_of_another_job_is_still_the_same(api: Api) -> None:
    """The parent says who asks, not for what: two attempts of one order have one key."""
    order = {"uid": "u1", "task": "task1"}
    first = await api.post({**order, "parent": NOBODYS}, **{"Idempotency-Key": "k"})
    again = await api.post(order, **{"Idempotency-Key": "k"})

    assert (again.status, again.json) == (200, first.json)


async def test_a_child_of_a_job_that_was_aborted_with_its_children_is_refused(api: Api) -> None:
    parent = await api.submit()
    await api.delete(f"/u1/{parent}?children=true")

    answer = await api.post([{"uid": "u1", "task": "task1", "parent": parent}])

    assert answer.status == 409
    assert answer.json["type"] == "urn:atlanscheduler:problem:parent-aborted"
    assert parent in answer.json["detail"]
    assert api.stored == 1


async def test_data_and_hook_may_be_left_out(api: Api) -> None:
    job = (await api.post({"uid": "u1", "task": "task1"})).json

    assert (job["data"], job["hook"]) == (None, None)


async def test_a_job_is_taken_while_the_queue_is_away(api: Api) -> None:
    """The store has it; the sweeper enqueues it later."""
    api.queue.away = True

    await api.submit()

    assert api.stored == 1


@pytest.mark.parametrize(
    ("sent", "uid", "path"),
    [
        (7, "7", "/7"),
        (2**64 - 1, str(2**64 - 1), f"/{2**64 - 1}"),
        ("a b", "a b", "/a%20b"),
        ("ü%?#{}", "ü%?#{}", "/%C3%BC%25%3F%23%7B%7D"),
        ("x" * 200, "x" * 200, "/" + "x" * 200),
        ("😀" * 200, "😀" * 200, "/" + "%F0%9F%98%80" * 200),
        ("a-", "a-", "/a-"),
    ],
)
async def test_a_uid_of_any_writing_finds_its_jobs_again(
    api: Api, sent: str | int, uid: str, path: str
) -> None:
    answer = await api.post({"uid": sent, "task": "task1"})

    assert answer.status == 202
    assert answer.json["uid"] == uid
    assert answer.headers["Location"] == f"{path}/{answer.json['id']}"
    assert (await api.get(answer.headers["Location"])).json == answer.json
    assert (await api.get(path)).json == [answer.json]


async def test_many_jobs_are_answered_in_the_order_they_were_sent(api: Api) -> None:
    bodies = [{"uid": f"u{n % 3}", "task": "task1", "data": n} for n in range(1000)]

    answer = await api.post(bodies)

    assert answer.status == 202
    assert [job["data"] for job in answer.json] == list(range(1000))
    of_users = (job["id"] for n in range(3) for job in answer.json if job["uid"] == f"u{n}")
    assert api.queue.server.ids == list(of_users)
    assert "Location" not in answer.headers


async def test_an_array_of_one_is_answered_with_an_array(api: Api) -> None:
    assert len((await api.post([{"uid": "u1", "task": "task1"}])).json) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(data=JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_any_json_value_comes_back_as_it_was_sent(api: Api, data: object) -> None:
    """The scheduler passes data on, it does not interpret them."""
    answer = await api.post({"uid": "u1", "task": "task1", "data": data})

    assert answer.status == 202
    assert repr((await api.get(answer.headers["Location"])).json["data"]) == repr(data)


@pytest.mark.parametrize("levels", [1, 254])
async def test_data_may_nest_deep(api: Api, levels: int) -> None:
    data = b"[" * levels + b"]" * levels

    answer = await api.post(b'{"uid": "u1", "task": "task1", "data": ' + data + b"}")

    assert answer.status == 202


async def test_data_of_exactly_the_limit_are_taken(api: Api) -> None:
    await api.submit(data="x" * (1024 * 1024 - 2))

    answer = await api.post({"uid": "u1", "task": "task1", "data": "x" * (1024 * 1024 - 1)})

    assert answer.status == 413
    assert answer.json["detail"] == "/data is 1048577 bytes; allowed are at most 1048576"


async def test_the_same_key_again_gives_the_same_job(api: Api) -> None:
    """A client that lost the response sends the request again, and nothing runs twice."""
    body = {"uid": "u1", "task": "task1", "data": {"a": 1, "b": 2}}
    same = b'{"data":  {"b": 2, "a": 1}, "task": "task1", "uid": "u1", "hook": null}'

    first = await api.post(body, **{"Idempotency-Key": "k"})
    again = await api.post(same, **{"Idempotency-Key": "k"})

    assert (first.status, again.status) == (202, 200)
    assert again.json == first.json
    assert again.headers["Location"] == first.headers["Location"]
    assert (api.stored, len(api.queue.server.ids)) == (1, 1)


async def test_equal_requests_at_the_same_time_make_one_job(api: Api) -> None:
    body = {"uid": "u1", "task": "task1"}
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(api.post(body, **{"Idempotency-Key": "k"})) for _ in range(20)]
    answers = [task.result() for task in asked]

    assert sorted(answer.status for answer in answers) == [200] * 19 + [202]
    assert len({answer.json["id"] for answer in answers}) == 1
    assert api.stored == 1


@pytest.mark.parametrize(
    "other",
    [
        {"uid": "u1", "task": "task2"},
        {"uid": "u1", "task": "task1", "data": 0},
        {"uid": "u1", "task": "task1", "hook": "http://example.org"},
        [{"uid": "u1", "task": "task1"}],
        [{"uid": "u1", "task": "task1"}, {"uid": "u1", "task": "task1"}],
        [{"uid": "u2", "task": "task1"}, {"uid": "u1", "task": "task1"}],
    ],
)
@pytest.mark.parametrize("turned", [False, True])
async def test_the_same_key_with_another_request_is_a_conflict(
    api: Api, other: object, *, turned: bool
) -> None:
    """A client that mixes up its keys must learn of it, whichever request came first."""
    first, second = [{"uid": "u1", "task": "task1"}, other][:: -1 if turned else 1]
    await api.post(first, **{"Idempotency-Key": "k"})
    stored = api.stored

    answer = await api.post(second, **{"Idempotency-Key": "k"})

    assert answer.status == 409
    assert answer.json["type"] == "urn:atlanscheduler:problem:idempotency-conflict"
    assert api.stored == stored


async def test_a_key_is_its_users_own(api: Api) -> None:
    for uid in ("u1", "u2"):
        answer = await api.post({"uid": uid, "task": "task1"}, **{"Idempotency-Key": "k"})
        assert answer.status == 202


async def test_a_bulk_with_a_key_is_submitted_once(api: Api) -> None:
    bodies = [{"uid": f"u{n % 2}", "task": "task1", "data": n} for n in range(5)]

    first = await api.post(bodies, **{"Idempotency-Key": "k"})
    again = await api.post(bodies, **{"Idempotency-Key": "k"})

    assert (first.status, again.status, api.stored) == (202, 200, 5)
    assert again.json == first.json


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 201])
async def test_an_invalid_key_is_refused(api: Api, key: str) -> None:
    answer = await api.post({"uid": "u1", "task": "task1"}, **{"Idempotency-Key": key})

    assert "1 to 200 visible ASCII" in answer.flaws["Idempotency-Key"]
    assert api.stored == 0


async def test_without_the_store_nothing_is_taken(api: Api) -> None:
    """A 2xx promises that the job is stored."""
    api.store.away = True

    answer = await api.post({"uid": "u1", "task": "task1"})

    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json["type"] == "urn:atlanscheduler:problem:unavailable"
    assert api.stored == 0
    assert not api.queue.server.ids
