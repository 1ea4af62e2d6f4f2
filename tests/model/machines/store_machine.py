"""Any interleaving of several nodes on one store, compared with the model after every step.

    rule ──▶ the store does it ──▶ the model says what the answer must be ──▶ all jobs are compared
             members run jobs, lose leases, die and come back; their sweepers are the real ones

Time passes only by a rule. A member whose lease is over has killed its attempts, and so has one
that learned that it was buried. Its later writes come too late: tokens must refuse them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from scheduler.core.errors import ParentAborted, QuotaExceeded
from scheduler.core.job import (
    FINAL,
    Claim,
    Cleanup,
    CleanupTries,
    Failure,
    FailureKind,
    Hold,
    HoldReason,
    JsonText,
    NewJob,
    Purpose,
    Settlement,
    Status,
)
from scheduler.core.job import Progress as Made
from scheduler.core.ports.store import Retiming, Store
from scheduler.core.quotas.quota import Quota, Use
from tests.model.effort import Run
from tests.model.life import LOSSES_MAX, TRIES_MAX, Life, shown
from tests.model.member import LEASE_S, Member
from tests.support.stores import AT, DEATH, ids_waiting, new, node, untimed
from tests.support.witness import Witness

UID: Final = "u1"
ALL: Final = 10_000
"""A limit that no example reaches."""
JOBS_MAX: Final = 4
MEMBERS_MAX: Final = 3
"""Few, so that they work on the same jobs."""
PAUSE_S: Final = 4
"""Between two tries of a clean-up."""
LABELS: Final = ("gpu", "zone=eu")
SELDOM: Final = st.sampled_from([False, False, False, True])
ENDS: Final = (Status.SUCCESSFUL, Status.TERMINATED, Status.ABORTED, Status.QUEUED)
RAISED: Final = Failure(kind=FailureKind.EXCEPTION, message="no")


class StoreMachine(RuleBasedStateMachine):
    """Several nodes on a store that is empty at the start and at the end."""

    jobs = Bundle("jobs")
    members = Bundle("members")
    held = Bundle("held")
    """A claim, and the member that got it."""

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__()
        self.store, self.run = store, run
        self.lives: dict[str, Life] = {}
        self.keys: dict[str, str] = {}
        """The id of the job that each idempotency key belongs to."""
        self.up: dict[str, Member] = {}
        self.registered: set[str] = set()
        self.looks: dict[str, tuple[int, float]] = {}
        """The beat that a sweeper first saw of each member, and when."""
        self.now = 0.0
        self.told = 0
        self.begun_directly: list[tuple[Member, Claim]] = []
        """What members were given with insertions, until `held` has it."""
        self.witness = Witness()

    # What users do

    @initialize(target=jobs)
    def begin(self) -> Any:  # noqa: ANN401 - hypothesis'
        return multiple(*self._insert([new(UID), new(UID, undoable=True)]))

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=jobs, undoable=st.booleans(), key=st.sampled_from([None, None, "k"]))
    def insert(self, undoable: bool, key: str | None) -> str:  # noqa: FBT001 - hypothesis'
        """With a key, the answer is the earlier job, as long as there is one."""
        if key is None:
            return self._insert([new(UID, undoable=undoable)])[0]
        job, earlier = new(UID, key=key, fingerprint="f"), self.keys.get(key)
        again = earlier in self.lives
        inserted = self.run(self.store.insert([job]))
        self.keys[key] = str(earlier) if again else job.id
        assert [each.id for each in inserted.jobs] == [self.keys[key]]
        assert inserted.created != again
        if not again:
            self._live(Life(job.id, undoable=False))
        return self.keys[key]

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=jobs, queued_max=st.integers(1, JOBS_MAX), number=st.integers(1, 2))
    def insert_within_a_quota(self, queued_max: int, number: int) -> Any:  # noqa: ANN401
        """All of them or none; whatever made the others queued, they count, and once."""
        queued = sum(life.status is Status.QUEUED for life in self.lives.values())
        sent, quota = [new(UID) for _ in range(number)], Quota(pattern="*", queued_max=queued_max)
        try:
            inserted = self.run(self.store.insert(sent, quotas={UID: quota}))
        except QuotaExceeded:
            assert queued + number > queued_max
            return multiple()
        assert inserted.queued == {UID: queued + number}
        assert queued + number <= queued_max
        for job in sent:
            self._live(Life(job.id, undoable=False))
        return multiple(*(job.id for job in sent))

    @rule()
    def look_at_use(self) -> None:
        statuses = [life.status for life in self.lives.values()]
        assert self.run(self.store.usage([UID], count_max=ALL)) == {
            UID: Use(statuses.count(Status.QUEUED), statuses.count(Status.RUNNING))
        }

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=jobs, parent=jobs)
    def insert_child(self, parent: str) -> Any:  # noqa: ANN401 - hypothesis'
        """The parent may have been deleted, or refuse children."""
        life, child = self.lives.get(parent), new(UID, parent=parent)
        if life is None or not life.refuses_children:
            return self._insert([child])[0]
        try:
            self.run(self.store.insert([child]))
        except ParentAborted:
            return multiple()
        raise AssertionError(f"{parent} refuses children and got one")

    @rule(job_id=jobs, limit=st.sampled_from([1, ALL]), strangers=SELDOM)
    def refuse_children(self, job_id: str, limit: int, strangers: bool) -> None:  # noqa: FBT001
        uid = "u2" if strangers else UID
        accepting = [each for each in self._below(job_id, uid) if not each.refuses_children]
        refused = self.run(self.store.refuse_children(job_id, uid=uid, limit=limit))
        assert refused == len(accepting[:limit])
        if limit < len(accepting):  # which of them is the store's choice
            assert self.run(self.store.refuse_children(job_id, uid=uid, limit=ALL))
        for each in accepting:
            each.refuses_children = True

    @rule(job_id=jobs)
    def look_below(self, job_id: str) -> None:
        found = self.run(self.store.unaborted(job_id, uid=UID, grace_s=None, limit=ALL))
        below = self._below(job_id, UID)
        assert set(found) == {
            each.id for each in below if each.status not in FINAL and not each.abort_asked
        }

    @rule(job_id=jobs, strangers=SELDOM, member=members)
    def request_abort(self, job_id: str, strangers: bool, member: Member) -> None:  # noqa: FBT001
        at = member.clock.now()
        answer = self.run(
            self.store.request_abort(
                job_id, uid="u2" if strangers else UID, reason=None, grace_s=None, at=at
            )
        )
        life = self.lives.get(job_id)
        if life is None or strangers:
            assert answer is None
            return
        life.ask_abort(at)
        assert shown(answer) == life.shown()
        self.witness.abort_answered(answer)

    # What nodes do

    @initialize(target=members)
    def start_two(self) -> Any:  # noqa: ANN401 - hypothesis'
        return multiple(self.start(), self.start())

    @precondition(lambda self: len(self.up) < MEMBERS_MAX)
    @rule(target=members)
    def start(self) -> Member:
        member = Member(self.store, now=self.now)
        self.up[member.id] = member
        self._register(member)
        return member

    @rule(target=held, member=members, job_ids=st.none() | st.lists(jobs), lost=SELDOM)
    def claim(self, member: Member, job_ids: Sequence[str] | None, lost: bool) -> Any:  # noqa: ANN401, FBT001
        """Ids that wait in the store, or any ids, as a queue gives them. Some answers are lost."""
        ids = self.run(ids_waiting(self.store)) if job_ids is None else job_ids
        held = self._claim(member, ids)
        return multiple(*(() if lost else self._begun(member, held)))

    @precondition(lambda self: len(self.lives) < JOBS_MAX)
    @rule(target=jobs, member=members, undoable=st.booleans(), lost=SELDOM)
    def insert_claimed(self, member: Member, undoable: bool, lost: bool) -> str:  # noqa: FBT001
        """Insert and claim at once, as for an idle worker. Some answers are lost."""
        job = new(UID, undoable=undoable)
        inserted = self.run(self.store.insert([job], claimer=member.id))
        life = self._live(Life(job.id, undoable))
        hold = Hold(HoldReason.PAUSED, None) if life.parked else None
        assert (inserted.created, [*map(untimed, inserted.jobs)]) == (True, [job.stored(hold=hold)])
        claimable = self._known(member) and self._may_begin(life)
        assert [claim.id for claim in inserted.claims] == [job.id] * claimable
        for claim in inserted.claims:
            self._claimed(member, claim)
        assert not self.run(self.store.insert([job], claimer=member.id)).claims
        if not lost:
            self.begun_directly += self._begun(member, inserted.claims)
        return job.id

    @precondition(lambda self: self.begun_directly)
    @rule(target=held)
    def hold_what_began_directly(self) -> tuple[Member, Claim]:
        """So that other rules may settle it."""
        return self.begun_directly.pop()

    @rule(of=held, more=st.lists(held, max_size=2), status=st.sampled_from(ENDS))
    def settle(
        self, of: tuple[Member, Claim], more: Sequence[tuple[Member, Claim]], status: Status
    ) -> None:
        """Settle any earlier claim: its node may have come back, or settled it before."""
        batch = [
            (claim, self._allowed(claim, status), member.clock.now())
            for member, claim in [of, *more]
            if member.id in self.up and self._ended(member, claim)
        ]
        settled = self.run(self.store.settle([_settlement(*each) for each in batch]))
        assert set(settled) == {claim.id for claim, *_ in batch if self._settled(claim, batch)}

    @rule(of=held, succeeds=st.booleans())
    def write(self, of: tuple[Member, Claim], succeeds: bool) -> None:  # noqa: FBT001 - hypothesis'
        """The other writes of an attempt: progress, survivors, the end of a try of a clean-up."""
        member, claim = of
        if member.id not in self.up:
            return
        self._tell(claim)
        self._ended(member, claim)
        next_try_at = member.clock.now() + timedelta(seconds=PAUSE_S)
        done = self.run(_try_ended(self.store, claim, next_try_at, succeeds=succeeds))
        life = self.lives.get(claim.id)
        cleans = life is not None and life.cleans(claim.token)
        assert done == cleans
        if life is not None and cleans:
            life.end_try(succeeded=succeeds, next_try_at=next_try_at)

    @rule(member=members)
    def resume_cleanups(self, member: Member) -> None:
        """By its own wall clock, as for all that waits for a time."""
        at = member.clock.now()
        due = [life for life in self.lives.values() if life.next_try_at and life.next_try_at <= at]
        resumed = self.run(self.store.resume_cleanups(at=at, limit=ALL))
        assert sorted(resumed) == sorted(life.id for life in due)
        for life in due:
            life.next_try_at = None

    @rule(member=members, lost=SELDOM)
    def do_the_chores(self, member: Member, lost: bool) -> None:  # noqa: FBT001 - hypothesis'
        self._renew(member, lost=lost)
        self._look_for_parents_in_wait(member)
        self._give_back_strays(member)
        self._sweep(member)

    @rule(member=consumes(members), drained=st.booleans())
    def leave(self, member: Member, drained: bool) -> None:  # noqa: FBT001 - hypothesis'
        """A node ends with its processes. Only after a drain it gives back and unregisters."""
        self._kill(member)
        del self.up[member.id]
        if drained:
            self._give_back(member, self.run(self.store.claims_of(member.id, but=())))
            self.run(self.store.bury(member.id))
            self.registered.discard(member.id)

    # What makes up for it

    @rule(
        seconds=st.sampled_from([0.5, 2.0, LEASE_S, 4 * LEASE_S]),
        member=members,
        hours=st.integers(-2, 2),
    )
    def time_passes(self, seconds: float, member: Member, hours: int) -> None:
        """No node does anything; one wall clock is set."""
        member.clock.ahead = timedelta(hours=hours)
        self._pass(seconds)

    @rule(silent=members)
    def a_node_falls_silent(self, silent: Member) -> None:
        """It is frozen, or cut off, for longer than its lease; the others continue as usual."""
        for _ in range(4):
            for member in list(self.up.values()):
                if member is not silent:
                    self._renew(member, lost=False)
                    self._sweep(member)
            self._pass(LEASE_S / 3)

    @rule(target=held, silent=members, heir=members, status=st.sampled_from(ENDS))
    def a_node_is_taken_over(self, silent: Member, heir: Member, status: Status) -> Any:  # noqa: ANN401
        """Another node runs its jobs when it comes back and writes their outcomes."""
        if silent is heir:
            return multiple()
        late = self._begun(silent, self._claim(silent, self.run(ids_waiting(self.store))))
        self.a_node_falls_silent(silent)
        waiting = self.run(ids_waiting(self.store))
        held = self._begun(heir, self._claim(heir, waiting))
        for each in late:
            self.write(each, succeeds=True)
            self.settle(each, [], status)
        return multiple(*late, *held)

    @rule(member=members)
    def bury_late(self, member: Member) -> None:
        """A slow sweeper buries it: the node may have renewed, or come back meanwhile."""
        beat, seen_at = self.looks.setdefault(member.id, (member.beats, self.now))
        if self.now - seen_at < LEASE_S:
            return
        del self.looks[member.id]
        buried = self.run(self.store.bury(member.id, beat=beat))
        assert buried == (self._known(member) and member.beats == beat)
        if buried:
            self.registered.remove(member.id)

    @rule(member=members)
    def delete_old_jobs(self, member: Member) -> None:
        before = member.clock.now()
        old = {life.id for life in self.lives.values() if _is_old(life, before)}
        assert self.run(self.store.delete_finished(before=before, limit=ALL)) == len(old)
        for job_id in old:
            del self.lives[job_id]
            self.witness.forget(job_id)

    # What must be true at any time

    @invariant()
    def every_job_is_as_the_model_has_it(self) -> None:
        page = self.run(self.store.page(UID, limit=ALL, bytes_max=ALL * ALL))
        assert [job.id for job in page] == sorted(self.lives, reverse=True)
        for job in page:
            assert shown(job) == self.lives[job.id].shown()
            self.witness.see(job)

    @invariant()
    def what_waits_is_to_be_had(self) -> None:
        waiting = sorted(life.id for life in self.lives.values() if life.waits)
        assert sorted(self.run(ids_waiting(self.store))) == waiting

    def teardown(self) -> None:
        """Guarantee 4: once one node comes back every job ends. Guarantee 8: nothing is left."""
        self.run(self._end_all())

    async def _end_all(self) -> None:
        store = self.store
        for each in await store.nodes():
            await store.bury(each.id)
        await store.release_orphans(losses_max=LOSSES_MAX, at=AT)
        await store.register(replace(node("last"), labels=LABELS))
        await store.resume_cleanups(at=AT + timedelta(days=9), limit=ALL)
        for life in self.lives.values():
            await store.reorder(life.id, uid=UID, retiming=Retiming(None))
        await asyncio.sleep(0.003)  # what had to begin soon has not
        await store.expire(limit=ALL)
        ids = await ids_waiting(store)
        claims = await store.claim(ids, node_id="last", at=AT)
        runs = [claim for claim in claims if claim.purpose is Purpose.RUN]
        settled = await store.settle([_settlement(each, Status.SUCCESSFUL, AT) for each in runs])
        assert set(settled) == {claim.id for claim in runs}
        for claim in claims:
            if claim.purpose is Purpose.CLEAN:
                assert await _try_ended(store, claim, AT, succeeds=True)
        for life in self.lives.values():
            job = await store.get(life.id)
            assert job is not None
            assert job.status in FINAL
            assert job.over, "every clean-up ends, too"
            assert job.owner is None
            self.witness.see(job)
        await store.bury("last")
        await store.delete_finished(before=datetime.max.replace(tzinfo=UTC), limit=ALL)
        assert not await store.page(UID, limit=1, bytes_max=ALL)

    # The model's own steps

    def _insert(self, jobs: Sequence[NewJob]) -> list[str]:
        for _ in range(2):  # the answer may be lost, and then the same jobs are sent again
            inserted = self.run(self.store.insert(jobs))
            assert ([job.id for job in inserted.jobs], inserted.created) == (
                [each.id for each in jobs],
                True,
            )
        for each in jobs:
            self._live(Life(each.id, each.undoable, each.parent))
        return [each.id for each in jobs]

    def _live(self, life: Life) -> Life:
        """Have a new job."""
        self.lives[life.id] = life
        return life

    def _may_begin(self, _life: Life) -> bool:
        """Whether nothing but the job itself keeps it from being claimed."""
        return True

    def _takes(self, member: Member, job_id: str) -> bool:
        """Whether a member has what a job needs."""
        return {*self.lives[job_id].needs} <= {*member.labels}

    def _below(self, job_id: str, uid: str) -> list[Life]:
        """A job and all below it; the jobs of the model are one user's."""
        below = {job_id} & set(self.lives if uid == UID else ())
        for _ in range(JOBS_MAX):
            below |= {each.id for each in self.lives.values() if each.parent in below}
        return [self.lives[each] for each in below]

    def _known(self, member: Member) -> bool:
        return member.id in self.registered

    def _register(self, member: Member) -> None:
        member.beats, member.renewed_at = member.beats + 1, self.now
        registered = replace(node(member.id), beat=member.beats, labels=member.labels)
        self.run(self.store.register(registered))
        self.registered.add(member.id)
        member.hold_from(self.now)

    def _pass(self, seconds: float) -> None:
        """A member that has lost its lease by then has ended its attempts."""
        self.now += seconds
        for member in self.up.values():
            member.clock.advance(seconds)
            if not member.may_run:
                self._kill(member)

    def _renew(self, member: Member, *, lost: bool) -> None:
        known = self.run(self.store.renew(member.id, running=len(member.running)))
        assert known == self._known(member)
        if not known:
            self._kill(member)
            self._register(member)
            return
        member.beats, member.renewed_at = member.beats + 1, self.now
        running = (life for life in self.lives.values() if life.status is Status.RUNNING)
        assert set(self.run(self.store.aborts_requested(member.id))) == {
            life.id for life in running if life.owner == member.id and life.abort_asked
        }
        if not lost:
            member.hold_from(self.now)

    def _look_for_parents_in_wait(self, member: Member) -> None:
        lives = self.lives.values()
        waited_for = {each.parent for each in lives if each.queued}
        assert set(self.run(self.store.parents_in_wait(member.id))) == {
            each.id
            for each in lives
            if each.owner == member.id and each.status is Status.RUNNING and each.id in waited_for
        }

    def _give_back_strays(self, member: Member) -> None:
        """Claims that the node holds without knowing, because an answer was lost."""
        held = self.run(self.store.claims_of(member.id, but=member.running))
        mine = {life.id: life.token for life in self.lives.values() if life.owner == member.id}
        assert {claim.id: claim.token for claim in held} == {
            job_id: token for job_id, token in mine.items() if job_id not in member.running
        }
        self._give_back(member, held)

    def _sweep(self, member: Member) -> None:
        self.run(member.sweeper.release_dead_nodes())
        there = {each.id for each in self.run(self.store.nodes())}
        for buried in self.registered - there:
            dead = self.up.get(buried)
            assert dead is None or self.now - dead.renewed_at >= LEASE_S, "a living node is buried"
        self.registered = there
        self._release(at=member.clock.now())

    def _tell(self, claim: Claim) -> None:
        self.told += 1
        made = Made(done=float(self.told))
        self.run(self.store.report({(claim.id, claim.token): made}))
        self.run(self.store.note_survivors(claim.id, token=claim.token, death=DEATH))
        job = self.run(self.store.get(claim.id))
        if job is not None and not self.lives[claim.id].holds(claim.token):
            assert job.progress != made

    def _claim(self, member: Member, ids: Sequence[str]) -> Sequence[Claim]:
        claims: Sequence[Claim] = self.run(
            self.store.claim(ids, node_id=member.id, at=member.clock.now())
        )
        lives = [life for each in set(ids) if (life := self.lives.get(each))]
        waiting = {life.id for life in lives if life.claimable and self._may_begin(life)}
        waiting = {each for each in waiting if self._takes(member, each)}
        assert {claim.id for claim in claims} == (waiting if self._known(member) else set())
        for claim in claims:
            self._claimed(member, claim)
        return claims

    def _claimed(self, member: Member, claim: Claim) -> None:
        self.witness.claimed(claim)
        life = self.lives[claim.id]
        was_queued = life.status is Status.QUEUED
        life.claim(member.id)
        assert (claim.token, claim.attempt) == (life.token, life.attempt)
        assert (claim.purpose is Purpose.RUN) == was_queued
        assert claim.cleanup_tries == life.tries
        assert (claim.max_attempts, claim.attempts_used) == (life.max_attempts, life.used)

    def _begun(self, member: Member, claims: Sequence[Claim]) -> list[tuple[Member, Claim]]:
        """The claims that a node got run there, unless its lease is over."""
        for claim in claims:
            if member.may_run:
                self.witness.begins(claim.id, (member, claim))
                member.running[claim.id] = claim
        return [(member, claim) for claim in claims]

    def _ended(self, member: Member, claim: Claim) -> bool:
        """End its processes: nothing is written about them."""
        self.witness.ends(claim.id, (member, claim))
        if member.running.get(claim.id) == claim:
            del member.running[claim.id]
        return True

    def _kill(self, member: Member) -> None:
        for claim in list(member.running.values()):
            self._ended(member, claim)

    def _allowed(self, claim: Claim, status: Status) -> Status:
        """No attempt ends aborted without a requested abort."""
        life = self.lives.get(claim.id)
        unasked = life is not None and life.holds(claim.token) and not life.abort_asked
        return Status.QUEUED if unasked and status is Status.ABORTED else status

    def _settled(self, claim: Claim, batch: Sequence[tuple[Claim, Status, datetime]]) -> bool:
        """Whether the token holds, and this is the first settlement in the batch that has it."""
        life = self.lives.get(claim.id)
        if life is None or not life.holds(claim.token):
            return False
        _, status, at = next(each for each in batch if each[0] == claim)
        end = _settlement(claim, status, at)
        life.settle(status, result=end.result, at=at)
        return True

    def _give_back(self, member: Member, claims: Sequence[Claim]) -> None:
        """Give back claims, as a node does that will not run the jobs."""
        at = member.clock.now()
        for claim in claims:
            self._ended(member, claim)
            if claim.purpose is Purpose.RUN:
                assert self.run(self.store.settle([_settlement(claim, Status.QUEUED, at)]))
                self.lives[claim.id].settle(Status.QUEUED, result=None, at=at)
            else:
                assert self.run(
                    self.store.settle_cleanup(claim.id, token=claim.token, cleanup=Cleanup.PENDING)
                )
                self.lives[claim.id].give_back_cleanup()

    def _release(self, at: datetime) -> None:
        for life in self.lives.values():
            if life.owner is not None and life.owner not in self.registered:
                life.release(at)


def _settlement(claim: Claim, status: Status, at: datetime) -> Settlement:
    return Settlement(
        id=claim.id,
        token=claim.token,
        status=status,
        at=at,
        result=JsonText(f'"by {claim.token}"') if status is Status.SUCCESSFUL else None,
        error=RAISED if status is Status.TERMINATED else None,
        death=DEATH if status in {Status.ABORTED, Status.QUEUED} else None,
    )


async def _try_ended(store: Store, claim: Claim, next_try_at: datetime, *, succeeds: bool) -> bool:
    """Settle a try of a clean-up, as a node does that allows `TRIES_MAX`."""
    ended = claim.cleanup_tries + 1
    end = Cleanup.DONE if succeeds else Cleanup.FAILED if ended == TRIES_MAX else Cleanup.PENDING
    tries = CleanupTries(
        ended=ended,
        allowed=TRIES_MAX,
        next_at=next_try_at if end is Cleanup.PENDING else None,
        error=None if succeeds else RAISED,
    )
    return await store.settle_cleanup(claim.id, token=claim.token, cleanup=end, tries=tries)


def _is_old(life: Life, before: datetime) -> bool:
    return life.finished_at is not None and life.finished_at < before and not life.cleaning
