"""What client and command line send and say of jobs with unique keys."""

from __future__ import annotations

import orjson
import pytest

from atlanscheduler_client import KEPT, NewJob, OnConflict, Status, Unique, UniqueKeyTaken, calls
from atlanscheduler_client.json_text import loads
from atlanscheduler_client.reading import job_of
from atlanscheduler_client.responses import Response, value_of
from scheduler.api.description.examples import JOB
from scheduler.api.description.operation_examples import QUEUED, REPLACING
from scheduler.cli.rendering import job, waits
from scheduler.cli.terminal import print_json, print_rich

ID = str(JOB["id"])


@pytest.mark.parametrize(
    ("unique", "sent"),
    [
        ("k", {"key": "k", "on_conflict": "existing"}),
        (
            Unique(key="k", on_conflict=OnConflict.REPLACE),
            {"key": "k", "on_conflict": "replace"},
        ),
    ],
)
def test_a_key_is_sent_as_the_api_takes_it(unique: Unique | str, sent: object) -> None:
    submission = calls.submit(NewJob(uid="ada", task="t", unique=unique), None)
    rerun = calls.rerun(
        "ada",
        ID,
        data=KEPT,
        hook=KEPT,
        priority=KEPT,
        run_at=None,
        delay=None,
        start_within=KEPT,
        max_attempts=KEPT,
        unique=unique,
        key=None,
    )

    assert loads(submission.body or b"")["unique"] == sent
    assert loads(rerun.body or b"") == {"unique": sent}
    assert "unique" not in loads(calls.submit(NewJob(uid="ada", task="t"), None).body or b"")


def test_a_job_says_what_it_replaces(capsys: pytest.CaptureFixture[str]) -> None:
    found = job_of({**REPLACING, "replaced_by": "later"})

    assert found.unique == Unique(key="report-7", on_conflict=OnConflict.REPLACE)
    assert (found.replaces, found.replaced_by, found.deduplicated) == (ID, "later", False)
    assert waits(found) == "the job that it replaces to be over"
    print_rich(job(found))
    said = capsys.readouterr().out
    assert "report-7" in said
    assert f"ada/{ID}" in said
    assert "ada/later" in said


def test_a_node_of_an_earlier_version_says_nothing_of_it() -> None:
    new = {"unique", "replaces", "replaced_by"}
    found = job_of({name: value for name, value in QUEUED.items() if name not in new})

    assert (found.unique, found.replaces, found.replaced_by) == (None, None, None)


def test_one_that_was_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """And only that one: its JSON is the API's."""
    print_json(job_of({**QUEUED, "deduplicated": True}))
    print_json(job_of(QUEUED))

    first, second = map(orjson.loads, capsys.readouterr().out.splitlines())
    assert (first["deduplicated"], "deduplicated" in second) == (True, False)


def test_a_key_that_another_job_has_is_an_error_with_that_job() -> None:
    body = b'{"type": "urn:atlanscheduler:problem:unique-key-taken", "title": "t", "job": %s}'
    response = Response("http://n", 409, {}, body % orjson.dumps({**JOB, "status": "running"}))

    with pytest.raises(UniqueKeyTaken) as raised:
        value_of(calls.submit(NewJob(uid="ada", task="t", unique="k"), None), response)

    assert (raised.value.job.id, raised.value.job.status) == (ID, Status.RUNNING)
