"""Any interleaving of nodes and limited jobs: never too many at once, and none waits for nothing.

What runs, and what holds a key, is known to the model by the answers alone: a claim, a settlement
that took effect, a node that is buried and its jobs taken back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    FINAL,
    Again,
    AttemptOutcome,
    Claim,
    Cleanup,
    HoldReason,
    Job,
    Purpose,
    Settlement,
    Status,
)
from scheduler.core.limits.declaration import Limit
from scheduler.core.limits.limiters import limiters_of
from scheduler.core.ports.store import Store
from tests.contract.limiters.asking import TASK, claim, in_limiters, let_all_go, limited
from tests.model.effort import Run
from tests.support.stores import DEATH, abort, end, ids_waiting, later, new, node

NODES: Final = ("a1", "b1")
DATA: Final = st.sampled_from(["null", '{"c": 1}', '{"c": 2}'])
ENDS: Final = (Status.SUCCESSFUL, Status.TERMINATED, Status.QUEUED)
LOSSES_MAX: Final = 1000
ROUNDS_MAX: Final = 200


def handler(jobs_max: int) -> HandlerOptions:
    """So many at once of all, one of each user and customer."""
    return limited(Limit(jobs_max), Limit(1, by=("uid", "/c")))


class LimiterMachine(RuleBasedStateMachine):
    """Two nodes on a store, and a handler with two limits, one of which changes."""

    jobs = Bundle("jobs")

    def __init__(self, store: Store, run: Run) -> None:
        super().__init__()
        self.store, self.run = store, run
        self.ids: list[str] = []
        self.options = handler(2)
        self.claims: dict[str, Claim] = {}
        """The claims that hold, by job."""

    @initialize()
    def begin(self) -> None:
        for name in NODES:
            self.run(self.store.register(node(name)))

    @rule(target=jobs, uid=st.sampled_from(["u1", "u2"]), data=DATA, undoable=st.booleans())
    def submit(self, uid: str, data: str, undoable: bool) -> str:  # noqa: FBT001 - hypothesis'
        job = new(uid, data=data, undoable=undoable)
        self.run(self.store.insert([job]))
        self.ids.append(job.id)
        return job.id

    @rule(jobs_max=st.integers(1, 3))
    def load_anew(self, jobs_max: int) -> None:
        """With another limit. What runs already goes on."""
        self.options = handler(jobs_max)

    @rule(job_ids=st.lists(jobs, max_size=4), name=st.sampled_from(NODES))
    def claim(self, job_ids: Sequence[str], name: str) -> None:
        """Any ids: stale ones, and ones that come twice."""
        before = self._occupied()
        found = self.run(claim(self.store, self.options, *job_ids, node_id=name))
        self._note(found.claims)
        begun = Counter(
            limiter.key
            for each in found.claims
            for limiter in limiters_of(self.options, uid=each.uid, data=each.data)
        )
        most = self._most()
        for key, count in begun.items():
            assert before[key] + count <= most[key], "more run at once than may"
        for job in found.held:
            assert self._job(job.id).hold is not None

    @rule(ahead=st.integers(1, 5), uid=st.sampled_from(["u1", "u2"]))
    def hold_ahead(self, ahead: int, uid: str) -> None:
        found = self.run(
            self.store.limiters.next_jobs(uid, tasks=[TASK], limit=ahead, bytes_max=1000)
        )
        asked = self.run(in_limiters(self.store, self.options, [each.job.id for each in found]))
        self.run(self.store.limiters.hold(asked))

    @rule(name=st.sampled_from(NODES), job_id=jobs)
    def clean_up(self, name: str, job_id: str) -> None:
        """The common claim has no part in limited jobs but this."""
        self._note(
            self.run(self.store.claim([job_id], node_id=name, at=later(2), but_tasks=[TASK]))
        )

    @rule(job_id=jobs, status=st.sampled_from(ENDS), again=st.booleans())
    def settle(self, job_id: str, status: Status, again: bool) -> None:  # noqa: FBT001 - hypothesis'
        held = self.claims.pop(job_id, None)
        if held is None:
            return
        if held.purpose is Purpose.CLEAN:
            cleanup = Cleanup.DONE if again else Cleanup.PENDING
            self.run(
                self.store.settle_cleanup(job_id, token=held.token, cleanup=cleanup, tries=None)
            )
            return
        wanted = self._job(job_id).abort is not None
        ended = end(held, Status.ABORTED if wanted else status, death=DEATH)
        if again and ended.status is Status.QUEUED:
            ended = Settlement(
                id=ended.id,
                token=ended.token,
                status=ended.status,
                at=ended.at,
                death=DEATH,
                again=Again(outcome=AttemptOutcome.TERMINATED, after_s=0.0),
            )
        self.run(self.store.settle([ended]))

    @rule(job_id=jobs)
    def abort(self, job_id: str) -> None:
        job = self._job(job_id)
        after = self.run(abort(self.store, job_id, job.uid))
        assert (after.status is Status.ABORTED) or job.status is not Status.QUEUED

    @rule(number=st.integers(0, 3))
    def stop(self, number: int) -> None:
        """Abort one that runs, and see it dead; what it did may have to be undone."""
        runs = [each for each in self.claims.values() if each.purpose is Purpose.RUN]
        for held in runs[number : number + 1]:
            self.abort(held.id)
            self.settle(held.id, Status.ABORTED, again=False)

    @rule(name=st.sampled_from(NODES))
    def die(self, name: str) -> None:
        """Its processes are dead by then, as its lease is over."""
        self.run(self.store.bury(name))
        self.run(self.store.release_orphans(losses_max=LOSSES_MAX, at=later(5)))
        self.run(self.store.register(node(name)))
        gone = [job_id for job_id in self.claims if self._job(job_id).owner is None]
        for job_id in gone:
            del self.claims[job_id]

    @rule()
    def let_go(self) -> None:
        self.run(let_all_go(self.store, self.options))

    @rule()
    def promote(self) -> None:
        self.run(self.store.promote(limit=100))

    @invariant()
    def none_is_parked_that_runs(self) -> None:
        for job_id in self.claims:
            assert self._job(job_id).hold is None

    def teardown(self) -> None:
        """Whatever came before, all that wait begin in turn, and all end."""
        for _ in range(ROUNDS_MAX):
            self._begin_all()
            self._none_waits_for_nothing()
            if not self.claims:
                break
            for job_id in list(self.claims):
                self.settle(job_id, Status.SUCCESSFUL, again=True)
        left = [job.id for job in map(self._job, self.ids) if job.status not in FINAL]
        assert not left, "some wait for ever"
        for limiter in self.run(self.store.limiters.freed(limit=100)):
            assert not limiter.holds
        super().teardown()

    def _begin_all(self) -> None:
        """Take all steps of a quiet installation, until nothing moves."""
        while True:
            self.run(self.store.promote(limit=100))
            self.run(let_all_go(self.store, self.options))
            waiting = self.run(ids_waiting(self.store))
            before = len(self.claims)
            for job_id in waiting:
                self.clean_up("a1", job_id)
                self.claim([job_id], "a1")
            if len(self.claims) == before:
                return

    def _none_waits_for_nothing(self) -> None:
        occupied, most = self._occupied(), self._most()
        for job in map(self._job, self.ids):
            if job.hold is not None:
                assert job.hold.reason == HoldReason.LIMIT
                keys = [limiter.key for limiter in self._limiters(job)]
                assert any(occupied[key] >= most[key] for key in keys), "it waits for nothing"

    def _occupied(self) -> Counter[str]:
        """How many jobs hold each key."""
        jobs = map(self._job, self.ids)
        return Counter(
            limiter.key
            for job in jobs
            if job.status is Status.RUNNING or job.owner is not None or self._is_cleaning(job)
            for limiter in self._limiters(job)
        )

    def _is_cleaning(self, job: Job) -> bool:
        return job.abort is not None and job.abort.cleanup is Cleanup.PENDING and job.attempt > 0

    def _most(self) -> dict[str, int]:
        return {
            limiter.key: limiter.jobs_max or 0
            for job in map(self._job, self.ids)
            for limiter in self._limiters(job)
        }

    def _limiters(self, job: Job) -> Sequence[Any]:
        return limiters_of(self.options, uid=job.uid, data=job.data)

    def _note(self, claims: Sequence[Claim]) -> None:
        self.claims |= {each.id: each for each in claims}

    def _job(self, job_id: str) -> Job:
        job = self.run(self.store.get(job_id))
        assert isinstance(job, Job)
        return job
