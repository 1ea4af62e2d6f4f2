"""Any interleaving of several nodes on one queue: ids come twice, nodes die, the server forgets.

The model knows which ids are in the lines of their users, counts how often each is among the first
ones and how often each node has it in flight; an id moves from one to the other, and is lost only
when the server forgets all. Some ids are in lanes: only nodes with the labels get these. The order
of ids is not checked here: an id that a node moved for a worker that had left returns to the head
only a moment later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any, Final, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    precondition,
    rule,
)

from scheduler.core.job import WaitingJob
from scheduler.core.places import labels
from scheduler.core.ports.queue import Queue
from tests.model.effort import Run
from tests.support.eventually import eventually
from tests.support.queues import one_of
from tests.support.stores import ids_of

NODES_MAX: Final = 3
IDS: Final = st.sampled_from(["1", "2", "3", "4", "5"])
LANES: Final = {"3": "gpu", "4": "gpu", "5": "gpu,zone=eu"}
"""Those of ids that not every node takes."""
PLACES: Final = (
    labels.PLAIN,
    labels.Place(("gpu",)),
    labels.Place(("gpu", "zone=eu")),
    labels.Place(("gpu", "zone=eu"), ("gpu",)),
)
ALL: Final = PLACES[2]
"""This one takes all ids."""
COMES_S: Final = 10.0
"""Timeout for an id that is there, or is about to return to the head."""
PAUSE_S: Final = 0.02
"""Wait for an id that must not come."""

_numbers = count(1)


class Place(Protocol):
    """A server with its own namespace, and what tests do to it."""

    async def open(self, node_id: str, place: labels.Place = labels.PLAIN) -> Queue:
        """The queue as another node sees it."""
        ...

    async def close(self, node_id: str) -> None:
        """Close a node's queue, as a node does after a drain."""
        ...

    async def flush(self) -> None:
        """Make the server forget everything."""
        ...

    async def leftovers(self) -> set[str]:
        """Close all open queues; the keys and ids that are left for nodes or workers after that."""
        ...


