"""What client and command line send and say of jobs that wait for jobs, and of groups."""

from __future__ import annotations

import pytest

from atlanscheduler_client import AfterIf, NewJob, Predecessor, Status, calls
from atlanscheduler_client.json_text import loads
from atlanscheduler_client.reading import group_of, job_of
from scheduler.api.description.examples import BY_SCHEMA, JOB
from scheduler.api.description.operation_examples import AFTER, QUEUED
from scheduler.cli.rendering import group, job, waits
from scheduler.cli.terminal import print_rich

ID = str(JOB["id"])


def test_what_a_job_waits_for_is_sent_as_the_api_takes_it() -> None:
    jobs = [
        NewJob(uid="ada", task="t", ref="a"),
        NewJob(uid="ada", task="t", after=["#a", ID], after_if=AfterIf.END, group="g"),
    ]

    first, second = loads(calls.submit_all(jobs, None).body or b"")

    assert (first["ref"], "after" in first, "after_if" in first) == ("a", False, False)
    assert (second["after"], second["after_if"], second["group"]) == (["#a", ID], "end", "g")


def test_a_job_says_what_it_comes_after() -> None:
    found = job_of({**AFTER, "successors": [ID]})

    assert found.after == (Predecessor(id=ID, ref="a"),)
    assert (found.after_if, found.successors, found.group) == (AfterIf.SUCCESS, (ID,), "nightly")


def test_a_node_of_an_earlier_version_says_nothing_of_it() -> None:
    new = {"after", "after_if", "successors", "group"}
    found = job_of({name: value for name, value in QUEUED.items() if name not in new})

    assert (found.after, found.after_if, found.successors, found.group) == ((), None, None, None)


@pytest.mark.parametrize(("number", "words"), [(1, ID), (3, f"{ID}, {ID}, {ID}"), (4, "4 jobs")])
def test_a_queued_job_names_the_few_that_it_waits_for(number: int, words: str) -> None:
    found = job_of({**AFTER, "after": [{"id": ID, "ref": None}] * number})

    assert waits(found) == f"the end of {words}"


def test_all_about_a_job_has_what_is_before_and_behind_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rich(job(job_of({**AFTER, "successors": [ID]})))

    said = capsys.readouterr().out
    assert f"success of ada/{ID} (a)" in said
    assert "before" in said
    assert "nightly" in said


def test_a_group_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    found = group_of(BY_SCHEMA["Group"])

    print_rich(group(found))

    said = capsys.readouterr().out
    assert "100, 37 queued, 2 running, 60 successful, 1 terminated" in said
    assert "61 of 100" in said
    assert found.counts[Status.RUNNING] == 2


def test_the_calls_of_a_group() -> None:
    assert calls.group("ada", "a b").path == "/-/groups/ada/a%20b"
    aborting = calls.abort_all("ada", statuses=(), task=None, group="g")
    assert (aborting.method, aborting.path) == ("DELETE", "/ada?group=g")
    listing = calls.page("ada", statuses=(), task=None, parent=None, group="g")
    assert "group=g" in listing.path
