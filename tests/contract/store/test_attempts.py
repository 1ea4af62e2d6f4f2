"""What the port `Store` promises about attempts: one claim at a time, no late writer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.job import (
    FINAL,
    NOTHING_RAN,
    Claim,
    Cleanup,
    Failure,
    FailureKind,
    JsonText,
    Progress,
    Purpose,
    Settlement,
    Status,
)
from scheduler.core.ports.store import Store
from tests.support.stores import (
    DEATH,
    abort,
    claimed,
    cleaning,
    end,
    ids_waiting,
    known,
    later,
    new,
    node,
    queued,
    running,
    untimed,
)

FAILURE = Failure(kind=FailureKind.EXCEPTION, type="KeyError", message="'ü'", traceback="…")


async def test_a_claim_makes_a_queued_job_run(store: Store) -> None:
    sent = new()
    await store.insert([sent])
    await store.register(node("a1", name="node-a"))

    (claim,) = await store.claim([sent.id], node_id="a1", at=later(1))

    assert (claim.id, claim.uid, claim.task) == (sent.id, sent.uid, sent.task)
    assert (claim.data, claim.hook) == (sent.data, sent.hook)
    assert (claim.attempt, claim.token, claim.purpose) == (1, 1, Purpose.RUN)
    job = await known(store, sent.id)
    assert (job.status, job.owner, job.node) == (Status.RUNNING, "a1", "node-a")
    assert (job.attempt, job.started_at) == (1, later(1))


async def test_a_node_that_is_not_registered_claims_nothing(store: Store) -> None:
    """No node would notice its death, and its jobs would stay running for ever."""
    job_id = await queued(store)

    assert list(await store.claim([job_id], node_id="stranger", at=later(1))) == []
    assert (await known(store, job_id)).status is Status.QUEUED


async def test_a_claim_leaves_out_jobs_that_cannot_be_claimed(store: Store) -> None:
    """Ids come from the queue, which may have any id, and one twice."""
    taken = await running(store)
    free = await queued(store)

    claims = await store.claim([taken.id, free, "unknown", free], node_id="a1", at=later(2))

    assert [claim.id for claim in claims] == [free]
    assert (await known(store, taken.id)).attempt == 1


async def test_no_ids_are_no_claims(store: Store) -> None:
    await store.register(node())
    assert list(await store.claim([], node_id="a1", at=later(1))) == []


@pytest.mark.parametrize("status", [Status.SUCCESSFUL, Status.TERMINATED])
async def test_a_final_job_is_not_claimed_again(store: Store, status: Status) -> None:
    claim = await running(store)
    await store.settle([end(claim, status, error=_error(status))])

    assert list(await store.claim([claim.id], node_id="a1", at=later(10))) == []


async def test_a_result_is_kept(store: Store) -> None:
    claim = await running(store)

    settled = await store.settle([end(claim, progress=Progress(done=3, total=3))])

    assert settled == {claim.id: Status.SUCCESSFUL}
    job = await known(store, claim.id)
    assert (job.status, job.result, job.error) == (Status.SUCCESSFUL, '"done"', None)
    assert (job.owner, job.node, job.finished_at) == (None, "node-a", later(9))
    assert job.progress == Progress(done=3, total=3)


async def test_a_failure_is_kept(store: Store) -> None:
    claim = await running(store)

    await store.settle([end(claim, Status.TERMINATED, error=FAILURE)])

    job = await known(store, claim.id)
    assert (job.status, job.result, job.error) == (Status.TERMINATED, None, FAILURE)
    assert job.finished_at == later(9)


@pytest.mark.parametrize("first", sorted(FINAL - {Status.ABORTED}))
@pytest.mark.parametrize("then", [*sorted(FINAL), Status.QUEUED])
async def test_a_final_status_never_changes(store: Store, first: Status, then: Status) -> None:
    """Guarantee 3. An attempt may end twice: by its result, and by a stop that came too late."""
    claim = await running(store)
    await abort(store, claim.id)
    await store.settle([end(claim, first, error=_error(first))])
    before = await known(store, claim.id)

    settled = await store.settle([end(claim, then, error=_error(then), death=DEATH)])

    assert not settled
    assert await known(store, claim.id) == before


@pytest.mark.parametrize("status", [Status.SUCCESSFUL, Status.QUEUED])
async def test_a_settlement_with_an_old_token_changes_nothing(store: Store, status: Status) -> None:
    """Guarantee 2. A node presumed dead comes back with a result while another one runs the job."""
    late = await running(store, node_id="a1")
    await store.settle([end(late, Status.QUEUED)])
    current = await claimed(store, late.id, node_id="b1")

    assert not await store.settle([end(late, status)])

    assert current.token > late.token
    job = await known(store, late.id)
    assert (job.status, job.owner, job.attempt) == (Status.RUNNING, "b1", 2)


async def test_a_job_that_was_not_claimed_cannot_be_settled(store: Store) -> None:
    job_id = await queued(store)
    claim = replace(await running(store), id=job_id, token=0)

    assert not await store.settle([end(claim)])
    assert (await known(store, job_id)).status is Status.QUEUED


async def test_each_settlement_of_a_batch_is_independent(store: Store) -> None:
    good, late = await running(store), await running(store)

    settled = await store.settle([end(replace(late, token=99)), end(good)])

    assert set(settled) == {good.id}
    assert (await known(store, late.id)).status is Status.RUNNING


async def test_a_success_is_stored_alike_alone_and_beside_other_ends(store: Store) -> None:
    """Successes alone have a statement of their own, which is shorter."""
    alone, beside, failing = [await running(store) for _ in range(3)]
    progress = Progress(done=1, total=2, message="half")

    def success(claim: Claim) -> Settlement:
        return replace(end(claim), result=JsonText('"ü"'), progress=progress)

    assert await store.settle([success(alone)]) == {alone.id: Status.SUCCESSFUL}
    assert await store.settle(
        [success(beside), end(failing, Status.TERMINATED, error=FAILURE)]
    ) == {
        beside.id: Status.SUCCESSFUL,
        failing.id: Status.TERMINATED,
    }

    one, other = await known(store, alone.id), await known(store, beside.id)
    assert untimed(replace(one, id=other.id)) == untimed(other)


async def test_of_two_ends_of_one_attempt_in_a_batch_the_first_counts(store: Store) -> None:
    claim = await running(store)

    await store.settle([end(claim), end(claim, Status.TERMINATED, error=FAILURE)])

    assert (await known(store, claim.id)).status is Status.SUCCESSFUL


async def test_a_late_settlement_does_not_hide_a_valid_one_in_the_same_batch(store: Store) -> None:
    late = await running(store)
    await store.settle([end(late, Status.QUEUED)])
    current = await claimed(store, late.id)

    settled = await store.settle([end(late, Status.TERMINATED, error=FAILURE), end(current)])

    assert set(settled) == {current.id}
    assert (await known(store, late.id)).status is Status.SUCCESSFUL


async def test_no_settlements_are_settled(store: Store) -> None:
    assert not await store.settle([])


async def test_a_job_given_back_waits_without_a_started_attempt(store: Store) -> None:
    """As a drain does. `started_at` belongs to an attempt, and there is none now."""
    claim = await running(store)
    await store.settle([end(claim, Status.QUEUED)])

    job = await known(store, claim.id)
    assert (job.status, job.owner, job.node) == (Status.QUEUED, None, "node-a")
    assert (job.started_at, job.finished_at, job.attempt) == (None, None, 1)

    again = await claimed(store, claim.id)
    assert (again.attempt, again.token) == (2, 2)


async def test_progress_is_kept_while_its_token_holds(store: Store) -> None:
    claim, other = await running(store), await running(store)
    half = Progress(done=1, total=2.5, message="half\x00way")

    await store.report({(claim.id, claim.token): half, (other.id, 99): half})

    assert (await known(store, claim.id)).progress == half
    assert (await known(store, other.id)).progress is None


async def test_progress_of_an_ended_attempt_is_dropped(store: Store) -> None:
    claim = await running(store)
    await store.settle([end(claim, progress=Progress(done=9))])

    await store.report({(claim.id, claim.token): Progress(done=1)})

    assert (await known(store, claim.id)).progress == Progress(done=9)


async def test_a_settlement_without_progress_keeps_the_last_one_and_a_claim_empties_it(
    store: Store,
) -> None:
    claim = await running(store)
    await store.report({(claim.id, claim.token): Progress(done=1)})
    await store.settle([end(claim, Status.QUEUED)])
    assert (await known(store, claim.id)).progress == Progress(done=1)

    await claimed(store, claim.id)

    assert (await known(store, claim.id)).progress is None


async def test_a_clean_up_is_claimed_by_owner_and_token_only(store: Store) -> None:
    """The job has ended: its user sees how it ended, not that a clean-up still runs."""
    claim = await running(store, undoable=True)
    await abort(store, claim.id)
    await store.settle([end(claim, Status.ABORTED, death=DEATH)])
    before = await known(store, claim.id)
    await store.register(node("b1", name="node-b"))

    (clean,) = await store.claim([claim.id], node_id="b1", at=later(20))

    assert (clean.purpose, clean.token, clean.attempt) == (Purpose.CLEAN, claim.token + 1, 1)
    assert await known(store, claim.id) == replace(before, owner="b1", token=clean.token)
    assert list(await store.claim([claim.id], node_id="b1", at=later(21))) == []


@pytest.mark.parametrize("cleanup", [Cleanup.DONE, Cleanup.FAILED])
async def test_the_end_of_a_clean_up_is_kept(store: Store, cleanup: Cleanup) -> None:
    clean = await cleaning(store)

    assert await store.settle_cleanup(clean.id, token=clean.token, cleanup=cleanup)

    job = await known(store, clean.id)
    assert job.abort is not None
    assert (job.status, job.owner, job.abort.cleanup) == (Status.ABORTED, None, cleanup)
    assert list(await store.claim([clean.id], node_id="a1", at=later(30))) == []
    assert not await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.DONE)


async def test_a_clean_up_given_back_can_be_taken_again(store: Store) -> None:
    clean = await cleaning(store)

    assert await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.PENDING)

    assert await ids_waiting(store) == [clean.id]
    assert not await store.settle_cleanup(clean.id, token=clean.token, cleanup=Cleanup.DONE)
    assert (await claimed(store, clean.id)).token == clean.token + 1


async def test_a_clean_up_with_another_token_is_not_ended(store: Store) -> None:
    clean = await cleaning(store)

    assert not await store.settle_cleanup(clean.id, token=clean.token - 1, cleanup=Cleanup.DONE)
    assert not await store.settle_cleanup("unknown", token=clean.token, cleanup=Cleanup.DONE)

    abort_ = (await known(store, clean.id)).abort
    assert abort_ is not None
    assert abort_.cleanup is Cleanup.PENDING


async def test_a_running_job_cannot_be_settled_as_a_clean_up(store: Store) -> None:
    claim = await running(store, undoable=True)

    assert not await store.settle_cleanup(claim.id, token=claim.token, cleanup=Cleanup.DONE)
    assert (await known(store, claim.id)).status is Status.RUNNING


def _error(status: Status) -> Failure | None:
    return FAILURE if status is Status.TERMINATED else None


async def test_an_attempt_that_did_not_begin_is_not_counted(store: Store) -> None:
    """A user who reads 2 would look for a failure of the first attempt; only the token grows."""
    first = await running(store)
    await store.settle([end(first, Status.QUEUED, death=NOTHING_RAN)])
    assert (await known(store, first.id)).attempt == 0
    second = await claimed(store, first.id)
    assert (second.attempt, second.token > first.token) == (1, True)
    await store.settle([end(second, Status.QUEUED, death=DEATH)])
    assert (await known(store, first.id)).attempt == 1


async def test_a_claim_has_the_trace_in_which_its_job_was_submitted(store: Store) -> None:
    traced, untraced = new(traceparent="00-1-2-01"), new()
    await store.insert([traced, untraced])

    claims = [await claimed(store, traced.id), await claimed(store, untraced.id)]

    assert [claim.traceparent for claim in claims] == ["00-1-2-01", None]
    found = {each.id: each for each in await store.claims_of("a1", but=[])}
    assert found == {claim.id: claim for claim in claims}


async def test_an_outline_has_all_but_data_and_result(store: Store) -> None:
    """Events send a job each time something happens to it."""
    claim = await running(store)
    await store.settle([end(claim, progress=Progress(done=1))])
    whole = await known(store, claim.id)

    (outline,) = await store.outlines([claim.id, "unknown"])

    assert outline == replace(whole, data=JsonText("null"), result=None)
    assert list(await store.outlines([])) == []


async def test_the_final_ones_of_some_jobs_are_known(store: Store) -> None:
    """A deleted one counts as final: whoever waits for it waits in vain."""
    waiting, claim, over = await queued(store), await running(store), await running(store)
    await store.settle([end(over)])
    aborted = await queued(store)
    await abort(store, aborted)

    asked = [waiting, claim.id, over.id, aborted, "unknown"]
    assert set(await store.final(asked)) == {over.id, aborted, "unknown"}
    assert not await store.final([])
