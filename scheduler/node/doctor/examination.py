"""All checks, in the order in which a node starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from scheduler.basics.cpus import usable_cpus
from scheduler.core.finding import UNREACHABLE, Finding, missing, warning
from scheduler.core.policy import renewal_s
from scheduler.node.config.loading import Config
from scheduler.node.doctor.access import access_findings
from scheduler.node.doctor.folders import folder_findings, is_used
from scheduler.node.doctor.handlers import handlers_finding
from scheduler.node.doctor.machine import machine_findings
from scheduler.node.doctor.port import port_finding
from scheduler.node.folders import flaw_of
from scheduler.queue.inspecting import inspect_queue
from scheduler.store.inspecting import OwnNode, inspect_store
from scheduler.telemetry import log_lines

CHECK_S: Final = 5.0
"""How long a check may take."""

SERVERS: Final = ("store", "queue")
"""What does not answer so long keeps a node from starting; handlers may just take long to load."""


def examine(config: Config, *, file: Path) -> Sequence[Finding]:
    """What each check found. Nothing is changed, and a node may run meanwhile.

    Args:
        file: where the configuration was read, or would have been.
    """
    log_lines.configure(node="doctor")  # to standard error
    workers = config.node.workers or usable_cpus()
    here = [
        *machine_findings(workers=workers),
        *folder_findings(config),
        *access_findings(config),
    ]
    examination = Examination(config, file, Path(config.node.data_dir).resolve())
    return [*here, *asyncio.run(examination.of_others())]


class Examination:
    """The checks that wait for others: servers and processes."""

    def __init__(self, config: Config, file: Path, data_dir: Path) -> None:
        self._config = config
        self._file = file
        self._data_dir = data_dir
        self._store_identity = ""

    async def of_others(self) -> Sequence[Finding]:
        """Store, queue, handlers and port."""
        return [finding async for findings in self._all() for finding in findings]

    async def _all(self) -> AsyncIterator[Iterable[Finding]]:
        looks: Mapping[str, Awaitable[Iterable[Finding]]] = {
            "store": self._of_store(),
            "queue": self._of_queue(),
            "handlers": handlers_finding(self._config.handlers, self._file),
            "port": asyncio.to_thread(port_finding, self._config.http, data_dir=self._data_dir),
        }
        for check, look in looks.items():
            yield await _in_time(check, look)

    async def _of_store(self) -> Sequence[Finding]:
        store, node = self._config.store, self._config.node
        inspected = await inspect_store(
            store.url,
            schema=store.schema,
            data_dir=self._data_dir,
            flaw_of=flaw_of,
            own=OwnNode(node.own_name, renewal_s(node.lease_s), runs=is_used(self._data_dir)),
        )
        self._store_identity = inspected.identity
        return inspected.findings

    async def _of_queue(self) -> Sequence[Finding]:
        queue = self._config.queue
        return await inspect_queue(
            queue.url, namespace=queue.namespace, store_identity=self._store_identity
        )


async def _in_time(check: str, look: Awaitable[Iterable[Finding]]) -> Iterable[Finding]:
    try:
        async with asyncio.timeout(CHECK_S):
            return await look
    except TimeoutError:
        found = f"not done within {CHECK_S:g} s"
        if check in SERVERS:
            return [missing(check, found, UNREACHABLE)]
        return [warning(check, found, "look why it takes so long: a start waits as well")]
    except OSError as error:
        return [missing(check, str(error), "let the user of the node have these rights")]
