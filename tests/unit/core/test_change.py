"""Changes: the order of all that happens to a job, and the job as it was before."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from scheduler.core.change import (
    Position,
    as_of,
    changed,
    claimed,
    may_run,
    position,
    progressed,
    queued,
    running,
    stage,
    unseen_states,
)
from scheduler.core.job import (
    NOT_TRIED,
    NOTHING_RAN,
    Abort,
    AttemptOutcome,
    AttemptRecord,
    Cleanup,
    CleanupTries,
    Hold,
    Job,
    JsonText,
    Progress,
    Purpose,
    Status,
)
from tests.fakes import AT
from tests.support.stores import DEATH
from tests.unit.worker.test_attempt import CLAIM

NEW = Job(
    id="1",
    uid="u1",
    status=Status.QUEUED,
    task="task1",
    data=JsonText("null"),
    hook=None,
    result=None,
    error=None,
    progress=None,
    attempt=0,
    token=0,
    node=None,
    owner=None,
    created_at=AT,
    started_at=None,
    finished_at=None,
    abort=None,
)
RUNNING = replace(NEW, status=Status.RUNNING, attempt=1, token=1, node="a", started_at=AT)
ASKED = Abort(requested_at=AT)
ABORTED = replace(
    RUNNING,
    status=Status.ABORTED,
    finished_at=AT,
    progress=Progress(done=1),
    abort=Abort(requested_at=AT, finished_at=AT, death=NOTHING_RAN, cleanup=Cleanup.PENDING),
)


def test_the_stage_of_a_job_only_grows() -> None:
    """So late and repeated changes can be told from new ones."""
    assert ABORTED.abort is not None
    life = [
        NEW,
        replace(NEW, revision=1),  # held again, let go, or given another priority
        replace(NEW, revision=2),
        RUNNING,
        replace(RUNNING, status=Status.QUEUED),
        replace(RUNNING, token=2),  # a claim, and
        replace(NEW, token=2),  # given back before it began: its attempt does not count
        replace(RUNNING, attempt=2, token=3),
        replace(RUNNING, attempt=2, token=3, abort=ASKED),
        replace(ABORTED, attempt=2, token=3),
        replace(ABORTED, attempt=2, token=4, abort=replace(ABORTED.abort, cleanup=Cleanup.DONE)),
    ]
    stages = [stage(job) for job in life]
    assert stages == sorted(set(stages))


def test_an_earlier_state_can_be_made_from_the_job_as_it_is_now() -> None:
    """However far the job is by the time it is read."""
    assert as_of(queued(NEW), ABORTED) == NEW
    assert as_of(running(CLAIM, AT), ABORTED) == RUNNING
    assert as_of(changed("1"), ABORTED) == ABORTED


def test_between_two_attempts_a_job_was_queued() -> None:
    """Even for a millisecond in which nobody read it: each change of status is sent."""
    again = replace(RUNNING, attempt=2, token=2)
    queued_again = replace(NEW, attempt=1, token=1, node=RUNNING.node)
    assert unseen_states(again, stage(RUNNING)) == [queued_again, again]
    assert unseen_states(RUNNING, stage(NEW)) == [RUNNING]
    assert unseen_states(RUNNING, -1) == [RUNNING]
    assert unseen_states(RUNNING, stage(RUNNING)) == []


def test_an_earlier_state_has_the_attempts_that_had_been_made_by_then() -> None:
    """A follower would read of the end of an attempt before that of its beginning."""
    first = AttemptRecord(number=1, node="a", started_at=AT, outcome=AttemptOutcome.TERMINATED)
    again = replace(RUNNING, attempt=2, token=2, past=(first,))

    before = as_of(running(CLAIM, AT), again)
    assert [(each.number, each.outcome) for each in before.attempts] == [(1, None)]
    waiting, now = unseen_states(again, stage(RUNNING))
    assert waiting.attempts == (first,)
    assert [each.number for each in now.attempts] == [1, 2]


def test_an_end_is_new_however_often_claims_were_given_back() -> None:
    """A claim that is given back lowers `attempt` again, and a follower waits for the end."""
    aborted = replace(ABORTED, attempt=0, token=3)
    assert unseen_states(aborted, stage(replace(RUNNING, token=3))) == [aborted]
    assert unseen_states(replace(aborted, token=4), stage(aborted)) == []  # only a clean-up began


def test_between_running_and_aborted_its_abort_was_requested() -> None:
    """Even for a few milliseconds in which nobody read it: each change is sent."""
    assert ABORTED.abort is not None
    killed = replace(ABORTED, abort=replace(ABORTED.abort, death=DEATH))
    asked = replace(RUNNING, progress=killed.progress, abort=ASKED)
    assert unseen_states(killed, stage(RUNNING)) == [asked, killed]
    assert unseen_states(killed, stage(asked)) == [killed]
    assert unseen_states(killed, -1) == [killed]
    cleaning = replace(killed, token=2)
    assert unseen_states(cleaning, stage(RUNNING)) == [replace(asked, token=2), cleaning]
    assert unseen_states(ABORTED, stage(NEW)) == [ABORTED]
    cleaned = replace(killed, abort=replace(ABORTED.abort, death=DEATH, cleanup=Cleanup.DONE))
    pending = replace(cleaned, abort=killed.abort)
    assert unseen_states(cleaned, stage(RUNNING)) == [asked, pending, cleaned]
    assert unseen_states(cleaned, stage(killed)) == [cleaned]
    assert unseen_states(cleaned, -1) == [cleaned]


def test_each_repetition_of_a_clean_up_is_shown_while_it_waits_and_runs() -> None:
    """A person who watches sees that it failed, when it is tried next, and that it runs."""
    assert ABORTED.abort is not None
    pending = replace(ABORTED, owner=None, token=2)
    first = replace(pending, owner="a1")
    once = CleanupTries(ended=1, allowed=2, next_at=AT)
    waits = replace(pending, abort=replace(ABORTED.abort, tries=once))
    due = replace(once, next_at=None)
    runs = replace(pending, owner="a1", token=3, abort=replace(ABORTED.abort, tries=due))
    left = replace(ABORTED.abort, cleanup=Cleanup.FAILED, tries=replace(due, ended=2))
    failed = replace(pending, token=3, abort=left)
    assert unseen_states(first, stage(pending)) == [], "it follows the abort at once"
    for before, after in pairwise([first, waits, runs, failed]):
        assert unseen_states(after, stage(before)) == [after]
        assert unseen_states(before, stage(after)) == []
    assert unseen_states(failed, stage(RUNNING))[-2:] == [
        replace(failed, abort=replace(left, cleanup=Cleanup.PENDING, tries=NOT_TRIED)),
        failed,
    ]


def test_only_a_repetition_of_a_clean_up_is_announced() -> None:
    clean = replace(CLAIM, purpose=Purpose.CLEAN)
    assert claimed(CLAIM, AT) == running(CLAIM, AT)
    assert claimed(clean, AT) is None
    assert claimed(replace(clean, cleanup_tries=1), AT) == changed(CLAIM.id, CLAIM.uid)


def test_progress_of_an_earlier_attempt_is_ignored() -> None:
    """It may come late, after the end of its attempt."""
    late = progressed(CLAIM, Progress(done=1))
    assert may_run(late, stage(RUNNING))
    assert not may_run(late, stage(replace(RUNNING, status=Status.QUEUED)))
    assert not may_run(late, stage(ABORTED))


@pytest.mark.parametrize(
    "where",
    [
        Position("1-2"),
        Position("1-2", 0),
        Position("1-2", None, 0),
        Position("1-2", 3, 4),
        Position(f"{2**64 - 1}-{2**64 - 1}"),
    ],
)
def test_an_event_id_holds_the_position_of_a_follower(where: Position) -> None:
    """It is all that a node has to know about a follower."""
    assert position(str(where)) == where


@pytest.mark.parametrize(
    "text",
    [
        *("1", "1-", "-1", "1-2.", "1-2~", "1-2~3.4", "٣-1", "1-2\n"),
        *(f"{2**64}-0", f"1-{2**64}", "99999999999999999999-0.1~1"),
    ],
)
def test_an_id_that_is_not_ours_is_no_position(text: str) -> None:
    """A client may send anything."""
    assert position(text) is None


def test_however_often_a_queued_job_is_changed_its_claim_is_later() -> None:
    """Followers must be told that it runs."""
    assert stage(replace(NEW, revision=10_000)) < stage(RUNNING)


def test_a_new_job_that_is_held_is_shown_with_what_it_waits_for() -> None:
    """The state at its submission is the one it has, as long as nothing has claimed it."""
    held = replace(NEW, hold=Hold("run_at", AT))

    assert as_of(queued(held), held) == held
    later = as_of(queued(held), RUNNING)
    assert (later.status, later.hold, later.revision) == (Status.QUEUED, None, 0)