class QueueMachine(RuleBasedStateMachine):
    """Several nodes on a queue that is empty at the start and at the end."""

    nodes = Bundle("nodes")
    held = Bundle("held")
    """The node that dequeued an id, the id, and how often the server had forgotten before."""

    def __init__(self, place: Place, run: Run) -> None:
        super().__init__()
        self.place, self.run = place, run
        self.first: Counter[str] = Counter()
        self.lines: set[str] = set()
        self.inflight: dict[str, Counter[str]] = {}
        self.queues: dict[str, Queue] = {}
        """The queues of the live nodes."""
        self.places: dict[str, labels.Place] = {}
        self.knows_all = False
        self.reminder: str | None = None
        """The node that must remind the server of all ids."""
        self.forgot = 0

    @initialize(target=nodes)
    def begin(self) -> Any:  # noqa: ANN401 - hypothesis'
        nodes = str(self.start(labels.PLAIN)), str(self.start(ALL))
        self.enqueue(nodes[0], ["1", "2", "3"], ahead=False)
        return multiple(*nodes)

    @precondition(lambda self: len(self.queues) < NODES_MAX)
    @rule(target=nodes, place=st.sampled_from(PLACES))
    def start(self, place: labels.Place) -> str:
        node_id = f"node-{next(_numbers)}"
        self.queues[node_id] = self.run(self.place.open(node_id, place))
        self.places[node_id] = place
        self.inflight[node_id] = Counter()
        return node_id

    @rule(node=nodes, ids=st.lists(IDS, min_size=1, max_size=3), ahead=st.booleans())
    def enqueue(self, node: str, ids: Sequence[str], ahead: bool) -> None:  # noqa: FBT001
        """The same id may come again while it waits or is in flight: by a submit and a sweep."""
        self.run(self.queues[node].enqueue(_jobs(ids), ahead=ahead))
        (self.first if ahead else self.lines).update(ids)

    @rule(target=held, node=nodes, many=st.integers(1, 3))
    def dequeue(self, node: str, many: int) -> Any:  # noqa: ANN401 - hypothesis'
        return multiple(*(self._dequeue(node) for _ in range(min(many, self.waiting(node)))))

    @rule(node=nodes)
    def wait_in_vain(self, node: str) -> None:
        """Dequeue where nothing is for the node, which may leave a blocking call on the server."""
        if not self.waiting(node):
            assert self.run(one_of(self.queues[node], wait_s=PAUSE_S)) is None

    @rule(of=consumes(held), back=st.booleans())
    def let_go(self, of: tuple[str, str, int], back: bool) -> None:  # noqa: FBT001 - hypothesis'
        node, job_id, forgot = of
        # Only for a live node, and not for an id that was enqueued again after a `forget`.
        if node not in self.queues or (forgot < self.forgot and self._anywhere(job_id)):
            return
        queue = self.queues[node]
        self.run(queue.give_back(job_id) if back else queue.acknowledge([job_id]))
        if self.inflight[node][job_id] > 0:
            self.inflight[node][job_id] -= 1
            self.first[job_id] += back

    @rule(node=consumes(nodes), drained=st.booleans())
    def leave(self, node: str, drained: bool) -> None:  # noqa: FBT001 - hypothesis'
        """If killed, its ids stay in flight until another node recovers them."""
        del self.queues[node]
        if drained:
            self.run(self.place.close(node))
            self.first.update(self.inflight.pop(node))

    @rule(node=nodes)
    def sweep(self, node: str) -> None:
        """Check which ids are missing, and recover those that dead nodes have in flight."""
        ids = ["1", "2", "3", "4", "5", "never"]
        gone = [each for each in ids if not self._anywhere(each)]

        async def as_the_model_says() -> bool:
            return ids_of(await self.queues[node].missing(_jobs(ids))) == gone

        # A node that waited while the server forgot is registered again soon after it got an id.
        self.run(eventually(as_the_model_says))
        returned = self.run(self.queues[node].recover(set(self.queues)))
        for dead in [each for each in self.inflight if each not in self.queues]:
            lost = self.inflight.pop(dead)
            returned -= lost.total()
            self.first.update(lost)
        assert returned >= 0  # it may include an id that a call left behind by a dead node moved

    @rule()
    def forget(self) -> None:
        """A flush, a restart without a file, or a failover to an empty replica."""
        self.run(self.place.flush())
        self.first.clear()
        self.lines.clear()
        for each in self.inflight.values():
            each.clear()
        self.knows_all, self.reminder = False, None
        self.forgot += 1

    @rule(node=nodes)
    def look(self, node: str) -> None:
        """`forgetful` is true for one node only; in this model for ever, even if that node dies."""
        if not self.knows_all and self.reminder is None:
            self.reminder = node
        assert self.run(self.queues[node].forgetful()) == (self.reminder == node)

    @rule(node=nodes, ids=st.lists(IDS, min_size=1, max_size=3))
    def remind(self, node: str, ids: Sequence[str]) -> None:
        """No effect for any other node, and once the server forgot again."""
        assert self.run(self.queues[node].remind(_jobs(ids))) == (self.reminder == node)
        if self.reminder == node:
            self.lines.update(ids)

    @rule(node=nodes, forgets_meanwhile=st.booleans())
    def remember(self, node: str, forgets_meanwhile: bool) -> None:  # noqa: FBT001 - hypothesis'
        """An effect only if the server did not forget again since `forgetful` was true."""
        self.look(node)
        if forgets_meanwhile:
            self.forget()
        self.run(self.queues[node].remember())
        if self.reminder == node:
            self.knows_all, self.reminder = True, None

    def teardown(self) -> None:
        """No id is lost, whoever died; once all nodes left, nothing remains (guarantee 8)."""
        last = str(self.start(ALL))
        for node in list(self.queues):
            if node != last:
                self.leave(node, drained=True)
        self.sweep(last)
        while self.waiting(last):
            _, job_id, _ = self._dequeue(last)
            self.run(self.queues[last].acknowledge([job_id]))
        assert self.run(one_of(self.queues[last], wait_s=PAUSE_S)) is None
        self.leave(last, drained=True)
        assert (left := self.run(self.place.leftovers())) == set(), left

    def _dequeue(self, node: str) -> tuple[str, str, int]:
        job_id = self.run(one_of(self.queues[node], wait_s=COMES_S))
        assert job_id is not None, f"lost: {self.first}, {self.lines}"
        assert self.first[job_id] > 0 or job_id in self.lines, f"{job_id} came once too often"
        assert self._takes(node, job_id), f"{job_id} is for other nodes than {self.places[node]}"
        if self.first[job_id] > 0:
            self.first[job_id] -= 1
        else:
            self.lines.remove(job_id)
        self.inflight[node][job_id] += 1
        return node, job_id, self.forgot

    def _anywhere(self, job_id: str) -> bool:
        counts = (self.first, *self.inflight.values())
        return job_id in self.lines or any(each[job_id] > 0 for each in counts)

    def _takes(self, node: str, job_id: str) -> bool:
        return self.places[node].takes_lane(LANES.get(job_id, labels.ANYWHERE))

    def waiting(self, node: str) -> int:
        """How many ids wait that a node takes."""
        ids = [*self.first.elements(), *self.lines]
        return sum(self._takes(node, job_id) for job_id in ids)


def _jobs(ids: Sequence[str]) -> list[WaitingJob]:
    """Jobs of two users."""
    return [
        WaitingJob(
            job_id,
            "even" if job_id in {"2", "4"} else "odd",
            lane=LANES.get(job_id, labels.ANYWHERE),
        )
        for job_id in ids
    ]
