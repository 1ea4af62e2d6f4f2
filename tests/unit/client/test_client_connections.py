"""Which call uses which connection of a `Client`, and when one is used again."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from atlanscheduler_client import Changed, Client, Status, Unreachable
from atlanscheduler_client.idle import IDLE_MAX
from tests.support.eventually import eventually
from tests.unit.client.conftest import reply
from tests.unit.client.test_client_outages import job
from tests.unit.client.whims import TOGETHER, Node, connected, in_child, node_fixture

__all__ = ["node_fixture"]

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def client(node: Node) -> Iterator[Client]:
    with Client(node.url, timeout_s=5, retry_s=0) as client:
        yield client


def test_calls_one_after_the_other_share_a_connection(node: Node, client: Client) -> None:
    """Opening one takes a round trip, and several with TLS."""
    for _ in range(3):
        client.get("ada", "1")
    assert len(node.opened) == 1


def test_a_call_on_a_connection_that_the_node_is_closing_is_made_once_more(
    node: Node, client: Client
) -> None:
    """The node may close an idle connection at the moment at which the request is sent."""
    client.get("ada", "1")
    assert client.get("gone", "2").uid == "gone"
    assert len(node.opened) == 2
    assert len(node.requests) == 3


@pytest.mark.parametrize("uid", ["late", "hints"])
def test_an_answer_that_comes_late_never_reaches_the_next_call(node: Node, uid: str) -> None:
    """Its caller has given up, or has taken an interim response for the answer."""
    with Client(node.url, timeout_s=2, retry_s=0) as client:
        with pytest.raises(Unreachable):
            client.get(uid, "1")
        assert client.get("ada", "2").uid == "ada"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ValueError, TimeoutError])
def test_what_interrupts_a_call_leaves_no_half_read_connection(
    client: Client, kind: type[BaseException]
) -> None:
    """Ctrl-C, or a time limit that a program sets by a signal."""

    def interrupt(*_: object) -> None:
        raise kind("interrupted")

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises((kind, Unreachable), match=r"interrupted|silent"):
            client.get("half", "1")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert client.get("ada", "2").uid == "ada"


def test_a_call_within_a_call_has_a_connection_of_its_own(node: Node, client: Client) -> None:
    """A signal handler or a destructor may call while its thread is in a call."""
    answers = []

    def call(*_: object) -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        answers.append(client.get("ada", "2").uid)
        node.answering.set()

    before = signal.signal(signal.SIGUSR1, call)
    try:
        answers.append(client.get("waking", "1").uid)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert answers == ["ada", "waking"]


def test_what_nobody_asked_for_is_not_read_as_an_answer() -> None:
    """A connection on which something came while it was idle is not used again."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ThreadPoolExecutor(1) as thread,
        Client(f"http://127.0.0.1:{server.getsockname()[1]}", retry_s=0) as client,
    ):
        asked = thread.submit(client.get, "ada", "1")
        first, _ = server.accept()
        with first:
            first.recv(65536)
            first.sendall(reply(job(uid="ada")))
            assert asked.result().uid == "ada"
            first.sendall(reply(job(uid="eve")))
            asked = thread.submit(client.get, "bob", "1")
            second, _ = server.accept()
            with second:
                second.recv(65536)
                second.sendall(reply(job(uid="bob")))
                assert asked.result().uid == "bob"


async def test_only_so_many_idle_connections_are_kept(node: Node, client: Client) -> None:
    """Each costs a descriptor, here and in the node."""
    with ThreadPoolExecutor(TOGETHER) as threads:
        asked = [threads.submit(client.get, "together", str(n)) for n in range(TOGETHER)]
        answered = [await asyncio.wrap_future(each) for each in asked]
    assert [each.id for each in answered] == [str(n) for n in range(TOGETHER)]
    assert len(node.opened) == TOGETHER
    await eventually(lambda: node.open == IDLE_MAX)
    client.close()
    await eventually(lambda: node.open == 0)


async def test_a_close_during_a_call_lets_it_end_and_keeps_nothing(
    node: Node, client: Client
) -> None:
    """Another thread may still be in a call when a program closes its client."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(asyncio.to_thread(client.get, "held", "1"))
        await eventually(node.asked.is_set)
        client.close()
        node.answering.set()
    assert asked.result().uid == "held"
    await eventually(lambda: node.open == 0)
    assert client.get("ada", "2").uid == "ada"


def test_a_child_leaves_its_parents_connections_alone(node: Node, client: Client) -> None:
    """Both would read parts of the other's answers."""
    client.get("ada", "1")
    (kept,) = client._connections._idle._idle
    assert in_child(kept.sock.fileno) == "-1"

    def call_and_close() -> str:
        with client:
            return client.get("bob", "2").uid

    assert in_child(call_and_close) == "'bob'"
    assert len(node.opened) == 2
    client.get("ada", "3")
    assert len(node.opened) == 2


def test_a_child_closes_the_connections_of_threads_that_it_does_not_have(
    node: Node, client: Client
) -> None:
    """Otherwise the node would see them open as long as the child lives."""
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(client.get, "held", "1")
        assert node.asked.wait(5)
        assert connected(node) == 1
        assert in_child(lambda: connected(node)) == "0"
        node.answering.set()
        assert asked.result().uid == "held"


def test_a_stream_goes_on_in_parent_and_child(node: Node, client: Client) -> None:
    """A program may fork while it watches a job: each process sees each event."""
    watching = client.watch("ada", "1")

    def status() -> Status:
        event = next(watching)
        assert isinstance(event, Changed)
        return event.job.status

    assert status() is Status.RUNNING
    assert in_child(status) == repr(Status.SUCCESSFUL)
    assert ["Last-Event-ID: 1" in request for request in node.requests] == [False, True]
    node.answering.set()
    assert status() is Status.SUCCESSFUL
    assert len(node.requests) == 2


def test_a_log_that_a_child_reads_on_is_said_to_be_the_parents(client: Client) -> None:
    """The child cannot know which lines were left."""
    lines = client.log("ada", "1")
    next(lines)
    assert "before a fork" in in_child(lambda: next(lines))
