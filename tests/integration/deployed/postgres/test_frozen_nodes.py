"""A node that is frozen while its session in PostgreSQL has locks that other nodes wait for.

Its connections stay open for as long as it is frozen, and so would its transaction: other nodes
could neither claim jobs of the same limit, nor take its own jobs over.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from scheduler.store.postgres_schema import IDLE_S
from tests.integration.nodes.test_shares import most_at_once, spans
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer

LEASE_S: Final = 2
BOUND_S: Final = 45.0
"""Far longer than it takes: the node is frozen until then."""
JOBS: Final = 4
NUMBER: Final = 4711
"""Of an advisory lock."""
CLAIMS_MAY_WAIT: Final = f"""
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared({NUMBER});
    RETURN NEW;
END $$;
CREATE TRIGGER wait BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.status = 'queued' AND NEW.status = 'running') EXECUTE FUNCTION wait();
"""
SESSIONS: Final = """
SELECT state || ' ' || wait_event
  FROM pg_stat_activity
 WHERE application_name = 'AtlanScheduler'
   AND state <> 'idle'
   AND xact_start IS NOT NULL
"""


class Moment(NamedTuple):
    """A moment at which a node has locks, and the server waits for the node."""

    state: str
    """Of the session, as the server shows it."""
    held_up: str
    """What the operator does so that the node waits just before."""
    by_socket: bool = False
    """Whether by a Unix socket, which takes little of what nobody reads."""
    data_bytes: int = 0
    """Of each job."""


CLAIM_WAITS: Final = f"SELECT pg_advisory_lock({NUMBER})"
BETWEEN: Final = Moment("idle in transaction ClientRead", CLAIM_WAITS)
MOMENTS: Final = {
    "between two statements": BETWEEN,
    "when it has prepared a statement": Moment(
        "active ClientRead", "BEGIN; LOCK TABLE limiter_holds IN ACCESS EXCLUSIVE MODE"
    ),
    "while it is sent an answer": Moment(
        "active ClientWrite", CLAIM_WAITS, by_socket=True, data_bytes=900_000
    ),
}


class Town(NamedTuple):
    """What the nodes share, and two connections of an operator."""

    start_node: Nodes
    server: PostgresServer
    schema: str
    queue_url: str
    operator: Any
    observer: Any
    folder: Path

    def start(self, name: str, moment: Moment, *, lease_s: float = LEASE_S) -> Node:
        """Start a node."""
        url = self.server.socket_url if moment.by_socket else self.server.url
        return self.start_node(
            name,
            NODE__NAME=name,
            NODE__LEASE_S=lease_s,
            NODE__LOSSES_MAX=100,
            STORE__URL=url(schema=self.schema),
            QUEUE__URL=self.queue_url,
        )

    async def freeze(self, node: Node, moment: Moment) -> None:
        """Have a node claim jobs, and freeze it at that moment."""
        await self.operator.execute(CLAIMS_MAY_WAIT)
        await self.operator.execute(moment.held_up)
        for _ in range(JOBS):
            await self.submit(node, moment.data_bytes)
        lock = "relation" if "TABLE" in moment.held_up else "advisory"
        await eventually(lambda: self._is_there(f"active {lock}"))
        node.signal(signal.SIGSTOP)
        await self.operator.execute("SELECT pg_advisory_unlock_all(); ROLLBACK")
        await eventually(lambda: self._is_there(moment.state), within_s=IDLE_S)

    async def submit(self, node: Node, data_bytes: int = 0) -> Body:
        """Submit a job of which one runs at a time."""
        data = {"folder": str(self.folder), "for_s": 0.2, "more": "x" * data_bytes}
        return await node.submit("beating_1", data)

    async def sessions(self) -> list[str]:
        """The states of the nodes' sessions that are within a transaction."""
        return [row[0] for row in await self.observer.fetch(SESSIONS)]

    async def _is_there(self, state: str) -> bool:
        return state in await self.sessions()


@pytest.fixture
async def town(
    start_node: Nodes,
    own_redis: RedisServer,
    postgres_server: PostgresServer,
    postgres_url: str,
    tmp_path: Path,
) -> AsyncIterator[Town]:
    schema = postgres_url.rpartition("=")[2]
    folder = tmp_path / "beats"
    folder.mkdir()
    connected = postgres_server.connection
    async with connected(schema=schema) as operator, connected(schema=schema) as observer:
        yield Town(start_node, postgres_server, schema, own_redis.url, operator, observer, folder)


def begun(folder: Path) -> int:
    return len(list(folder.iterdir()))


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
async def test_a_frozen_node_keeps_no_other_node_waiting_for_ever(
    town: Town, moment: Moment
) -> None:
    """Others run all of its jobs while it is frozen; then it goes on, too."""
    two = town.start("two", moment)
    await town.freeze(two, moment)

    one = town.start("one", moment)
    await eventually(lambda: begun(town.folder) == JOBS, within_s=BOUND_S)
    two.signal(signal.SIGCONT)

    assert one.drain() == 0, one.log
    last = await two.job(await town.submit(two), wait_s=30)
    assert last["status"] == "successful"
    _, jobs = await two.call("GET", "/u1")
    assert [job["status"] for job in jobs] == ["successful"] * (JOBS + 1)
    assert most_at_once(spans(town.folder)) == 1
    assert "Traceback" not in one.log + two.log


async def test_a_node_that_goes_on_too_late_begins_its_transaction_anew(town: Town) -> None:
    """The server has ended the session (25P03), and nothing has taken effect: no call fails."""
    node = town.start("alone", BETWEEN, lease_s=120)
    await town.freeze(node, BETWEEN)

    async def ended() -> bool:
        return BETWEEN.state not in await town.sessions()

    await eventually(ended, within_s=BOUND_S)
    node.signal(signal.SIGCONT)

    await eventually(lambda: begun(town.folder) == JOBS)
    assert "the store is away" not in node.log, node.log
