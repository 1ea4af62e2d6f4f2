"""Clients that submit, abort and read jobs; like real ones they try again, and at other nodes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final
from uuid import uuid4

from tests.chaos.installation import LIMITED, PAUSE_S, RUNNING_MAX, UID, Installation
from tests.chaos.ledger import Pause

OPEN_MAX: Final = 4
"""How many jobs may wait or run for each node: more would only make the queue longer."""
MANNERS: Final = {"plain": 6, "parent": 2, "stubborn": 1, "fails": 1}
DURATIONS_S: Final = {0.0: 1, 0.2: 3, 1.0: 3, 4.0: 2}
ORDERS: Final[Mapping[str, int]] = {
    "plain": 6,
    "delayed": 3,
    "urgent": 1,
    "first": 1,
    "again": 3,
    "placed": 2,
    "unique": 2,
}
"""When and where jobs are to run, in which order, and how often."""
TASKS: Final = {"guarded": 4, "guarded_limited": 2}
CUSTOMERS: Final = {"acme": 2, "other": 1}
USERS: Final = {UID: 3, LIMITED: 1}
ACTS: Final = {
    "submit": 5,
    "submit_many": 1,
    "submit_graph": 1,
    "rerun_many": 1,
    "abort": 1,
    "change": 1,
    "pause": 1,
    "look": 3,
    "list_all": 1,
}
DELAY_S_MAX: Final = 4.0
WITHIN_S_MAX: Final = 2.0
PRIORITY_MAX: Final = 60
ATTEMPTS_MAX: Final = 4
BULK: Final = 3
PAUSED_S: Final = (1.0, 2.5)
UNPAUSED_S: Final = (3.0, 8.0)
"""Between two pauses of an installation: each covers the jobs of most users or of a handler."""
MARGIN_S: Final = 0.1
"""Before the end of a pause: two clocks are read one after the other."""

_numbers = count(1)


class Client:
    """One client of an installation."""

    def __init__(self, site: Installation, random: Random) -> None:
        self._site = site
        self._ledger = site.ledger
        self._random = random

    async def work(self, over: asyncio.Event) -> None:
        """Do one action after the other until the end of the run."""
        while not over.is_set():
            act = self._drawn(ACTS)
            await getattr(self, f"_{act}")()
            await asyncio.sleep(self._random.uniform(0, PAUSE_S))

    async def submit(self, *, key: str | None = None, **data: object) -> str | None:
        """Submit a job; with a key, until it is answered. Its id, if it was accepted."""
        return await self._submitted(self._new(None, **data), key=key)

    async def _submitted(self, job: dict[str, Any], *, key: str | None) -> str | None:
        headers = {} if key is None else {"Idempotency-Key": key}
        while True:
            answer = await self._site.call("POST", "/", job, headers=headers)
            if answer is not None:
                self._ledger.accept(answer[1])
                return str(answer[1]["id"])
            if key is None:
                return None
            await asyncio.sleep(PAUSE_S)

    async def _submit(self) -> None:
        if self._has_room():
            job = self._ordered(self._new())
            await self._submitted(job, key=self._random.choice([None, uuid4().hex]))

    async def _submit_many(self) -> None:
        if self._has_room():
            jobs = _with_each_key_once(self._ordered(self._new()) for _ in range(BULK))
            answer = await self._site.call("POST", "/", jobs)
            for job in answer[1] if answer else ():
                self._ledger.accept(job)

    async def _submit_graph(self) -> None:
        """Submit jobs that wait for each other: by a key, until it is answered."""
        if not self._has_room():
            return
        uid = self._drawn(USERS)
        first, second, third, last = (self._new(uid) for _ in range(4))
        jobs = [
            {**first, "ref": "a", "group": "graphs"},
            {**second, "ref": "b", "after": ["#a"], "group": "graphs"},
            {**third, "ref": "c", "after": ["#a"], "after_if": "end", "group": "graphs"},
            {**last, "after": ["#b", "#c"], "after_if": self._random.choice(["success", "end"])},
        ]
        headers = {"Idempotency-Key": uuid4().hex}
        while True:
            answer = await self._site.call("POST", "/", jobs, headers=headers)
            if answer is not None:
                break
            await asyncio.sleep(PAUSE_S)
        for job in answer[1]:
            self._ledger.accept(job)
        self._ledger.counts["graphs"] += 1

    async def _rerun_many(self) -> None:
        """Run jobs again that failed or were aborted, by one key, until it is answered."""
        if not self._has_room():
            return
        # Those of one key are left out: without it, two of them would run at once.
        task = self._random.choice(["guarded", "guarded_limited", "guarded_placed"])
        order = {"uid": UID, "task": task, "status": ["terminated", "aborted"], "limit": BULK}
        headers = {"Idempotency-Key": uuid4().hex}
        while True:
            answer = await self._site.call("POST", "/-/reruns", order, headers=headers)
            if answer is not None:
                break
            await asyncio.sleep(PAUSE_S)
        for each in answer[1]["jobs"]:
            job, _ = await self._site.look(f"/{UID}/{each['id']}")
            self._ledger.reran(job, each["rerun_of"])

    async def _abort(self) -> None:
        if not (jobs := self._ledger.open):
            return
        job = self._random.choice(jobs)
        wait_s = self._random.choice([0, 0, 2])
        asked_at = time.monotonic()
        answer = await self._site.call(
            "DELETE", f"/{job['uid']}/{job['id']}?wait={wait_s}", wait_s=wait_s
        )
        if answer is not None and answer[0] != 409:
            self._ledger.answer_abort(*answer[:2])
            self._ledger.saw(answer[1], asked_at=asked_at)

    async def _change(self) -> None:
        """Give a job another priority, or let it run at once; it may run already (409)."""
        if not (jobs := self._ledger.open):
            return
        job = self._random.choice(jobs)
        priority = self._random.randint(-PRIORITY_MAX, PRIORITY_MAX)
        change = self._random.choice([{"priority": priority}, {"run_at": None}])
        answer = await self._site.call("PATCH", f"/{job['uid']}/{job['id']}", change)
        if answer is not None and answer[0] == 200:
            self._ledger.counts["changed"] += 1

    async def _pause(self) -> None:
        """Pause all, and note what is queued then; the pause ends by itself.

        It is not resumed: a node that was stopped in the middle of a request would do that later,
        and end another pause. So may be a pause that comes late, but the store refuses its end.
        """
        if self._ledger.pausing.locked():
            return
        async with self._ledger.pausing:
            for_s = self._random.uniform(*PAUSED_S)
            end = time.monotonic() + for_s
            order = {"until": (datetime.now(UTC) + timedelta(seconds=for_s)).isoformat()}
            what, uids, tasks = self._random.choice(
                [(f"uid/{UID}", {UID}, {*TASKS})]
                + [(f"task/{task}", {*USERS}, {task}) for task in TASKS]
            )
            if await self._site.call("PUT", f"/-/pauses/{what}", order, also=400) is not None:
                await self._note_pause(uids, tasks, until=end - MARGIN_S)
            await asyncio.sleep(end - time.monotonic() + self._random.uniform(*UNPAUSED_S))

    async def _note_pause(
        self, uids: Collection[str], tasks: Collection[str], *, until: float
    ) -> None:
        queued = {
            job["id"]: job["attempt"]
            for job in await self._site.jobs()
            if job["status"] == "queued" and job["uid"] in uids and job["task"] in tasks
        }
        if queued and time.monotonic() < until:
            self._ledger.counts["paused"] += 1
            self._ledger.pauses.append(Pause(time.monotonic(), until, queued))

    async def _look(self) -> None:
        if self._ledger.accepted:
            await self._site.job(self._random.choice([*self._ledger.accepted]))
        for job in self._ledger.open[:BULK]:
            await self._site.job(job["id"])

    async def _list_all(self) -> None:
        await self._site.jobs()

    def _has_room(self) -> bool:
        return len(self._ledger.open) < OPEN_MAX * len(self._site.members)

    def _new(self, uid: str | None = None, /, **data: object) -> dict[str, Any]:
        drawn = {"manner": self._drawn(MANNERS), "for_s": self._drawn(DURATIONS_S)}
        uid = uid or self._drawn(USERS)
        if uid == LIMITED:
            self._ledger.counts[LIMITED] += 1
            drawn["places"] = RUNNING_MAX
        task = self._drawn(TASKS)
        if task == "guarded_limited":
            self._ledger.counts["in limiters"] += 1
            drawn["customer"] = self._drawn(CUSTOMERS)
        return {
            "uid": uid,
            "task": task,
            "data": {"folder": str(self._ledger.folder), "n": next(_numbers), **drawn, **data},
        }

    def _ordered(self, job: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 - one for each
        """The job with what says when it is to run."""
        order = self._drawn(dict(ORDERS))
        self._ledger.counts[order] += 1
        match order:
            case "delayed":
                return {**job, "delay_s": self._random.uniform(0, DELAY_S_MAX)}
            case "urgent":
                return {**job, "start_within_s": self._random.uniform(0.1, WITHIN_S_MAX)}
            case "first":
                return {**job, "priority": self._random.randint(1, PRIORITY_MAX)}
            case "unique":
                data = {**job["data"], "unique": True, "places": 0}
                unique = {"key": "chaos", "on_conflict": "replace"}
                return {**job, "uid": UID, "task": "guarded_unique", "data": data, "unique": unique}
            case "placed":
                return {**job, "task": "guarded_placed"}
            case "again":
                fails = self._random.randint(1, ATTEMPTS_MAX)
                data = {**job["data"], "manner": "plain", "for_s": 0.0, "fails": fails}
                return {**job, "data": data, "max_attempts": self._random.randint(2, ATTEMPTS_MAX)}
            case _:
                return job

    def _drawn(self, weights: dict[Any, int]) -> Any:  # noqa: ANN401 - one of the keys
        return self._random.choices([*weights], [*weights.values()])[0]


def _with_each_key_once(jobs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The jobs without those that have a unique key of one before: a request has each key once."""
    found: list[dict[str, Any]] = []
    for job in jobs:
        if "unique" not in job or all("unique" not in each for each in found):
            found.append(job)
    return found
