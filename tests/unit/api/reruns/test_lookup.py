"""What the dashboard looks up of a job: by its id alone, its place in line, and its re-runs."""

from __future__ import annotations

import pytest
from pytest_aiohttp.plugin import AiohttpClient

from scheduler.core.access.principal import Role
from tests.unit.api.access.test_rights import a_town
from tests.unit.api.conftest import Api
from tests.unit.api.reruns.test_one import NOBODYS, failed, rerun

ALONE = {"before": [], "behind": [], "behind_more": False}
"""No job comes before or after it."""


@pytest.mark.parametrize("text", ["{id}", "{ID}", " {id} ", "ada/{id}", "/ada/{id}"])
async def test_a_job_is_found_by_its_id(api: Api, text: str) -> None:
    """As it is copied: from a log, a message, the command line, a path."""
    job_id = await api.submit("ada")
    wanted = text.format(id=job_id, ID=job_id.upper())

    answer = await api.get("/-/ui/data/find", params={"id": wanted})

    assert (answer.status, answer.json) == (200, {"uid": "ada", "id": job_id})


@pytest.mark.parametrize("text", [NOBODYS, "7", "", "ada/", "x" * 500])
async def test_what_is_no_job_is_not_found(api: Api, text: str) -> None:
    assert (await api.get("/-/ui/data/find", params={"id": text})).status == 404


async def test_a_job_of_another_user_is_found_by_nobody_else(aiohttp_client: AiohttpClient) -> None:
    """And the answer is that for a job that is not there."""
    async with a_town(aiohttp_client) as town:
        answers = {}
        for uid, job_id in {**town.jobs, "nobody": NOBODYS}.items():
            for role in (Role.USER, Role.OPERATOR):
                token = await town.token(role, "ada", "team-a.*")
                answer = await town.api.get(
                    "/-/ui/data/find",
                    params={"id": job_id},
                    headers={"Authorization": f"Bearer {token}"},
                )
                answers[uid, role] = (answer.status, answer.text.replace(job_id, "ID"))

    assert answers["ada", Role.USER][0] == answers["bob", Role.OPERATOR][0] == 200
    assert answers["bob", Role.USER] == answers["nobody", Role.USER]
    assert answers["bob", Role.USER][0] == answers["nobody", Role.OPERATOR][0] == 404


async def test_a_queued_job_has_a_place_in_line(api: Api) -> None:
    first, second = await api.submit(), await api.submit()

    for place, job_id in enumerate((first, second)):
        around = (await api.get(f"/-/ui/data/job?uid=u1&id={job_id}")).json
        assert around == {"ahead": place, "ahead_max": 1000, "reruns": [], **ALONE}


async def test_a_job_that_is_over_has_its_reruns(api: Api) -> None:
    old = await failed(api)
    first, second = [(await rerun(api, old)).json["id"] for _ in range(2)]

    around = (await api.get(f"/-/ui/data/job?uid=u1&id={old}")).json

    assert (around["ahead"], around["reruns"]) == (None, [second, first])
