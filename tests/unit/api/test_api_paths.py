"""Paths that are not what they seem: words that are no users, and the page at the root."""

from __future__ import annotations

import pytest

from scheduler.api.reserved import RESERVED, STEPS
from tests.support.stores import new
from tests.unit.api.conftest import Api

JOB = "019ab000-0000-7000-8000-ffffffffffff"


@pytest.mark.parametrize("word", RESERVED)
@pytest.mark.parametrize("rest", ["", "/", f"/{JOB}", f"/{JOB}/events"])
async def test_a_word_that_is_taken_for_a_path_is_no_user(api: Api, word: str, rest: str) -> None:
    """A health check with the wrong path was answered with an empty list: green for ever."""
    for method in ("GET", "HEAD", "DELETE", "POST"):
        answer = await api.ask(method, f"/{word}{rest}")
        assert answer.status == 404, method
        assert answer.headers["Content-Type"] == "application/problem+json"

    meant = RESERVED[word]
    detail = (await api.get(f"/{word}{rest}")).json["detail"]
    assert f"no user can be named '{word}'" in detail
    assert f"did you mean {meant}?" in detail if meant else "did you mean" not in detail


@pytest.mark.parametrize("path", sorted(filter(None, RESERVED.values())))
async def test_the_path_that_is_named_is_there(api: Api, path: str) -> None:
    """A hint that leads to another 404 would be worse than none."""
    assert (await api.get(path)).status == 200


async def test_the_path_that_is_named_is_below_the_prefix(api_below: Api) -> None:
    """Behind a proxy, clients need the path as they have to write it."""
    detail = (await api_below.get("/healthz")).json["detail"]
    assert "did you mean /jobs/-/health?" in detail


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/-/docs/", "/-/docs"),
        ("/-/healthz", "/-/health"),
        ("/-/metrics/", "/-/metrics"),
        ("/-/Ready", "/-/ready"),
        ("/-/node", "/-/nodes"),
        ("/-/openapi.yaml", "/-/openapi.json"),
        ("/-/dashboard", "/-/ui/"),
        ("/-/", "/-/ui/"),
        ("/-", "/-/ui/"),
    ],
)
async def test_a_path_that_is_nearly_one_of_the_node_is_answered_with_that(
    api: Api, api_below: Api, path: str, meant: str
) -> None:
    """A scraper or a probe that is set up with it would be searched for a long time."""
    for where, prefix in ((api, ""), (api_below, "/jobs")):
        answer = await where.get(path, allow_redirects=False)
        assert (answer.status, answer.json["type"].rpartition(":")[2]) == (404, "no-such-path")
        assert answer.json["detail"].endswith(f"; did you mean {prefix}{meant}?")
    assert (await api.get(meant)).status == 200


@pytest.mark.parametrize("path", ["/-/xyz", "/-/" + "docs" * 50, "/-/ui/x.js", "/a/b/c/d"])
async def test_a_path_that_is_near_to_none_has_no_hint(api: Api, path: str) -> None:
    """A wrong guess misleads."""
    answer = await api.get(path)
    assert (answer.status, answer.json["detail"]) == (404, "There is nothing at this path")


@pytest.mark.parametrize("path", ["/%6Detrics", "/metrics?status=queued", "/%68ealth/"])
async def test_an_escaped_word_is_the_same_word(api: Api, path: str) -> None:
    assert (await api.get(path)).status == 404


@pytest.mark.parametrize("uid", ["Metrics", "metrics2", "my-health", "docs.", "-docs"])
async def test_a_user_may_be_named_nearly_so(api: Api, uid: str) -> None:
    """No more names are refused than those that are mistaken."""
    assert (await api.get(f"/{uid}")).status == (400 if uid.startswith("-") else 200)


@pytest.mark.parametrize("word", [*RESERVED, *sorted(STEPS)])
async def test_such_a_word_is_refused_wherever_a_uid_is_given(api: Api, word: str) -> None:
    """A job that nobody could ask for must not be stored, and the message has to say why."""
    job = {"uid": word, "task": "task1"}
    order = {"json": {"uid": word, "id": JOB}}
    answers = {
        "/uid": await api.post(job),
        "/1/uid": await api.post([job | {"uid": "ada"}, job]),
        "/uid ": await api.delete("/", **order),
        "uid": await api.get(f"/-/jobs?uid={word}"),
        "uid ": await api.get(f"/-/events?uid={word}"),
        "uid  ": await api.get(f"/-/ui/data/unfinished?uid={word}"),
    }

    for pointer, answer in answers.items():
        assert answer.flaws[pointer.strip()].startswith(
            f"got \"{word}\": no user can be named '{word}', since that is easily taken for a "
        )
    assert api.stored == 0


async def test_jobs_that_were_stored_under_such_a_word_are_still_seen(api: Api) -> None:
    """An earlier version took them; their users have to find out what became of them."""
    await api.store.insert([new(uid="metrics")])

    (job,) = (await api.get("/-/jobs")).json
    assert job["uid"] == "metrics"


async def test_a_browser_is_led_from_the_root_to_the_dashboard(api: Api) -> None:
    """The first thing that a user does with the URL of a node is to open it."""
    for method in ("GET", "HEAD"):
        accept = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
        answer = await api.ask(method, "/", headers=accept, allow_redirects=False)
        # Relative: below the path prefix of a proxy, an absolute path would lead out of it.
        assert (answer.status, answer.headers["Location"]) == (302, "./-/ui/")
        assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/plain", "text/html5"])
async def test_a_program_is_told_which_methods_the_root_has(api: Api, accept: str) -> None:
    answer = await api.get("/", headers={"Accept": accept}, allow_redirects=False)
    assert (answer.status, answer.headers["Allow"]) == (405, "DELETE, OPTIONS, POST")
    assert "the dashboard is at /-/ui/" in answer.json["detail"]


async def test_other_methods_of_the_root_are_no_visits(api: Api) -> None:
    answer = await api.ask("PUT", "/", headers={"Accept": "text/html"}, allow_redirects=False)
    assert (answer.status, "Location" in answer.headers) == (405, False)
