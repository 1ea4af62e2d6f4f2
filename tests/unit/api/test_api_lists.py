"""The list of all users' jobs: as a user's own, and a filter by user."""

from __future__ import annotations

import re

import pytest

from tests.unit.api.conftest import Api


async def test_the_jobs_of_all_users_are_listed_page_by_page(api: Api) -> None:
    """Who runs the service asks what goes on, and does not know the users' names."""
    ids = [await api.submit(uid) for uid in ("u1", "u2", "u3", "u1", "u2")]
    seen = []
    query: str | None = "?limit=2"
    while query is not None:
        answer = await api.get(f"/-/jobs{query}")
        assert answer.status == 200
        seen += [(job["uid"], job["id"]) for job in answer.json]
        found = re.fullmatch(r'<(\?[^>]*)>; rel="next"', answer.headers.get("Link", ""))
        query = found and found[1]

    assert seen == list(zip(("u2", "u1", "u3", "u2", "u1"), reversed(ids), strict=True))


@pytest.mark.parametrize("path", ["/-/jobs", "/-/jobs?uid=u1", "/u1"])
async def test_a_list_of_all_takes_the_same_query_as_a_users(api: Api, path: str) -> None:
    first = await api.submit("u1")
    other = await api.submit("u1", task="task2")
    await api.start(first)
    and_ = "&" if "?" in path else "?"

    async def listed(query: str) -> list[str]:
        answer = await api.get(f"{path}{and_}{query}")
        return [job["id"] for job in answer.json]

    assert await listed("limit=5") == [other, first]
    assert await listed("status=queued") == [other]
    assert await listed("status=running,successful") == [first]
    assert await listed("task=task2") == [other]
    assert await listed("limit=1") == [other]


async def test_a_list_of_all_can_be_cut_to_one_user(api: Api) -> None:
    """So that a program needs one path for both."""
    await api.submit("u1")
    mine = await api.submit("u2")
    child = await api.submit("u2", parent=mine)

    assert [job["id"] for job in (await api.get("/-/jobs?uid=u2")).json] == [child, mine]
    foreign = await api.submit("u3", parent=mine)
    children = (await api.get(f"/-/jobs?uid=u2&parent={mine}")).json
    assert [job["id"] for job in children] == [child]
    everybodys = (await api.get(f"/-/jobs?parent={mine}")).json
    assert [job["id"] for job in everybodys] == [foreign, child]
    assert (await api.get("/-/jobs?uid=nobody")).json == []


@pytest.mark.parametrize("path", ["/-/jobs", "/u1"])
async def test_a_list_may_leave_out_what_is_large(api: Api, path: str) -> None:
    """A page of jobs shows neither, and they may have a megabyte each."""
    await api.submit("u1", data="large")

    (whole,) = (await api.get(f"{path}?data=true")).json
    (outline,) = (await api.get(f"{path}?data=false")).json
    assert whole["data"] == "large"
    assert outline == {key: whole[key] for key in whole if key not in {"data", "result"}}


@pytest.mark.parametrize(
    ("query", "name", "words"),
    [
        ("uid=-x", "uid", "allowed: the user"),
        ("status=odd", "status", "allowed: one or more of"),
        ("limit=0", "limit", "1 to 1000"),
        ("after=x", "after", "Link header"),
        ("data=some", "data", "true or false"),
        ("user=ada", "user", "unknown parameter"),
        ("parent=ada", "parent", "the id of a job"),
    ],
)
async def test_a_wrong_query_of_the_list_is_named(
    api: Api, query: str, name: str, words: str
) -> None:
    assert words in (await api.get(f"/-/jobs?{query}")).flaws[name]


async def test_the_list_of_all_has_no_other_method(api: Api) -> None:
    """Nobody must abort the jobs of all users by a slip."""
    for method in ("DELETE", "POST", "PUT"):
        answer = await api.ask(method, "/-/jobs")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
