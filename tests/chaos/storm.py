"""Causes faults in one installation, and measures the recovery from each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from random import Random
from typing import Any, Final
from uuid import uuid4

import structlog

from tests.chaos.clients import Client
from tests.chaos.faults import Fault, Harm, Site
from tests.chaos.ledger import FINAL

log = structlog.get_logger()

RECOVERY_MAX_S: Final = 60.0
"""A limit for a machine that is busy with the run itself; the design's limit is lease_s + 2 s."""
AT_ONCE: Final = (1, 1, 2)
"""How many faults happen together, drawn from these."""
BREATHER_S: Final = (0.2, 1.5)
LOOK_S: Final = 0.1


class Storm:
    """Causes one fault after the other in an installation."""

    def __init__(self, site: Site, faults: Mapping[Fault, int], random: Random) -> None:
        self.recoveries: list[tuple[str, float]] = []
        """Each fault that happened, and the seconds until the installation had recovered."""
        self._site = site
        self._faults = faults
        self._random = random
        self._prober = Client(site.nodes, random)

    async def rage(self, over: asyncio.Event) -> None:
        """Cause one fault, or several together, after the other until the end of the run."""
        while not over.is_set():
            await self._blow()
            await asyncio.sleep(self._random.uniform(*BREATHER_S))

    async def _blow(self) -> None:
        drawn = self._random.choices(
            [*self._faults], [*self._faults.values()], k=self._random.choice(AT_ONCE)
        )
        distinct = [*dict.fromkeys(drawn)]
        async with asyncio.TaskGroup() as group:
            harms = [group.create_task(self._strike(fault)) for fault in distinct]
        for fault, harm in zip(distinct, harms, strict=True):
            took_s = await self._recovery(harm.result())
            name = f"{self._site.nodes.name}: {fault.__name__}"
            self.recoveries.append((name, took_s))
            log.info(f"{name}: whole again after {took_s:.1f} s")

    async def _strike(self, fault: Fault) -> Harm:
        return await fault(self._site)

    async def _recovery(self, harm: Harm) -> float:
        """Wait until no job is left on a node with a fault, and a new job has ended."""
        try:
            async with (
                asyncio.timeout_at(asyncio.get_running_loop().time() + RECOVERY_MAX_S),
                asyncio.TaskGroup() as group,
            ):
                group.create_task(self._probe())
                for job in harm.patients:
                    group.create_task(self._released(job))
        except TimeoutError:
            self._site.nodes.ledger.wrong.append(f"not whole within {RECOVERY_MAX_S} s: {harm}")
        return time.monotonic() - harm.since

    async def _probe(self) -> None:
        """Submit a job until it is accepted, and wait for its end."""
        job_id = await self._prober.submit(key=uuid4().hex, manner="plain", for_s=0)
        assert job_id is not None
        await self._site.nodes.job(job_id, wait_s=RECOVERY_MAX_S)

    async def _released(self, patient: Mapping[str, Any]) -> None:
        """Wait until a job has left the attempt that the fault hit; a schedule may have made it."""
        while True:
            job = await self._site.nodes.job(patient["id"], uid=patient["uid"])
            if job["status"] in FINAL | {"queued"} or job["attempt"] > patient["attempt"]:
                return
            await asyncio.sleep(LOOK_S)
